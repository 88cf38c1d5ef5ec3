extension Settings {
    /// Files that hold secrets, keys or people's data, as the configuration names them, each with its key.
    package var secretFiles: [(key: String, path: String)] {
        var files: [(key: String, path: String)] = []
        func add(_ key: String, _ path: String?) {
            if let path { files.append((key, path)) }
        }
        for (index, listener) in listeners.enumerated() {
            add("listener[\(index)].key", listener.key)
            for (place, name) in listener.serverNames.enumerated() {
                add("listener[\(index)].sni[\(place)].key", name.key)
            }
        }
        add("admin.token_file", admin.tokenFile)
        for (index, company) in companies.enumerated() {
            for file in company.clientSecretFiles { add("company[\(index)].client_secret_files", file) }
            for (place, origin) in company.keyOrigins.enumerated() {
                switch origin.source {
                case .secretFile(let path): add("company[\(index)].key[\(place)].secret_file", path)
                case .privateKeyFile(let path): add("company[\(index)].key[\(place)].private_key_file", path)
                case .publicKeyFile, .jwksFile, .jwksURL: break
                }
            }
        }
        add("sessions.cookie_key_file", sessions.cookieKeyFile)
        add("identity.assertion_key_file", identity.assertionKeyFile)
        if control.enabled {
            add("control.database", control.database)
            add("control.token_key_file", control.tokenKeyPath)
        }
        return files
    }
}
