import Dispatch
import Glibc

/// Starts programs.
enum Spawn {
    /// Starts a program with this process's environment, folder and standard descriptors.
    static func run(_ program: String, _ arguments: [String]) throws(SystemFile.Fault) -> pid_t {
        // SAFETY: strdup's copies live until they are freed below; the array ends with nil as the call requires.
        var vector: [UnsafeMutablePointer<CChar>?] = unsafe ([program] + arguments).map { unsafe strdup($0) }
        unsafe vector.append(nil)
        defer { unsafe vector.forEach { unsafe free($0) } }
        var process: pid_t = 0
        let result = unsafe posix_spawn(&process, program, nil, nil, vector, environ)
        guard result == 0 else { throw SystemFile.Fault(code: result) }
        let child = process
        // Keep no dead process around.
        DispatchQueue(label: "child").async {
            _ = waitpid(child, nil, 0)
        }
        return process
    }
}
