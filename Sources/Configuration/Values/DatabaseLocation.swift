import Basics

/// Where the control API's database is.
package enum DatabaseLocation: Sendable, Equatable {
    /// SQLite's file at this path.
    case file(String)
    /// A database of a PostgreSQL server.
    case server(DatabaseURI)

    /// Reads the path of a file, or a `postgres://` URI.
    package init(parsing text: String) throws(ValueFault) {
        guard !text.isEmpty else { throw ValueFault("must not be empty") }
        if DatabaseURI.schemes.contains(where: { text.utf8.starts(with: $0.utf8) }) {
            #if PostgreSQL
                self = .server(try DatabaseURI(parsing: text))
            #else
                throw ValueFault("this gateway was built without PostgreSQL")
            #endif
        } else {
            try Self.checkPath(text)
            self = .file(text)
        }
    }

    /// As in the configuration. May contain a password.
    package var text: String {
        switch self {
        case .file(let path): path
        case .server(let uri): uri.text
        }
    }

    /// For people: without a password.
    package var shown: String {
        switch self {
        case .file(let path): path
        case .server(let uri): uri.shown
        }
    }

    /// Refuses what was probably not meant as a path. Its words repeat no more than a scheme, for there may be a password.
    private static func checkPath(_ text: String) throws(ValueFault) {
        let scheme = text.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || "+-.".contains($0)) }
        let rest = text.dropFirst(scheme.count)
        let isPostgreSQL = ["postgres", "postgresql"].contains(scheme.lowercased())
        if scheme.first?.isLetter == true, rest.hasPrefix("://") || rest.hasPrefix(":") && isPostgreSQL {
            throw ValueFault(
                isPostgreSQL
                    ? "the URI of a PostgreSQL database begins with postgres:// or postgresql://, in lower case"
                    : "\(quoted(scheme + "://")): a database is the path of a file, or a postgres:// URI"
            )
        }
        // Such as jdbc:postgresql://, or with a space before it.
        if let sign = text.firstRange(of: "://"), !text[..<sign.lowerBound].contains("/") {
            throw ValueFault("a database is the path of a file, or a URI that begins with postgres://")
        }
        let keywords = ["host", "hostaddr", "port", "dbname", "user", "password", "service", "sslmode"]
        if rest.hasPrefix("="), keywords.contains(String(scheme)) {
            throw ValueFault("write the address of a PostgreSQL database as a URI: postgres://user@host/name")
        }
    }
}
