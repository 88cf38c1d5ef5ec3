import Foundation
import Synchronization
import TestSupport

/// Ends the processes that tests started, however the test process ends.
///
/// A shell waits at the other end of a pipe. It knows each child by process id, and kills those that are left when the
/// pipe closes: after the last test, or when the test process dies.
final class Cleanup: Sendable {
    static let shared = Cleanup()

    private let pipe: Mutex<Int32>

    private static let script = """
        pids=; dirs=
        while read -r what name; do
            case $what in
            start) pids="$pids $name " ;;
            stop) pids=$(printf '%s' "$pids" | sed "s/ $name / /") ;;
            directory) dirs="$dirs $name" ;;
            esac
        done
        for pid in $pids; do kill -9 "$pid" 2>/dev/null; done
        for dir in $dirs; do rm -rf "$dir"; done
        """

    private init() {
        var ends: [Int32] = [-1, -1]
        // SAFETY: the call writes the two elements that the array has.
        guard unsafe systemPipe(&ends) == 0 else { fatalError("pipe: \(errno)") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        signal(SIGPIPE, SIG_IGN)
        pipe = Mutex(ends[1])
        do {
            _ = try Spawn.run("/bin/sh", ["-c", Self.script], input: ends[0], output: nil)
        } catch {
            fatalError("\(error)")
        }
        close(ends[0])
    }

    func add(process: pid_t) { say("start \(process)") }
    func remove(process: pid_t) { say("stop \(process)") }
    func add(directory: String) { say("directory \(directory)") }

    private func say(_ line: String) {
        pipe.withLock { descriptor in
            let bytes = Array((line + "\n").utf8)
            // SAFETY: the array outlives the call, which reads no more than its count.
            _ = unsafe write(descriptor, bytes, bytes.count)
        }
    }
}

private func systemPipe(_ ends: UnsafeMutablePointer<Int32>) -> Int32 {
    unsafe pipe(ends)
}
