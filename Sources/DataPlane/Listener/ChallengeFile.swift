import Basics
import Glibc

/// The answers to ACME's HTTP-01 challenges ([RFC 8555 section 8.3](https://www.rfc-editor.org/rfc/rfc8555#section-8.3)),
/// which certbot and other clients leave as files below a folder, their "webroot".
enum ChallengeFile {
    private static let folder: StaticString = "/.well-known/acme-challenge/"
    /// Tokens have 22 or more characters; those of known authorities have 43.
    private static let maxName = 128
    /// An answer is a token, a dot and a thumbprint.
    private static let maxSize = 1024

    /// The name of the file that a path asks for; `nil` if it asks for none. Names are base64url, so none can lead out
    /// of the folder.
    static func name(in path: Span<UInt8>) -> String? {
        let start = folder.utf8CodeUnitCount
        guard path.count > start, path.count <= start + maxName, path.starts(with: folder, upTo: start) else {
            return nil
        }
        for index in start..<path.count {
            let byte = path[index]
            guard byte.isLetterOrDigit || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_") else { return nil }
        }
        return String(decoding: path.extracting(start...).copied(), as: UTF8.self)
    }

    /// Reads a file by its name. Follows no symbolic link to it, and reads nothing but a small regular file.
    ///
    /// - Parameter webroot: the folder that contains `.well-known`.
    static func read(_ name: String, below webroot: String) -> [UInt8]? {
        let path = "\(webroot)\(folder)\(name)"
        // SAFETY: the path is passed as a C string for the call.
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var status = stat()
        // SAFETY: the call fills a local.
        guard unsafe fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_size <= maxSize
        else { return nil }
        var bytes = [UInt8](repeating: 0, count: maxSize)
        // SAFETY: reads at most the array's count into it.
        let count = unsafe bytes.withUnsafeMutableBytes { unsafe readFile(descriptor, $0.baseAddress, $0.count) }
        return count < 0 ? nil : Array(bytes[..<count])
    }
}

/// `read(2)` under a name that ``ChallengeFile`` does not hide.
@unsafe
private func readFile(_ descriptor: Int32, _ bytes: UnsafeMutableRawPointer?, _ count: Int) -> Int {
    unsafe read(descriptor, bytes, count)
}
