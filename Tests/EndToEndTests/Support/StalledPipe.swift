import Foundation

/// A named pipe that is full, and that nobody reads.
struct StalledPipe {
    private let descriptor: Int32

    /// Creates it in place of a file.
    init(_ path: String) throws {
        try? FileManager.default.removeItem(atPath: path)
        // SAFETY: the names are read during the calls only.
        guard unsafe mkfifo(path, 0o600) == 0 else { throw SystemFailure("mkfifo") }
        descriptor = unsafe open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else { throw SystemFailure("open \(path)") }
        // SAFETY: writes the array's own bytes until the pipe takes no more.
        let bytes = [UInt8](repeating: 10, count: 4096)
        while unsafe write(descriptor, bytes, bytes.count) > 0 {}
    }

    func close() { _ = systemClose(descriptor) }
}

/// `close(2)` under a name that the method does not hide.
private func systemClose(_ descriptor: Int32) -> Int32 { close(descriptor) }
