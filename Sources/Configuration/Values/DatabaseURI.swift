import Basics

/// The address of a PostgreSQL database
/// ([section 34.1.1.2](https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS)).
///
/// Only what the configuration itself must know of it is read here. Whether it is complete, libpq says, which also takes
/// what it leaves out from the environment.
package struct DatabaseURI: Sendable, Equatable {
    /// As written. May contain a password.
    package let text: String
    /// The same without a password, for people.
    package let shown: String
    let containsPassword: Bool
    /// Whether the way to the server leaves this machine without its certificate being checked.
    let isExposed: Bool
    /// The files that it names, and which of them are secret.
    let files: [(path: String, isPassword: Bool, isSecret: Bool)]

    /// Reads a URI. Refuses what libpq would divide in another way than it looks, since a part of a password would become
    /// something that is shown.
    ///
    /// - Throws: with words that do not repeat the text.
    init(parsing text: String) throws(ValueFault) {
        let parts = try Self.parts(text)
        let parameters = try parts.query.map { part throws(ValueFault) in try Parameter(part) }
        func value(_ key: String) -> String? { parameters.last { $0.key == key }?.value }

        self.text = text
        let query = parameters.filter(\.isShown).map(\.text).joined(separator: "&")
        let user = parts.user.map { "\($0)@" } ?? ""
        shown = parts.scheme + user + parts.place + (query.isEmpty ? "" : "?\(query)")
        containsPassword = parts.hasPassword || parameters.contains { $0.isSecret && !$0.value.isEmpty }
        let named = try parts.servers.map { server throws(ValueFault) in try Self.host(of: server) }
        var isLocal = (value("host").map(Self.list) ?? named).allSatisfy(Self.isLocal)
        if let addresses = value("hostaddr"), !addresses.isEmpty {
            isLocal = Self.list(addresses).allSatisfy { IPAddress($0)?.isLoopback ?? false }
        }
        isExposed = !isLocal && !["verify-full", "verify-ca"].contains(value("sslmode") ?? "")
        var files: [(path: String, isPassword: Bool, isSecret: Bool)] = []
        for (key, isPassword, isSecret) in Self.fileParameters {
            // `system` stands for the authorities that the system trusts.
            guard let path = value(key), !path.isEmpty, path != "system" else { continue }
            guard path.hasPrefix("/") else {
                throw ValueFault("\(key)= must be a full path, since libpq does not look in the configuration's folder")
            }
            files.append((path, isPassword, isSecret))
        }
        self.files = files
    }

    /// Where the server's certificate and the password may be.
    private static let fileParameters = [
        ("passfile", true, true), ("sslkey", false, true), ("sslcert", false, false), ("sslrootcert", false, false),
        ("sslcrl", false, false),
    ]

    package static func == (a: DatabaseURI, b: DatabaseURI) -> Bool { a.text.hasSameBytes(as: b.text) }
}

/// No description contains the password.
extension DatabaseURI: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { shown }
    package var debugDescription: String { shown }
    package var customMirror: Mirror { Mirror(self, children: []) }
}

extension DatabaseURI {
    static let schemes = ["postgres://", "postgresql://"]

    /// What a URI consists of, as libpq divides it.
    private struct Parts {
        let scheme: String
        /// As written; `nil` if it names none.
        var user: String?
        var hasPassword = false
        /// Each with its port.
        let servers: [[UInt8]]
        /// Servers and database.
        let place: String
        let query: [[UInt8]]
    }

    private static func parts(_ text: String) throws(ValueFault) -> Parts {
        let bytes = Array(text.utf8)
        guard !bytes.contains(where: { $0 <= 0x20 || $0 == 0x7f }) else {
            throw ValueFault("the URI contains a space or control character; write %20 for a space")
        }
        let scheme = schemes.first { bytes.starts(with: $0.utf8) } ?? ""
        var rest = bytes[scheme.utf8.count...]
        let at = UInt8(ascii: "@")
        let authority = rest.prefix { $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "?") }
        let signs = rest.count { $0 == at }
        guard signs <= 1, signs == authority.count(where: { $0 == at }) else {
            throw ValueFault(
                "write / as %2F, ? as %3F and @ as %40 in the URI's user, its password, and anything behind the server"
            )
        }
        let userAndPassword = authority.firstIndex(of: at).map { rest[..<$0] }
        if let userAndPassword {
            _ = try decoded(userAndPassword)
            rest = rest[(userAndPassword.endIndex + 1)...]
        }
        let user = userAndPassword?.prefix { $0 != UInt8(ascii: ":") }
        let place = rest.prefix { $0 != UInt8(ascii: "?") }
        let servers = place.prefix { $0 != UInt8(ascii: "/") }
        return Parts(
            scheme: scheme,
            user: user.map { String(decoding: $0, as: UTF8.self) },
            hasPassword: (userAndPassword?.count ?? 0) > (user?.count ?? 0) + 1,
            servers: servers.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false).map(Array.init),
            place: String(decoding: place, as: UTF8.self),
            query: rest[place.endIndex...].dropFirst().split(separator: UInt8(ascii: "&")).map(Array.init)
        )
    }

    /// The name or address of a server, without brackets.
    private static func host(of server: [UInt8]) throws(ValueFault) -> String {
        // The port's colon comes after the bracket of an IPv6 address.
        let bracket = server.lastIndex(of: UInt8(ascii: "]")) ?? server.startIndex
        let colon = server[bracket...].firstIndex(of: UInt8(ascii: ":")) ?? server.endIndex
        guard server[colon...].dropFirst().allSatisfy(\.isDigit) else {
            throw ValueFault("the URI's port is no number; if it was a password, a user and an @ are missing")
        }
        let host = try decoded(server[..<colon])
        return host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : host
    }

    /// Whether a name or address is that of this machine, or a Unix socket's folder. Without a name, libpq uses a socket.
    private static func isLocal(_ name: String) -> Bool {
        name.isEmpty || name.hasPrefix("/") || name.hasPrefix("@") || HostName.isLoopback(name)
    }

    private static func list(_ text: String) -> [String] {
        text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    }

    private static func decoded(_ bytes: some Collection<UInt8>) throws(ValueFault) -> String {
        guard let text = percentDecoded(Array(bytes).span, plusIsSpace: false) else {
            throw ValueFault("the URI contains a % that two hexadecimal digits do not follow; write %25 for a %")
        }
        return text
    }

    /// One `key=value` behind the question mark.
    private struct Parameter {
        let text: String
        let key: String
        let value: String

        init(_ written: [UInt8]) throws(ValueFault) {
            guard let sign = written.firstIndex(of: UInt8(ascii: "=")) else {
                throw ValueFault("behind the URI's question mark belong parameters such as sslmode=verify-full")
            }
            text = String(decoding: written, as: UTF8.self)
            (key, value) = (try decoded(written[..<sign]), try decoded(written[(sign + 1)...]))
        }

        var isSecret: Bool { ["password", "sslpassword"].contains(key) }

        /// What is not known could be a password whose key was misspelt.
        var isShown: Bool { Self.harmless.contains(key) }

        private static let harmless = Set(
            """
            host hostaddr port dbname user passfile require_auth channel_binding connect_timeout client_encoding options
            application_name fallback_application_name keepalives keepalives_idle keepalives_interval keepalives_count
            tcp_user_timeout ssl sslmode sslnegotiation sslcompression sslcert sslkey sslcertmode sslrootcert sslcrl
            sslcrldir sslsni requirepeer ssl_min_protocol_version ssl_max_protocol_version krbsrvname gsslib gssencmode
            gssdelegation service target_session_attrs load_balance_hosts
            """.split { $0 == " " || $0 == "\n" }.map(String.init)
        )
    }
}
