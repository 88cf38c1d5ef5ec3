import Basics
import Foundation

/// A temporary folder that only this user can open.
struct DemoFolder {
    let path: String

    init() throws {
        let name = String(decoding: Base64URL.encode(SystemRandom.bytes(9).span), as: UTF8.self)
        path = FileManager.default.temporaryDirectory.appendingPathComponent("gateway-demo-\(name)").path
        try FileManager.default.createDirectory(
            atPath: path,
            withIntermediateDirectories: false,
            attributes: [.posixPermissions: 0o700]
        )
    }

    func remove() { try? FileManager.default.removeItem(atPath: path) }
}
