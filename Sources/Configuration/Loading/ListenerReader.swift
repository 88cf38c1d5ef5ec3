/// The reader of `[[listener]]`.
struct ListenerReader {
    private let root: TableReader

    init(_ root: TableReader) {
        self.root = root
    }

    func listeners() -> [ListenerSettings] {
        let tables = root.tables("listener")
        if tables.isEmpty { root.reportMissing("listener") }
        var taken: [(address: SocketAddress, place: Place)] = []
        var listeners: [ListenerSettings] = []
        for table in tables {
            let address = table.required("address", .text("an address", SocketAddress.init(parsing:)))
            if let address {
                if let other = taken.first(where: { $0.address.isSame(as: address) }) {
                    table.report("\(other.place) has the same address", at: "address")
                }
                taken.append((address, table.place))
            }
            listeners.append(listener(table, address: address ?? .unix(path: "")))
        }
        return listeners
    }

    private func listener(_ table: TableReader, address: SocketAddress) -> ListenerSettings {
        var listener = ListenerSettings(address: address)
        listener.certificate = table.value("certificate", .file)?.path
        listener.key = table.value("key", .file)?.path
        reportHalfPair(table)
        table.read("proxy_protocol", into: &listener.proxyProtocol, .boolean)
        let more = table.tables("sni")
        if let first = more.first, !table.has("certificate") {
            table.context.problems.report("needs certificate and key in its listener too", at: first.place)
        }
        var taken: [String] = []
        listener.serverNames = more.map { serverName($0, taken: &taken) }
        return listener
    }

    private func serverName(_ table: TableReader, taken: inout [String]) -> ServerNameSettings {
        let names = table.required("names", .filled(.list(of: .text("a server name", Self.readServerName)))) ?? []
        for name in names {
            if taken.contains(name) { table.report("\(quoted(name)) stands there twice", at: "names") }
            taken.append(name)
        }
        let certificate = table.required("certificate", .file)?.path ?? ""
        let key = table.required("key", .file)?.path ?? ""
        return ServerNameSettings(names: names, certificate: certificate, key: key)
    }

    private func reportHalfPair(_ table: TableReader) {
        if table.has("certificate"), !table.has("key") { table.report("needs key beside it", at: "certificate") }
        if table.has("key"), !table.has("certificate") { table.report("needs certificate beside it", at: "key") }
    }

    /// A host name, perhaps with `*.` for one label.
    private static func readServerName(_ text: String) throws(ValueFault) -> String {
        let name = text.hasPrefix("*.") ? text.dropFirst(2) : text[...]
        guard HostName.isName(name) else { throw ValueFault("\(quoted(text)) is not a server name") }
        return text.lowercased()
    }
}
