import Basics
import Glibc

/// The program that this process runs.
enum Program {
    /// About when it was started, as ``MonotonicClock`` counts, which is the same for all processes. Ask first when the
    /// process starts.
    static let startedAt = MonotonicClock.now()

    /// The path that it was started by, with links as they are: after an upgrade they lead to another version. Ask first
    /// when the process starts; `nil` if it cannot be found.
    static let path: String? = {
        let running = SystemFile.identity(itself)
        return candidates.first { SystemFile.identity($0) == running } ?? target
    }()

    private static let itself = "/proc/self/exe"

    /// Where the shell or the service manager may have found it.
    private static var candidates: [String] {
        guard let name = CommandLine.arguments.first, !name.isEmpty else { return [] }
        // This process stays in its folder.
        guard !name.utf8.contains(UInt8(ascii: "/")) else { return [name] }
        let folders = SystemFile.environment("PATH")?.split(separator: ":", omittingEmptySubsequences: false) ?? []
        return folders.map { $0.isEmpty ? "./\(name)" : "\($0)/\(name)" }
    }

    /// Its file, without links.
    private static var target: String? {
        var path = [CChar](repeating: 0, count: Int(PATH_MAX))
        // SAFETY: writes at most as many bytes as the array has, but for the last, which stays zero.
        let count = unsafe path.withUnsafeMutableBufferPointer {
            unsafe readlink(itself, $0.baseAddress!, $0.count - 1)
        }
        return count > 0 ? String(decoding: path.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self) : nil
    }
}
