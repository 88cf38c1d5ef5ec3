import Basics

/// The part of an http or https URL that names a server, and the rest of it.
struct WebAddress {
    let isSecure: Bool
    /// In lower case, without the brackets of an IPv6 address. May begin with `*.` if wildcards are allowed.
    let host: String
    /// As written; `nil` if absent.
    let writtenPort: Int?
    /// Path, query and fragment as written; empty if absent.
    let rest: String

    init(parsing text: String, allowsWildcard: Bool = false) throws(ValueFault) {
        guard let separator = text.utf8.firstIndex(of: UInt8(ascii: ":")), text[separator...].hasPrefix("://") else {
            throw ValueFault("\(quoted(text)) is not a URL: it must begin with https:// or http://")
        }
        let scheme = text[..<separator].lowercased()
        guard scheme == "https" || scheme == "http" else {
            throw ValueFault("\(quoted(text)): the scheme must be https or http")
        }
        isSecure = scheme == "https"
        let afterScheme = text[text.index(separator, offsetBy: 3)...]
        let end = afterScheme.utf8.firstIndex { "/?#\\".utf8.contains($0) } ?? afterScheme.endIndex
        let authority = afterScheme[..<end]
        rest = String(afterScheme[end...])
        guard rest.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) else {
            throw ValueFault("\(quoted(text)) holds a character that does not belong in a URL")
        }
        guard !authority.utf8.contains(UInt8(ascii: "@")) else {
            throw ValueFault("a user name or password does not belong here")
        }
        // The port's colon comes after the bracket of an IPv6 address.
        let bracket = authority.utf8.lastIndex(of: UInt8(ascii: "]")) ?? authority.startIndex
        let colon = authority.utf8[bracket...].lastIndex(of: UInt8(ascii: ":"))
        let hostText = authority[..<(colon ?? authority.endIndex)]
        guard !hostText.isEmpty else { throw ValueFault("\(quoted(text)) names no host") }
        if allowsWildcard, hostText.hasPrefix("*.") {
            let name = hostText.dropFirst(2)
            guard HostName.isName(name) else { throw ValueFault("\(quoted(String(hostText))) is not a host name") }
            host = hostText.lowercased()
        } else {
            host = try HostName.read(hostText)
        }
        writtenPort =
            if let colon { try HostName.readPort(authority[authority.index(after: colon)...], in: 1...65535) } else {
                nil
            }
    }

    var port: Int { writtenPort ?? (isSecure ? 443 : 80) }

    /// `scheme://host[:port]`, as browsers send it in `Origin`: without a default port.
    var origin: String {
        let name = host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]" : host
        let scheme = isSecure ? "https" : "http"
        return port == (isSecure ? 443 : 80) ? "\(scheme)://\(name)" : "\(scheme)://\(name):\(port)"
    }
}

extension PublicURL {
    /// Reads `https://host[:port]`. Accepts http only for hosts where nobody else can listen.
    package init(parsing text: String) throws(ValueFault) {
        let address = try WebAddress(parsing: text)
        guard address.rest.isEmpty || address.rest == "/" else {
            throw ValueFault("\(quoted(text)) must end after the host: a path, query or fragment does not belong here")
        }
        guard address.isSecure || HostName.isLoopback(address.host) else {
            throw ValueFault(
                "\(quoted(text)) must be https: browsers keep the session cookie in a frame only when it is Secure; "
                    + "http is for localhost alone"
            )
        }
        self.init(
            text: address.rest == "/" ? String(text.dropLast()) : text,
            isSecure: address.isSecure,
            origin: address.origin
        )
    }
}

/// Origins of web pages in lists of the configuration.
enum WebOrigin {
    /// Reads `https://host[:port]` and returns the form that browsers send.
    static func read(_ text: String) throws(ValueFault) -> String {
        try read(text, allowsWildcard: false)
    }

    /// Reads an origin that `frame-ancestors` also accepts: `https://*.example.com`, or `*` for any.
    static func readPattern(_ text: String) throws(ValueFault) -> String {
        text == "*" ? text : try read(text, allowsWildcard: true)
    }

    private static func read(_ text: String, allowsWildcard: Bool) throws(ValueFault) -> String {
        let address = try WebAddress(parsing: text, allowsWildcard: allowsWildcard)
        guard address.rest.isEmpty else {
            throw ValueFault("\(quoted(text)) is not an origin: it must end after the host, as \"\(address.origin)\"")
        }
        return address.origin
    }
}

extension UpstreamServerSettings {
    /// Reads `host:port`, `unix:/path`, or `http://` or `https://` with a host and an optional port.
    package init(parsing text: String) throws(ValueFault) {
        guard text.contains("://") else {
            let address = try SocketAddress(parsing: text)
            if case .tcp(_, port: 0) = address { throw ValueFault("\"0\" is not a port (1 to 65535)") }
            self.init(isSecure: false, address: address)
            return
        }
        let address = try WebAddress(parsing: text)
        guard address.rest.isEmpty || address.rest == "/" else {
            throw ValueFault("\(quoted(text)) must end after the host: paths are forwarded as they come")
        }
        self.init(isSecure: address.isSecure, address: .tcp(host: address.host, port: address.port))
    }

    /// The server in the form of the configuration.
    package var text: String { (isSecure ? "https://" : "") + address.text }

    /// Whether its host is a name, which must be resolved.
    package var isNamed: Bool {
        guard case .tcp(let host, _) = address else { return false }
        return IPAddress(host) == nil
    }

    /// The server as a request's `Host` names it: without the scheme's own port. `nil` for a Unix socket.
    package var authority: String? {
        guard case .tcp(let host, let port) = address else { return nil }
        guard port == (isSecure ? 443 : 80) else { return address.text }
        return host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]" : host
    }
}

extension UpstreamHost {
    /// Reads `preserve`, `upstream`, or a host with an optional port.
    package init(parsing text: String) throws(ValueFault) {
        switch text {
        case "preserve": self = .preserve
        case "upstream": self = .upstream
        default:
            // What was meant for one of the words must not become a name that the upstream does not know.
            if let word = NearestName.find(text, among: ["preserve", "upstream"]) {
                throw ValueFault(
                    "\(quoted(text)): did you mean \(quoted(word))? If it is a host's name, add a port"
                )
            }
            let bracket = text.utf8.lastIndex(of: UInt8(ascii: "]")) ?? text.startIndex
            guard let colon = text.utf8[bracket...].lastIndex(of: UInt8(ascii: ":")) else {
                let host = try HostName.read(text)
                self = .name(host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]" : host)
                return
            }
            let address = try SocketAddress(parsing: text)
            guard case .tcp(_, 1...) = address, !text[..<colon].isEmpty else {
                throw ValueFault("\(quoted(text)) is not \"preserve\", \"upstream\" or a host with an optional port")
            }
            self = .name(address.text)
        }
    }

    /// In the form of the configuration.
    package var text: String {
        switch self {
        case .preserve: "preserve"
        case .upstream: "upstream"
        case .name(let name): name
        }
    }
}
