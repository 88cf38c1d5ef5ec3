/// A file that the configuration names, and its purpose.
package struct FileUse: Sendable {
    package enum Role: Sendable {
        /// A certificate, its key, or the certificates of its authorities. Often one file holds several.
        case tls
        case adminToken
        case clientSecret
        /// A company's secret or private key.
        case signingKey
        /// A key that only verifies and is not secret.
        case publicKey
        case ticketKey
        case cookieKey
        case assertionKey
        case tokenKey
        case companyKey
        case database
        case databasePassword
        case controlSocket
        case denyList
        /// The layout of pages, or their texts. A layout may have scripts.
        case page
        case tracingHeaders
        case log

        /// Whether someone who replaces the file could let in anybody, or pass for the gateway.
        package var decidesWhoPasses: Bool {
            switch self {
            case .denyList, .log: false
            default: true
            }
        }

        /// The role, worded for the operator.
        package var words: String {
            switch self {
            case .tls: "certificates and their keys"
            case .adminToken: "the operator's token"
            case .clientSecret: "a client secret"
            case .signingKey: "a company's key"
            case .publicKey: "a public key"
            case .ticketKey: "the key of TLS sessions"
            case .cookieKey: "the key of sessions"
            case .assertionKey: "the key of assertions"
            case .tokenKey: "the key of API tokens"
            case .companyKey: "the key of companies' secrets"
            case .database: "the database"
            case .databasePassword: "the database's password"
            case .controlSocket: "the control API's socket"
            case .denyList: "the list of denied addresses"
            case .page: "what pages show"
            case .tracingHeaders: "fields for the collector of traces"
            case .log: "a log"
            }
        }
    }

    /// The key, such as `company[0].client_secret_files`.
    package let key: String
    package let path: String
    package let role: Role
    /// Whether others must not be able to read it.
    package let isSecret: Bool
}

extension Settings {
    /// All files that the settings name, each with its key.
    package var files: [FileUse] {
        var files: [FileUse] = []
        func add(_ key: String, _ path: String?, _ role: FileUse.Role, isSecret: Bool = true) {
            if let path { files.append(FileUse(key: key, path: path, role: role, isSecret: isSecret)) }
        }
        for (index, listener) in listeners.enumerated() {
            let place = "listener[\(index)]"
            add("\(place).certificate", listener.certificate, .tls, isSecret: false)
            add("\(place).key", listener.key, .tls)
            add("\(place).ocsp_file", listener.ocspFile, .tls, isSecret: false)
            add("\(place).ticket_key_file", listener.ticketKeyFile, .ticketKey)
            add("\(place).client_ca_file", listener.clientCAFile, .tls, isSecret: false)
            for (number, name) in listener.serverNames.enumerated() {
                add("\(place).sni[\(number)].certificate", name.certificate, .tls, isSecret: false)
                add("\(place).sni[\(number)].key", name.key, .tls)
                add("\(place).sni[\(number)].ocsp_file", name.ocspFile, .tls, isSecret: false)
            }
        }
        add("admin.token_file", admin.tokenFile, .adminToken)
        add("admin.read_token_file", admin.readTokenFile, .adminToken)
        for (index, upstream) in upstreams.enumerated() {
            add("upstream[\(index)].ca_file", upstream.caFile, .tls, isSecret: false)
            add("upstream[\(index)].certificate", upstream.certificate, .tls, isSecret: false)
            add("upstream[\(index)].key", upstream.key, .tls)
        }
        for (index, company) in companies.enumerated() {
            for file in company.clientSecretFiles { add("company[\(index)].client_secret_files", file, .clientSecret) }
            for (number, origin) in company.keyOrigins.enumerated() {
                let place = "company[\(index)].key[\(number)]"
                switch origin.source {
                case .secretFile(let path): add("\(place).secret_file", path, .signingKey)
                case .privateKeyFile(let path): add("\(place).private_key_file", path, .signingKey)
                case .publicKeyFile(let path): add("\(place).public_key_file", path, .publicKey, isSecret: false)
                case .jwksFile(let path): add("\(place).jwks_file", path, .publicKey, isSecret: false)
                case .jwksURL, .openID: break
                }
            }
        }
        add("sessions.cookie_key_file", sessions.cookieKeyFile, .cookieKey)
        add("identity.assertion_key_file", identity.assertionKeyFile, .assertionKey)
        if let directory = pages.directory {
            if pages.template != nil { add("pages.directory", directory + "/page.html", .page, isSecret: false) }
            for tag in pages.languages { add("pages.languages", "\(directory)/\(tag).toml", .page, isSecret: false) }
        }
        add("limits.deny_file", limits.denyFile, .denyList, isSecret: false)
        add("tracing.headers_file", tracing.headersFile, .tracingHeaders)
        add("tracing.ca_file", tracing.caFile, .tls, isSecret: false)
        for (key, target) in [("log.output", log.output), ("log.access_output", log.accessOutput)] {
            if case .file(let path) = target { add(key, path, .log, isSecret: false) }
        }
        if control.enabled {
            switch control.database {
            case .file(let path): add("control.database", path, .database)
            case .server(let uri):
                for file in uri.files {
                    let role: FileUse.Role = file.isPassword ? .databasePassword : .tls
                    add("control.database", file.path, role, isSecret: file.isSecret)
                }
                add("control.state_folder", control.socket, .controlSocket, isSecret: false)
            }
            add("control.token_key_file", control.tokenKeyPath, .tokenKey)
            add("control.company_key_file", control.companyKeyPath, .companyKey)
        }
        return files
    }
}
