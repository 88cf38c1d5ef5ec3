import Foundation

/// A directory that is deleted with its owner.
final class TemporaryDirectory: Sendable {
    let path: String

    init() throws {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("gateway-e2e-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        // Workers of a server that drops its privileges need access.
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: url.path)
        path = url.path
        Cleanup.shared.add(directory: path)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// Writes a file and returns its path.
    @discardableResult
    func write(_ name: String, _ text: String) throws -> String {
        let file = self[name]
        try Data(text.utf8).write(to: URL(fileURLWithPath: file))
        return file
    }

    subscript(name: String) -> String { "\(path)/\(name)" }
}
