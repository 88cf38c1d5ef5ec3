/// Where a directory is stored, as the configuration says it.
enum StorageLocation {
    /// SQLite's file at this path.
    case file(String)
    /// PostgreSQL, at this URI.
    case server(String)

    init(_ text: String) {
        let isServer = ["postgres://", "postgresql://"].contains { text.utf8.starts(with: $0.utf8) }
        self = isServer ? .server(text) : .file(text)
    }

    /// Opens or creates the database, and brings its tables up to date.
    ///
    /// - Parameters:
    ///   - isShared: whether other nodes use it too, which no file allows.
    ///   - node: which of these no other process may be.
    func open(isShared: Bool = false, node: String = "") throws(DirectoryFault) -> any Storage {
        switch self {
        case .file(let path): return try SQLiteStorage(path)
        case .server(let uri): return try Self.server(uri, isShared: isShared, node: node)
        }
    }

    /// What is wrong with the database, worded for the operator. Returns an empty list if all is well, or if it does not
    /// exist yet.
    ///
    /// - Parameter isThorough: whether to check all content, which only a file allows.
    func problems(isThorough: Bool) -> [String] {
        switch self {
        case .file(let path): DatabaseFile.problems(path, isThorough: isThorough)
        case .server(let uri): Self.problems(ofServer: uri)
        }
    }

    /// Reads a database that a process may be using.
    ///
    /// - Returns: `nil` if there is none yet.
    func read<Value>(_ body: (Database) throws -> Value) throws(DirectoryFault) -> Value? {
        do {
            switch self {
            case .file(let path): return try DatabaseFile.read(path, body)
            case .server(let uri): return try Self.read(fromServer: uri, body)
            }
        } catch let fault as DirectoryFault {
            throw fault
        } catch {
            throw DirectoryFault(description: words(error))
        }
    }

    /// What the operator knows the database by.
    var name: String {
        switch self {
        case .file(let path): path
        case .server(let uri): Self.name(ofServer: uri)
        }
    }

    /// An error of the database, worded for the operator.
    func words(_ error: any Error) -> String {
        switch self {
        case .file(let path): "\(path): \(DatabaseFile.words(error))"
        case .server: "\(error)"
        }
    }
}

#if !PostgreSQL
    extension StorageLocation {
        static func server(_: String, isShared _: Bool, node _: String) throws(DirectoryFault) -> any Storage {
            throw withoutPostgreSQL
        }

        static func problems(ofServer _: String) -> [String] { [withoutPostgreSQL.description] }

        static func read<Value>(fromServer _: String, _: (Database) throws -> Value) throws(DirectoryFault) -> Value? {
            throw withoutPostgreSQL
        }

        static func name(ofServer _: String) -> String { "PostgreSQL" }

        private static let withoutPostgreSQL = DirectoryFault(description: "this gateway was built without PostgreSQL")
    }
#endif
