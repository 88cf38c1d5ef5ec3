import DataPlane
import Dispatch

/// The thread that writes the access log.
struct AccessLogThread {
    let log: AccessLog
    private let queue = DispatchQueue(label: "access-log")
    private let isOver = DispatchSemaphore(value: 0)

    init(_ log: AccessLog) {
        self.log = log
        queue.async { [isOver] in
            log.run()
            isOver.signal()
        }
    }

    /// Has it write what waits. Whoever reads the log may be stalled: what has not been taken by `deadline` is lost, and
    /// the operator is told.
    func finish(by deadline: DispatchTime) {
        log.stop()
        guard isOver.wait(timeout: deadline) == .timedOut else { return }
        StandardError.line("gateway: standard output is not read: \(log.unwrittenLines) lines of the access log lost")
    }
}
