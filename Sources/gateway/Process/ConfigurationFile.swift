import ArgumentParser
import DataPlane
import GatewayConfiguration

/// A configuration file on disk. Relative paths in it are resolved from its folder.
struct ConfigurationFile {
    let path: String

    /// Larger files cannot be a configuration, a key or a secret.
    private static let maxSize = 1 << 20

    func load() throws(ConfigurationError) -> Settings {
        let text = try text()
        do throws(ConfigurationError) {
            return try settings(text)
        } catch {
            throw ConfigurationError(problems: located(error.problems, in: text))
        }
    }

    /// Adds to problems on which line of the file they are.
    ///
    /// - Parameter problems: lines that begin with a key, or with the path of the file and a key.
    func located(_ problems: [String]) -> [String] { located(problems, in: (try? text()) ?? "") }

    private func located(_ problems: [String], in text: String) -> [String] {
        let lines = SourceLines(text)
        let prefix = "\(path): "
        return problems.map { problem in
            let words = problem.hasPrefix(prefix) ? problem.dropFirst(prefix.count) : problem[...]
            let place = words.prefix { $0 != ":" }
            return prefix + (lines.line(of: place).map { "line \($0): " } ?? "") + words
        }
    }

    private func text() throws(ConfigurationError) -> String {
        let bytes: [UInt8]
        switch SystemFile.read(path, maxSize: Self.maxSize) {
        case .success(let read): bytes = read
        case .failure(let fault): throw ConfigurationError(problems: ["\(path): \(fault.words)"])
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw ConfigurationError(problems: ["\(path): not UTF-8 text"])
        }
        return text
    }

    /// Reads a file that the configuration names.
    func read(_ name: String) -> Result<[UInt8], FileFault> {
        SystemFile.read(Self.resolve(name, in: folder), maxSize: Self.maxSize).mapError(\.fault)
    }

    /// The paths of the files to read again when they change.
    func watchedFiles(_ settings: Settings) -> [String] {
        (settings.certificateFiles + settings.keyFiles).map { Self.resolve($0, in: folder) }
    }

    private func settings(_ text: String) throws(ConfigurationError) -> Settings {
        let folder = folder
        var settings = try Settings(
            loading: ConfigurationSource(
                name: path,
                text: text,
                environment: SystemFile.environment,
                readFile: read
            )
        )
        let problems = DataPlane.problems(in: settings)
        guard problems.isEmpty else { throw ConfigurationError(problems: problems.map { "\(path): \($0)" }) }
        for index in settings.listeners.indices {
            settings.listeners[index].acmeDirectory = settings.listeners[index].acmeDirectory.map {
                Self.resolve($0, in: folder)
            }
        }
        settings.sessions.cookieKeyFile = Self.resolve(settings.sessions.cookieKeyFile, in: folder)
        settings.identity.assertionKeyFile = Self.resolve(settings.identity.assertionKeyFile, in: folder)
        if case .file(let path) = settings.control.database {
            settings.control.database = .file(Self.resolve(path, in: folder))
        }
        settings.control.stateFolder = Self.resolve(settings.control.stateFolder, in: folder)
        settings.control.tokenKeyFile = settings.control.tokenKeyFile.map { Self.resolve($0, in: folder) }
        settings.control.companyKeyFile = settings.control.companyKeyFile.map { Self.resolve($0, in: folder) }
        if settings.control.enabled, settings.control.socket.utf8.count > SocketAddress.maxPath {
            let place =
                switch settings.control.database {
                case .file(let path): "\(path): the socket beside it"
                case .server: "\(settings.control.stateFolder): the socket in it"
                }
            let fault = "\(place), \(settings.control.socket), has more than \(SocketAddress.maxPath) bytes"
            throw ConfigurationError(problems: ["\(path): \(settings.control.socketKey): \(fault)"])
        }
        let shared = sharedFiles(settings)
        guard shared.isEmpty else { throw ConfigurationError(problems: shared.map { "\(path): \($0)" }) }
        return settings
    }

    /// Problems with files that the settings name for two purposes: access to one would give access to the other. Lines
    /// that begin with a key.
    private func sharedFiles(_ settings: Settings) -> [String] {
        var uses = settings.files.map { use in
            (use: use, words: use.role.words, file: SystemFile.identity(Self.resolve(use.path, in: folder)))
        }
        // Include the files that SQLite and the gateway keep beside the database.
        for use in settings.files where use.role == .database {
            for suffix in ["-wal", "-shm", ".lock", ".sock"] {
                let file = SystemFile.identity(Self.resolve(use.path + suffix, in: folder))
                uses.append((use, "a file beside the database", file))
            }
        }
        let own = SystemFile.identity(path)
        var problems: [String] = []
        for (index, (use, words, file)) in uses.enumerated() {
            if file == own { problems.append("\(use.key): \(use.path): is the configuration itself") }
            guard let other = uses[..<index].first(where: { $0.file == file && $0.use.role != use.role }) else {
                continue
            }
            problems.append(
                "\(use.key): \(use.path): is \(words) here and \(other.words) in \(other.use.key): "
                    + "each needs a file of its own"
            )
        }
        for socket in settings.sockets {
            guard case .unix(let path) = socket.address,
                let (use, words, _) = uses.first(where: { $0.file == SystemFile.identity(path) })
            else { continue }
            problems.append(
                "\(socket.place).address: unix:\(path): is \(words) in \(use.key): a socket needs a path of its own"
            )
        }
        return problems
    }

    /// Files that others on this machine can change, the configuration among them, and secret ones that they can read:
    /// lines that begin with a key. A group that can read a secret is meant to; one that can replace it is not.
    func openFiles(_ settings: Settings) -> [String] {
        let files = settings.files.compactMap { use -> String? in
            let openness = SystemFile.openness(Self.resolve(use.path, in: folder))
            let isOpen = openness.contains(.everybodyChanges) || openness.contains(.everybodyReads) && use.isSecret
            let isGroups = openness.contains(.groupChanges) && use.role.decidesWhoPasses
            guard isOpen || isGroups else { return nil }
            let who = isOpen ? "on this machine" : "in its group"
            let what = isOpen && use.isSecret ? "read or change" : "change"
            let modes = (isGroups ? ["g-w"] : []) + (isOpen ? [use.isSecret ? "o-rwx" : "o-w"] : [])
            let change = modes.joined(separator: ",")
            return "\(use.key): \(use.path): everybody \(who) can \(what) it; chmod \(change) it"
        }
        guard SystemFile.openness(path).contains(.everybodyChanges) else { return files }
        return ["\(path): everybody on this machine can change the configuration; chmod o-w it"] + files
    }

    /// Loads the settings, or prints all problems and ends the process with status 1.
    func loadOrExit() throws -> Settings {
        do throws(ConfigurationError) {
            return try load()
        } catch {
            for problem in error.problems { StandardError.line(problem) }
            throw ExitCode(1)
        }
    }

    private var folder: String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    private static func resolve(_ name: String, in folder: String) -> String {
        name.hasPrefix("/") || folder == "." ? name : folder + "/" + name
    }
}
