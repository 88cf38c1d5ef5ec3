import Basics

extension SocketAddress {
    /// The longest path that fits `sockaddr_un` on Linux with its closing NUL.
    package static let maxPath = 107

    /// Reads `host:port`, `[v6]:port` or `unix:/path`.
    package init(parsing text: String) throws(ValueFault) {
        if text.hasPrefix("unix:") {
            let path = String(text.dropFirst(5))
            guard path.hasPrefix("/") else {
                throw ValueFault("\(quoted(text)): the path after unix: must begin with /")
            }
            guard path.utf8.count <= Self.maxPath else {
                throw ValueFault("\(quoted(text)): a socket path has at most \(Self.maxPath) bytes")
            }
            self = .unix(path: path)
            return
        }
        guard let colon = text.utf8.lastIndex(of: UInt8(ascii: ":")), colon != text.startIndex else {
            throw ValueFault("\(quoted(text)) is not host:port, [v6]:port or unix:/path")
        }
        let host = try HostName.read(text[..<colon])
        self = .tcp(host: host, port: try HostName.readPort(text[text.index(after: colon)...], in: 0...65535))
    }

    /// Whether it can be reached only from this machine.
    package var isLoopback: Bool {
        switch self {
        case .tcp(let host, _): HostName.isLoopback(host)
        case .unix: true
        }
    }

    /// The address in the form of the configuration.
    package var text: String {
        switch self {
        case .tcp(let host, let port): host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .unix(let path): "unix:\(path)"
        }
    }

    /// Whether both are the same address, however their hosts are spelt. Port 0 is a new port each time.
    func isSame(as other: SocketAddress) -> Bool {
        guard case .tcp(let host, let port) = self, case .tcp(let otherHost, let otherPort) = other else {
            return self == other
        }
        guard port == otherPort, port != 0 else { return false }
        if let address = IPAddress(host), let otherAddress = IPAddress(otherHost) { return address == otherAddress }
        return host == otherHost
    }
}

/// Host names and addresses in the form that precedes a port.
enum HostName {
    /// The host in lower case, without the brackets of an IPv6 address.
    static func read(_ text: some StringProtocol) throws(ValueFault) -> String {
        if text.hasPrefix("[") {
            let inner = text.dropFirst().dropLast()
            guard text.hasSuffix("]"), let address = IPAddress(inner), address.bytes.count == 16 else {
                throw ValueFault("\(quoted(String(text))) is not an IPv6 address in brackets")
            }
            return inner.lowercased()
        }
        if text.utf8.contains(UInt8(ascii: ":")) {
            throw ValueFault("\(quoted(String(text))) is not a host; an IPv6 address stands in brackets")
        }
        if IPAddress(text) != nil { return String(text) }
        guard isName(text) else {
            let advice = text.utf8.allSatisfy { $0 < 0x80 } ? "" : "; write it in its ASCII form (xn--…)"
            throw ValueFault("\(quoted(String(text))) is not a host name\(advice)")
        }
        return text.lowercased()
    }

    static func readPort(_ text: some StringProtocol, in range: ClosedRange<Int>) throws(ValueFault) -> Int {
        guard (1...5).contains(text.utf8.count), text.utf8.allSatisfy(\.isDigit), let port = Int(String(text)),
            range.contains(port)
        else {
            throw ValueFault("\(quoted(String(text))) is not a port (\(range.lowerBound) to \(range.upperBound))")
        }
        return port
    }

    static func isLoopback(_ host: String) -> Bool {
        IPAddress(host)?.isLoopback ?? (host == "localhost" || host.hasSuffix(".localhost"))
    }

    /// Whether this is a sequence of labels of letters, digits, `-` and `_`, which names of containers contain. The
    /// last label must not be all digits: that would be a misspelt address.
    static func isName(_ text: some StringProtocol) -> Bool {
        guard (1...253).contains(text.utf8.count) else { return false }
        let labels = Array(text.utf8).split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard let last = labels.last, !last.allSatisfy(\.isDigit) else { return false }
        return labels.allSatisfy { label in
            (1...63).contains(label.count) && label.first != UInt8(ascii: "-") && label.last != UInt8(ascii: "-")
                && label.allSatisfy { $0.isLetterOrDigit || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_") }
        }
    }
}
