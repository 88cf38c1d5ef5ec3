import DataPlane
import GatewayConfiguration
import JOSE

/// Keys that the process makes on its first start and keeps.
enum StateFiles {
    /// A key could not be read or made.
    struct Fault: Error, CustomStringConvertible {
        let description: String
    }

    static func keys(for settings: Settings) throws(Fault) -> DataPlane.Keys {
        DataPlane.Keys(
            cookie: try cookieKey(settings.sessions.cookieKeyFile),
            assertion: try assertionKey(settings.identity.assertionKeyFile)
        )
    }

    /// The key of API tokens.
    static func tokenKey(for settings: Settings) throws(Fault) -> Key {
        let path = settings.control.tokenKeyPath
        let secret = try secret("control.token_key_file", path)
        do {
            return try Key.secret(secret, algorithm: .hs256, id: nil)
        } catch {
            throw Fault(description: "control.token_key_file: \(path): \(error)")
        }
    }

    private static func cookieKey(_ path: String) throws(Fault) -> [UInt8] {
        try secret("sessions.cookie_key_file", path)
    }

    /// 32 random bytes, or as many more as the operator likes.
    private static func secret(_ key: String, _ path: String) throws(Fault) -> [UInt8] {
        let secret = try contents(key, path) { SystemRandom.bytes(32) }
        guard secret.count >= 32 else {
            throw Fault(description: "\(key): \(path): shorter than 32 bytes; remove it to have one made")
        }
        return secret
    }

    private static func assertionKey(_ path: String) throws(Fault) -> Key {
        do {
            let pem = try contents("identity.assertion_key_file", path) {
                () throws(KeyError) in try Key.generate(.es256, id: nil).privatePEM()
            }
            // The id tells verifiers which key to fetch after a change.
            let id = String(decoding: Base64URL.encode(SHA256.hash(pem.span).span).prefix(16), as: UTF8.self)
            let key = try Key.pem(pem, algorithm: .es256, id: id)
            guard key.canSign else {
                throw Fault(description: "identity.assertion_key_file: \(path): a public key cannot sign")
            }
            return key
        } catch let error as KeyError {
            throw Fault(description: "identity.assertion_key_file: \(path): \(error)")
        } catch let error as Fault {
            throw error
        } catch {
            throw Fault(description: "identity.assertion_key_file: \(path): \(error)")
        }
    }

    private static func contents(_ key: String, _ path: String, make: () throws -> [UInt8]) throws(Fault) -> [UInt8] {
        switch SystemFile.read(path, maxSize: 64 << 10) {
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
        // What is there now, which another process may have been quicker to make.
        switch SystemFile.read(path, maxSize: 64 << 10) {
        case .success(let bytes): return bytes
        case .failure(let fault): throw Fault(description: "\(key): \(fault.words): \(path)")
        }
    }
}
