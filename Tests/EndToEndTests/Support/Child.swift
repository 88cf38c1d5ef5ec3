import Foundation
import Synchronization
import TestSupport

/// A running program, which is killed when its owner releases it.
final class Child: Sendable {
    let pid: pid_t
    /// The file with its output.
    let output: String
    private let status = Mutex<Int32?>(nil)

    init(_ program: String, _ arguments: [String], input: Int32? = nil, output: String, errors: String? = nil) throws {
        self.output = output
        pid = try Spawn.run(program, arguments, input: input, output: output, errors: errors)
        Cleanup.shared.add(process: pid)
    }

    deinit {
        if exitStatus == nil {
            send(SIGKILL)
            _ = wait(within: 5)
        }
    }

    /// Ends a gateway that drains since it was replaced. Two signals of one kind could count as one.
    func cutDrain() {
        send(SIGTERM)
        send(SIGINT)
    }

    func send(_ signal: Int32) {
        status.withLock { status in
            if status == nil { _ = kill(pid, signal) }
        }
    }

    /// How it ended: its exit code, or 128 plus the signal that ended it; `nil` while it runs.
    var exitStatus: Int32? {
        status.withLock { status in
            if status != nil { return status }
            var raw: Int32 = 0
            // SAFETY: the call writes this one number.
            guard unsafe waitpid(pid, &raw, WNOHANG) == pid else { return nil }
            status = raw & 0x7f == 0 ? raw >> 8 & 0xff : 128 + raw & 0x7f
            Cleanup.shared.remove(process: pid)
            return status
        }
    }

    func wait(within seconds: Double) -> Int32? {
        _ = eventually(within: seconds) { exitStatus != nil }
        return exitStatus
    }

    var said: String { Child.text(of: output) }

    static func text(of file: String) -> String {
        (try? Data(contentsOf: URL(fileURLWithPath: file))).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }
}

/// How a program that has finished ended.
struct Finished {
    var status: Int32
    var output: String
    var errors: String
}

/// Runs a program to its end.
func run(_ program: String, _ arguments: [String], input: String? = nil, within seconds: Double = 20) throws -> Finished
{
    let directory = try TemporaryDirectory()
    var descriptor: Int32?
    if let input {
        let file = try directory.write("input", input)
        // SAFETY: the name is read during the call only.
        descriptor = unsafe open(file, O_RDONLY | O_CLOEXEC)
    }
    defer { if let descriptor { close(descriptor) } }
    let child = try Child(
        program,
        arguments,
        input: descriptor,
        output: directory["output"],
        errors: directory["errors"]
    )
    guard let status = child.wait(within: seconds) else { throw SystemFailure("\(program) does not end") }
    return Finished(
        status: status,
        output: child.said,
        errors: Child.text(of: directory["errors"])
    )
}
