import Basics
import DataPlane
import Directory
import Dispatch
import GatewayConfiguration
import JOSE
import Logging
import Synchronization

/// Keys that the process creates at its first start and keeps.
enum StateFiles {
    /// A key could not be read or created.
    struct Fault: Error, CustomStringConvertible {
        let description: String
    }

    static func keys(for settings: Settings) throws(Fault) -> DataPlane.Keys {
        DataPlane.Keys(
            cookie: try cookieKey(settings.sessions.cookieKeyFile),
            assertion: try assertionKey(settings.identity.assertionKeyFile)
        )
    }

    /// The key that signs API tokens.
    static func tokenKey(for settings: Settings) throws(Fault) -> Key {
        let path = settings.control.tokenKeyPath
        return try tokenKey(path, contents("control.token_key_file", path) { SystemRandom.bytes(32) })
    }

    /// The key that seals the secrets of the directory's companies.
    ///
    /// - Parameter hasSealed: whether it has done so. Then it is not made anew, since nothing could be opened with it.
    static func companyKey(for settings: Settings, hasSealed: Bool) throws(Fault) -> [UInt8] {
        let (key, path) = ("control.company_key_file", settings.control.companyKeyPath)
        if hasSealed, case .failure(let fault) = SystemFile.read(path, maxSize: maxSize), fault.fault == .notFound {
            throw Fault(description: "\(key): \(path): \(fault.words), but \(Directory.missingKey)")
        }
        return try secret(key, path, contents(key, path) { SystemRandom.bytes(32) })
    }

    /// Why a start would fail with these files: lines that begin with a key. Creates none of them.
    static func problems(for settings: Settings) -> [String] {
        var problems: [String] = []
        func check(_ key: String, _ path: String, _ isKey: ([UInt8]) throws(Fault) -> Void) {
            switch SystemFile.read(path, maxSize: maxSize) {
            case .success(let bytes):
                do throws(Fault) { try isKey(bytes) } catch { problems.append(error.description) }
            case .failure(let fault) where fault.fault == .notFound:
                guard let fault = SystemFile.faultOfFolder(of: path) else { return }
                problems.append("\(key): cannot make \(path): its folder: \(fault.words)")
            case .failure(let fault):
                problems.append("\(key): \(fault.words): \(path)")
            }
        }
        let (cookie, assertion) = (settings.sessions.cookieKeyFile, settings.identity.assertionKeyFile)
        check("sessions.cookie_key_file", cookie) { bytes throws(Fault) in
            _ = try secret("sessions.cookie_key_file", cookie, bytes)
        }
        check("identity.assertion_key_file", assertion) { bytes throws(Fault) in
            _ = try assertionKey(assertion, bytes)
        }
        guard settings.control.enabled else { return problems }
        switch settings.control.database {
        case .file(let database):
            if let fault = SystemFile.faultOfFolder(of: database) {
                problems.append("control.database: cannot make files beside \(database): its folder: \(fault.words)")
            } else if let fault = SystemFile.faultOfUse(of: database) {
                problems.append("control.database: \(fault.words): \(database)")
            }
        case .server:
            if let fault = SystemFile.faultOfFolder(of: settings.control.socket) {
                let folder = settings.control.stateFolder
                problems.append("control.state_folder: cannot make files in \(folder): \(fault.words)")
            }
        }
        let (token, company) = (settings.control.tokenKeyPath, settings.control.companyKeyPath)
        check("control.token_key_file", token) { bytes throws(Fault) in _ = try tokenKey(token, bytes) }
        check("control.company_key_file", company) { bytes throws(Fault) in
            _ = try secret("control.company_key_file", company, bytes)
        }
        return problems
    }

    /// Why the key of companies is not the one that the database needs: a line that begins with a key, or none. Reads the
    /// database.
    static func companyKeyProblems(for settings: Settings) -> [String] {
        let (database, path) = (settings.control.database.text, settings.control.companyKeyPath)
        let fault: String? =
            switch SystemFile.read(path, maxSize: maxSize) {
            case .success(let secret) where secret.count >= minSecretSize:
                Directory.fault(ofCompanySecret: secret, for: database)
            case .failure(let fault) where fault.fault == .notFound:
                Directory.fault(ofCompanySecret: nil, for: database).map { "\(fault.words), but \($0)" }
            // Reported as a problem of the file.
            case .success, .failure: nil
            }
        return fault.map { ["control.company_key_file: \(path): \($0)"] } ?? []
    }

    /// Records the content of files that the process uses until it ends.
    struct Marks {
        fileprivate struct Mark {
            let key: String
            let path: String
            let loss: String
            let digest: [UInt8]
            /// Whether a process that takes over must use the same.
            let isShared: Bool
        }

        fileprivate var marks: [Mark] = []

        /// Files whose content has changed, which takes effect at the next start: a line each, with what that ends.
        var replaced: [String] { marks.compactMap(\.change) }

        /// What is different for a process that takes over now: a line each.
        ///
        /// - Throws: what it cannot go on with.
        func followedBySuccessor() async throws(HandOverFault) -> [String] {
            try await HandOver.waiting { [marks] () throws(HandOverFault) in
                var lines: [String] = []
                for mark in marks {
                    guard let change = mark.change else { continue }
                    guard !mark.isShared else { throw HandOverFault("\(change); put the former one back, or restart") }
                    lines.append(change)
                }
                return lines
            }
        }
    }

    /// Records the files. Call once the keys exist.
    static func marks(for settings: Settings) -> Marks {
        var marks = Marks()
        func add(_ key: String, _ path: String, _ loss: String, isShared: Bool = false) {
            guard case .success(let bytes) = SystemFile.read(path, maxSize: maxSize) else { return }
            let digest = SHA256.hash(bytes.span)
            marks.marks.append(Marks.Mark(key: key, path: path, loss: loss, digest: digest, isShared: isShared))
        }
        add("sessions.cookie_key_file", settings.sessions.cookieKeyFile, "all sessions end", isShared: true)
        add("identity.assertion_key_file", settings.identity.assertionKeyFile, "upstreams have to fetch it")
        if settings.control.enabled {
            add("control.token_key_file", settings.control.tokenKeyPath, "all API tokens end")
            add("control.company_key_file", settings.control.companyKeyPath, "the gateway does not start")
        }
        return marks
    }

    /// The file that keeps the key sets of identity providers. It is beside the cookie key: whoever can write one can make
    /// sessions anyway.
    private static func keySetFile(_ settings: Settings) -> String { settings.sessions.cookieKeyFile + ".jwks" }

    /// What a start would say about the file of the key sets: a line that begins with a key, or none.
    static func keySetRemarks(for settings: Settings) -> [String] {
        let path = keySetFile(settings)
        guard settings.companies.contains(where: { !$0.keySetURLs.isEmpty }),
            case .failure(let fault) = SystemFile.readPrivate(path, maxSize: KeySetStore.maxSize),
            fault.fault != .notFound
        else { return [] }
        return ["sessions.cookie_key_file: \(words(ofUnusableSets: path, fault))"]
    }

    private static func words(ofUnusableSets path: String, _ fault: SystemFile.Fault) -> String {
        "\(path): \(fault.words): no key set is taken from it, so that a start has to wait for each identity provider"
    }

    /// Keeps the key sets of identity providers.
    ///
    /// A file that cannot be used is not replaced before all sets were fetched: once it is mended, it may still help.
    static func keySetStore(for settings: Settings, _ logger: Logger) -> KeySetStore {
        let path = keySetFile(settings)
        let isUnusable = Atomic(false)
        let queue = DispatchQueue(label: "key-sets")
        let isFailing = Atomic(false)
        let isFull = Atomic(false)
        // Only the latest is written if several come while one is.
        let latest = Mutex<Unsaved?>(nil)
        return KeySetStore(
            load: {
                switch SystemFile.readPrivate(path, maxSize: KeySetStore.maxSize) {
                case .success(let bytes): return bytes
                case .failure(let fault) where fault.fault == .notFound: return nil
                case .failure(let fault):
                    isUnusable.store(true, ordering: .relaxed)
                    logger.warning("\(words(ofUnusableSets: path, fault))")
                    return nil
                }
            },
            save: { make in
                latest.withLock { $0 = Unsaved(make: make) }
                queue.async {
                    guard let content = latest.withLock({ $0.take() })?.make(),
                        content.areAll || !isUnusable.load(ordering: .relaxed)
                    else { return }
                    if content.leftOut.isEmpty {
                        isFull.store(false, ordering: .relaxed)
                    } else if !isFull.exchange(true, ordering: .relaxed) {
                        let urls = content.leftOut.joined(separator: ", ")
                        logger.warning("\(path): too large with these key sets, which a start has to fetch: \(urls)")
                    }
                    switch SystemFile.replace(path, contents: content.bytes) {
                    case .success:
                        isFailing.store(false, ordering: .relaxed)
                        isUnusable.store(false, ordering: .relaxed)
                    case .failure(let fault):
                        guard !isFailing.exchange(true, ordering: .relaxed) else { return }
                        logger.warning("\(path): \(fault.words): the key sets are not kept for the next start")
                    }
                }
            }
        )
    }

    /// Key sets that are to be written.
    private struct Unsaved {
        let make: @Sendable () -> KeySetStore.Content
    }

    fileprivate static let maxSize = 64 << 10
    private static let minSecretSize = 32

    private static func cookieKey(_ path: String) throws(Fault) -> [UInt8] {
        let key = "sessions.cookie_key_file"
        return try secret(key, path, contents(key, path) { SystemRandom.bytes(32) })
    }

    /// Accepts ``minSecretSize`` random bytes or more.
    private static func secret(_ key: String, _ path: String, _ secret: [UInt8]) throws(Fault) -> [UInt8] {
        guard secret.count >= minSecretSize else {
            throw Fault(description: "\(key): \(path): shorter than \(minSecretSize) bytes: put it back, from a backup")
        }
        return secret
    }

    private static func tokenKey(_ path: String, _ bytes: [UInt8]) throws(Fault) -> Key {
        let secret = try secret("control.token_key_file", path, bytes)
        do {
            return try Key.secret(secret, algorithm: .hs256, id: nil)
        } catch {
            throw Fault(description: "control.token_key_file: \(path): \(error)")
        }
    }

    private static func assertionKey(_ path: String) throws(Fault) -> Key {
        let pem = try contents("identity.assertion_key_file", path) {
            () throws(KeyError) in try Key.generate(.es256, id: nil).privatePEM()
        }
        return try assertionKey(path, pem)
    }

    private static func assertionKey(_ path: String, _ pem: [UInt8]) throws(Fault) -> Key {
        do throws(KeyError) {
            // Derive the id from the key, so that verifiers know which key to fetch after a change.
            let id = String(decoding: Base64URL.encode(SHA256.hash(pem.span).span).prefix(16), as: UTF8.self)
            let key = try Key.pem(pem, algorithm: .es256, id: id)
            if key.canSign { return key }
        } catch {
            throw Fault(description: "identity.assertion_key_file: \(path): \(error)")
        }
        throw Fault(description: "identity.assertion_key_file: \(path): a public key cannot sign")
    }

    private static func contents(_ key: String, _ path: String, make: () throws -> [UInt8]) throws(Fault) -> [UInt8] {
        switch SystemFile.read(path, maxSize: maxSize) {
        case .success(let bytes): return bytes
        case .failure(let fault) where fault.fault == .notFound: break
        case .failure(let fault): throw Fault(description: "\(key): \(fault.words): \(path)")
        }
        do {
            if case .failure(let fault) = SystemFile.create(path, contents: try make()) {
                throw Fault(description: "\(key): cannot make \(path): \(fault.words)")
            }
        } catch let fault as Fault {
            throw fault
        } catch {
            throw Fault(description: "\(key): cannot make \(path): \(error)")
        }
        // Read the file again: another process may have created it first.
        switch SystemFile.read(path, maxSize: maxSize) {
        case .success(let bytes): return bytes
        case .failure(let fault): throw Fault(description: "\(key): \(fault.words): \(path)")
        }
    }
}

extension StateFiles.Marks.Mark {
    /// How the file differs from what is in use; `nil` if it does not.
    fileprivate var change: String? {
        switch SystemFile.read(path, maxSize: StateFiles.maxSize) {
        case .success(let bytes) where SHA256.hash(bytes.span) == digest: nil
        case .success: "\(key): \(path): holds another key than the one in use: at the next start \(loss)"
        case .failure(let fault) where fault.fault == .notFound:
            "\(key): \(path): is gone: at the next start another is made, and \(loss)"
        case .failure(let fault): "\(key): \(fault.words): \(path)"
        }
    }
}
