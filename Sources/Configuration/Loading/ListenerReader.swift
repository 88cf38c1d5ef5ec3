import JOSE

/// Reads `[[listener]]`.
struct ListenerReader {
    private let root: TableReader
    private let publicURL: PublicURL?

    /// - Parameter publicURL: `nil` if it was reported.
    init(_ root: TableReader, publicURL: PublicURL?) {
        self.root = root
        self.publicURL = publicURL
    }

    func listeners() -> [ListenerSettings] {
        let tables = root.tables("listener")
        if tables.isEmpty { root.reportMissing("listener") }
        var taken: [(address: ListenAddress, place: Place)] = []
        var listeners: [ListenerSettings] = []
        for table in tables {
            let address = table.required("address", .text("an address", ListenAddress.init(parsing:)))
            if let address {
                if let other = taken.first(where: { $0.address.isSame(as: address) }) {
                    table.report("\(other.place) has the same address", at: "address")
                }
                taken.append((address, table.place))
            }
            listeners.append(listener(table, address: address ?? .unix(path: "")))
        }
        if !listeners.isEmpty, listeners.allSatisfy({ $0.redirect != nil }) {
            tables[0].report(
                "every listener only redirects: one must serve \(publicURL?.text ?? "viewers")",
                at: "redirect"
            )
        }
        return listeners
    }

    private func listener(_ table: TableReader, address: ListenAddress) -> ListenerSettings {
        var listener = ListenerSettings(address: address)
        table.readOwner(
            of: address,
            standard: ListenerSettings.standardMode,
            mode: &listener.mode,
            group: &listener.group
        )
        let pair = CertificateReader(table)
        listener.certificate = pair.certificatePath
        listener.key = pair.keyPath
        listener.certifiedKey = pair.certifiedKey
        (listener.ocspFile, listener.ocspResponse) = (pair.ocspPath, pair.ocspResponse)
        listener.ocspFault = pair.ocspFault
        if let file = table.value("ticket_key_file", .secretFile) {
            (listener.ticketKeyFile, listener.ticketKeys) = (file.path, Secret(file.bytes))
            if let fault = ListenerSettings.fault(ofTicketKeys: file.bytes) {
                table.report(fault, at: "ticket_key_file")
            }
        }
        if table.has("ticket_key_file"), !table.has("certificate") {
            table.report("needs certificate and key beside it", at: "ticket_key_file")
        }
        reportHalfPair(table)
        if let file = table.value("client_ca_file", .file) {
            listener.clientCAFile = file.path
            listener.clientAuthorities = table.authorities(file, at: "client_ca_file")
        }
        if table.has("client_ca_file"), !table.has("certificate") {
            table.report("needs certificate and key beside it", at: "client_ca_file")
        }
        table.read("proxy_protocol", into: &listener.proxyProtocol, .boolean)
        readTransport(table, into: &listener)
        let more = table.tables("sni")
        if let first = more.first, !table.has("certificate") {
            table.context.problems.report("needs certificate and key in its listener too", at: first.place)
        }
        var taken: [TakenName] = []
        listener.serverNames = more.map { serverName($0, taken: &taken) }
        return listener
    }

    /// Reads what moves clients from plaintext to TLS.
    private func readTransport(_ table: TableReader, into listener: inout ListenerSettings) {
        let isSecure = table.has("certificate")
        listener.transportPolicy = table.value("hsts", .duration(.zero ... .seconds(3650 * 86400))).map {
            TransportPolicy(maxAge: $0)
        }
        if let includes = table.value("hsts_include_subdomains", .boolean) {
            listener.transportPolicy?.includesSubdomains = includes
            if !table.has("hsts") { table.report("has no effect without hsts", at: "hsts_include_subdomains") }
        }
        if table.has("hsts"), !isSecure {
            table.report("needs certificate and key beside it: browsers ignore it in plaintext", at: "hsts")
        }
        listener.redirect = table.value("redirect", .choice)
        if table.has("redirect"), isSecure {
            table.report("is for plaintext: this listener has a certificate", at: "redirect")
        }
        if listener.redirect == .https, let publicURL, !publicURL.isSecure {
            table.report("needs a public_url that begins with https://", at: "redirect")
        }
        if let folder = table.value("acme_directory", .folder) {
            listener.acmeDirectory = folder
            if !table.has("redirect") { table.report("has no effect without redirect", at: "acme_directory") }
        }
    }

    /// A server name that already has a certificate for one kind of key.
    private struct TakenName {
        var name: String
        var kind: CertifiedKey.Kind?
        var place: Place
    }

    private func serverName(_ table: TableReader, taken: inout [TakenName]) -> ServerNameSettings {
        let names = table.required("names", .filled(.set(of: .text("a server name", Self.readServerName)))) ?? []
        for name in ["certificate", "key"] where !table.has(name) { table.report("is missing", at: name) }
        let pair = CertificateReader(table)
        let kind = pair.certifiedKey?.kind
        for name in names {
            if let kind, let other = taken.first(where: { $0.name == name && $0.kind == kind }) {
                let text = "\(other.place) has an \(kind.rawValue) certificate for \(quoted(name)) too"
                table.report(text, at: "names")
            }
            taken.append(TakenName(name: name, kind: kind, place: table.place))
        }
        return ServerNameSettings(
            names: names,
            certificate: pair.certificatePath ?? "",
            key: pair.keyPath ?? "",
            certifiedKey: pair.certifiedKey,
            ocspFile: pair.ocspPath,
            ocspResponse: pair.ocspResponse,
            ocspFault: pair.ocspFault
        )
    }

    private func reportHalfPair(_ table: TableReader) {
        if table.has("certificate"), !table.has("key") { table.report("needs key beside it", at: "certificate") }
        if table.has("key"), !table.has("certificate") { table.report("needs certificate beside it", at: "key") }
    }

    /// A host name, optionally with `*.` for one label.
    private static func readServerName(_ text: String) throws(ValueFault) -> String {
        let name = text.hasPrefix("*.") ? text.dropFirst(2) : text[...]
        guard HostName.isName(name) else { throw ValueFault("\(quoted(text)) is not a server name") }
        return text.lowercased()
    }
}

extension ListenerSettings {
    /// What is wrong with the content of `ticket_key_file`.
    static func fault(ofTicketKeys bytes: [UInt8]) -> String? {
        let (count, rest) = bytes.count.quotientAndRemainder(dividingBy: ticketKeySize)
        guard rest != 0 || !(1...maxTicketKeys).contains(count) else { return nil }
        return
            "has \(bytes.count) bytes: it needs \(ticketKeySize) random ones for each of at most \(maxTicketKeys) keys, "
            + "the key that seals first (openssl rand \(ticketKeySize))"
    }
}

extension TableReader {
    /// Reads who may connect to a Unix socket: the mode and the group of its file.
    ///
    /// - Parameter standard: the default mode.
    func readOwner(of address: ListenAddress, standard: UInt32, mode: inout UInt32?, group: inout String?) {
        guard case .unix(let path) = address else {
            for name in ["mode", "group"] where has(name) {
                report("has no effect: the address is no unix: socket", at: name)
            }
            return
        }
        // A faulty address was reported and has no path.
        if !path.isEmpty { mode = standard }
        read("mode", into: &mode, .text("a mode such as \"0660\"", Self.readMode))
        read("group", into: &group, Form<String>.name)
    }

    private static func readMode(_ text: String) throws(ValueFault) -> UInt32 {
        guard (3...4).contains(text.utf8.count), let mode = UInt32(text, radix: 8), mode <= 0o777 else {
            throw ValueFault("\(quoted(text)) is not a mode such as \"0660\": octal digits for owner, group and others")
        }
        return mode
    }
}
