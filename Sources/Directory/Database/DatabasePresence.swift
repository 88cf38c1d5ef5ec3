import Glibc
import Synchronization

/// Whether the files of an open database are still where the next start will look for them. A process writes on into files
/// that were removed or replaced, and what it writes is gone with it.
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

    /// - Parameter path: of a database that is open.
    init(_ path: String) { marks = [path, path + "-wal", path + ".lock"].compactMap(Mark.init) }

    /// The files that are not there any more, or are others.
    var missing: [String] { marks.filter { !$0.isThere }.map(\.path) }
}
