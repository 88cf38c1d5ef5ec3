import Glibc
import Synchronization

/// Whether the files of an open database are still where the next start will look for them. If they were removed or
/// replaced, the process keeps writing to the old files, and those writes are lost with them.
struct DatabasePresence: Sendable {
    private struct Mark: Sendable {
        let path: String
        let device: UInt64
        let number: UInt64

        init?(_ path: String) {
            var status = stat()
            // SAFETY: the path is passed as a C string for the call, which fills a local.
            guard unsafe stat(path, &status) == 0 else { return nil }
            self.path = path
            (device, number) = (UInt64(status.st_dev), UInt64(status.st_ino))
        }

        var isThere: Bool { Mark(path).map { $0.device == device && $0.number == number } ?? false }
    }

    private let marks: [Mark]

    /// - Parameter path: of an open database.
    init(_ path: String) { marks = [path, path + "-wal", path + ".lock"].compactMap(Mark.init) }

    /// The files that no longer exist or were replaced.
    var missing: [String] { marks.filter { !$0.isThere }.map(\.path) }
}
