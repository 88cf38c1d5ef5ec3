import JOSE

/// What the file of a `[[company.key]]` holds.
struct KeyFile {
    private(set) var keys: [Key] = []
    /// Why it cannot be used.
    private(set) var faults: [String] = []

    /// - Parameter origin: one that names a file. Unless that is a key set, it has an algorithm.
    init(_ file: NamedFile, of origin: KeyOrigin) {
        do {
            switch origin.source {
            case .secretFile: keys = [try Key.secret(file.trimmed, algorithm: origin.pinned, id: origin.id)]
            case .privateKeyFile: try readPEM(file, of: origin, isPrivate: true)
            case .publicKeyFile: try readPEM(file, of: origin, isPrivate: false)
            case .jwksFile: try readSet(file)
            case .jwksURL, .openID: break
            }
        } catch {
            faults.append("\(error)")
        }
    }

    private mutating func readPEM(_ file: NamedFile, of origin: KeyOrigin, isPrivate: Bool) throws {
        let key = try Key.pem(file.bytes, algorithm: origin.pinned, id: origin.id)
        keys = [key]
        guard key.canSign != isPrivate else { return }
        faults.append(
            isPrivate
                ? "holds a public key, which belongs in public_key_file"
                : "holds a private key, which belongs in private_key_file"
        )
    }

    private mutating func readSet(_ file: NamedFile) throws {
        keys = try Key.jwks(file.bytes)
        if keys.isEmpty { faults.append("holds no key") }
        var seen: Set<String> = []
        for key in keys {
            guard let id = key.id, !seen.insert("\(key.algorithm.rawValue) \(id)").inserted else { continue }
            faults.append("holds two keys with the id \(quoted(id))")
        }
    }
}

extension KeyOrigin {
    fileprivate var pinned: Algorithm {
        guard let algorithm else { preconditionFailure("only key sets name no algorithm") }
        return algorithm
    }

    /// The file and the key of the configuration that names it; `nil` if there is none.
    var file: (key: String, path: String)? {
        switch source {
        case .secretFile(let path): ("secret_file", path)
        case .privateKeyFile(let path): ("private_key_file", path)
        case .publicKeyFile(let path): ("public_key_file", path)
        case .jwksFile(let path): ("jwks_file", path)
        case .jwksURL, .openID: nil
        }
    }
}
