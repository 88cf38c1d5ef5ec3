import Basics
import GatewayConfiguration
import Glibc

/// The file operations that the process needs, with errors in words.
enum SystemFile {
    /// A call that failed, and why.
    struct Fault: Error {
        let code: Int32
        /// Why a file is not used although every call succeeded.
        var reason: String?

        static let notRegular = Fault(code: 0, reason: "is not a regular file")

        var fault: FileFault {
            switch code {
            case ENOENT, ENOTDIR: .notFound
            case EACCES, EPERM: .permissionDenied
            case EISDIR: .isDirectory
            case EFBIG: .tooLarge
            default: .other(words)
            }
        }

        var words: String {
            if let reason { return reason }
            return switch code {
            case ENOENT, ENOTDIR: "no such file"
            case EACCES, EPERM: "permission denied"
            case EISDIR: "is a directory, not a file"
            case EFBIG: "too large"
            // SAFETY: strerror returns a static or thread-local text, copied before the next call.
            default: unsafe String(cString: strerror(code))
            }
        }
    }

    /// Reads a regular file. Waits for no pipe or device that stands in its place.
    static func read(_ path: String, maxSize: Int) -> Result<[UInt8], Fault> {
        // SAFETY: the path is passed as a C string for the call.
        let descriptor = unsafe open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
        guard descriptor >= 0 else { return .failure(Fault(code: errno)) }
        defer { close(descriptor) }
        var status = stat()
        // SAFETY: the call fills a local.
        guard unsafe fstat(descriptor, &status) == 0 else { return .failure(Fault(code: errno)) }
        switch status.st_mode & S_IFMT {
        case S_IFREG: return read(descriptor, maxSize: maxSize)
        case S_IFDIR: return .failure(Fault(code: EISDIR))
        default: return .failure(.notRegular)
        }
    }

    /// Reads a file, or waits for all that a pipe brings. For commands, whose arguments may be `<(program)`.
    static func readToEnd(_ path: String, maxSize: Int) -> Result<[UInt8], Fault> {
        // SAFETY: the path is passed as a C string for the call.
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return .failure(Fault(code: errno)) }
        defer { close(descriptor) }
        return read(descriptor, maxSize: maxSize)
    }

    /// Reads a file that only this user or root can have written. Judges the file that was opened, follows no link to
    /// it, and waits for no pipe.
    static func readPrivate(_ path: String, maxSize: Int) -> Result<[UInt8], Fault> {
        // SAFETY: the path is passed as a C string for the call.
        let descriptor = unsafe open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else {
            return .failure(errno == ELOOP ? Fault(code: ELOOP, reason: "is a symbolic link") : Fault(code: errno))
        }
        defer { close(descriptor) }
        var status = stat()
        // SAFETY: the call fills a local.
        guard unsafe fstat(descriptor, &status) == 0 else { return .failure(Fault(code: errno)) }
        guard status.st_mode & S_IFMT == S_IFREG else { return .failure(.notRegular) }
        let reason: String? =
            if status.st_uid != geteuid(), status.st_uid != 0 {
                "belongs to another user"
            } else if status.st_mode & 0o022 != 0 {
                "others may change it: chmod 600 it, or remove it"
            } else {
                nil
            }
        if let reason { return .failure(Fault(code: 0, reason: reason)) }
        return read(descriptor, maxSize: maxSize)
    }

    private static func read(_ descriptor: Int32, maxSize: Int) -> Result<[UInt8], Fault> {
        var contents: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16 << 10)
        while true {
            // SAFETY: reads at most the array's count into it.
            let count = unsafe chunk.withUnsafeMutableBytes { unsafe systemRead(descriptor, $0.baseAddress, $0.count) }
            if count < 0 {
                if errno == EINTR { continue }
                return .failure(Fault(code: errno))
            }
            if count == 0 { return .success(contents) }
            contents.append(contentsOf: chunk[..<count])
            guard contents.count <= maxSize else { return .failure(Fault(code: EFBIG)) }
        }
    }

    /// Creates a file that only the owner can read, completely or not at all. Leaves an existing file alone.
    static func create(_ path: String, contents: [UInt8]) -> Result<Void, Fault> {
        publish(path, contents) { draft in
            // If two processes start at the same moment, the second must not replace the first one's key.
            // SAFETY: here and below, paths are passed as C strings for the call.
            unsafe link(draft, path) == 0 || errno == EEXIST
        }
    }

    /// Puts a file that only the owner can read in the place of an existing one, completely or not at all.
    static func replace(_ path: String, contents: [UInt8]) -> Result<Void, Fault> {
        // SAFETY: both paths are passed as C strings for the call.
        publish(path, contents) { draft in unsafe rename(draft, path) == 0 }
    }

    /// Writes a draft, and lets `publish` give it its name.
    private static func publish(
        _ path: String,
        _ contents: [UInt8],
        _ publish: (_ draft: String) -> Bool
    ) -> Result<Void, Fault> {
        let draft = path + ".new"
        // SAFETY: here and below, paths are passed as C strings for the call.
        _ = unsafe unlink(draft)
        let descriptor = unsafe open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return .failure(Fault(code: errno)) }
        let isWritten = write(contents, to: descriptor) && fsync(descriptor) == 0
        let code = errno
        close(descriptor)
        defer { _ = unsafe unlink(draft) }
        guard isWritten else { return .failure(Fault(code: code)) }
        return publish(draft) ? .success(()) : .failure(Fault(code: errno))
    }

    /// Writes everything. Returns false with `errno` if that fails.
    private static func write(_ contents: [UInt8], to descriptor: Int32) -> Bool {
        var start = 0
        while start < contents.count {
            // A full disk takes a part of the bytes, and says why with the next call.
            // SAFETY: writes the array's own bytes.
            let count = unsafe contents[start...].withUnsafeBytes {
                unsafe systemWrite(descriptor, $0.baseAddress, $0.count)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return false }
            start += count
        }
        return true
    }

    /// What everybody on this machine may do with a file.
    enum Openness {
        case readable
        case changeable
    }

    /// Returns `nil` if the file does not exist, or is closed to others. A device such as `/dev/stdout` is no file.
    static func openness(_ path: String) -> Openness? {
        var status = stat()
        // SAFETY: the path is passed as a C string for the call, which fills a local.
        guard unsafe stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        return status.st_mode & 0o002 != 0 ? .changeable : status.st_mode & 0o004 != 0 ? .readable : nil
    }

    /// Whether nothing is there.
    static func isGone(_ path: String) -> Bool {
        var status = stat()
        // SAFETY: the path is passed as a C string for the call, which fills a local.
        return unsafe lstat(path, &status) != 0 && errno == ENOENT
    }

    /// Identifies a file whatever path leads to it: by device and inode if it exists, otherwise by its name and
    /// its folder's identity.
    static func identity(_ path: String) -> String {
        var status = stat()
        // SAFETY: the path is passed as a C string for the call, which fills a local.
        let isThere = unsafe stat(path, &status) == 0
        return isThere ? "\(status.st_dev) \(status.st_ino)" : FilePath.identity(of: path)
    }

    /// Why no file can be created at a path or beside it. Returns `nil` if one can.
    static func faultOfFolder(of path: String) -> Fault? {
        // SAFETY: the path is passed as a C string for the call.
        unsafe access(FilePath.parts(of: path).folder, W_OK | X_OK) == 0 ? nil : Fault(code: errno)
    }

    /// Why an existing file cannot be read and written. Returns `nil` if it can, or if it does not exist.
    static func faultOfUse(of path: String) -> Fault? {
        // SAFETY: the path is passed as a C string for the call.
        guard unsafe access(path, R_OK | W_OK) != 0, errno != ENOENT else { return nil }
        return Fault(code: errno)
    }

    static func environment(_ name: String) -> String? {
        // SAFETY: the text is copied; nothing here changes the environment.
        guard let value = unsafe getenv(name) else { return nil }
        return unsafe String(cString: value)
    }
}

/// `read(2)` under a name that `SystemFile.read` does not hide.
@unsafe
private func systemRead(_ descriptor: Int32, _ bytes: UnsafeMutableRawPointer?, _ count: Int) -> Int {
    unsafe read(descriptor, bytes, count)
}

/// `write(2)` under a name that `SystemFile.write` does not hide.
@unsafe
private func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
    unsafe write(descriptor, bytes, count)
}
