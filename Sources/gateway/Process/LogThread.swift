import DataPlane
import Dispatch

/// The thread that writes a log.
struct LogThread {
    let output: LogOutput
    private let isOver = DispatchSemaphore(value: 0)

    init(_ output: LogOutput, label: String) {
        self.output = output
        DispatchQueue(label: label).async { [isOver] in
            output.run()
            isOver.signal()
        }
    }

    /// Has it write what waits. Whoever reads the log may be stalled: what has not been taken by `deadline` is lost.
    ///
    /// - Returns: how many lines are.
    @discardableResult
    func finish(by deadline: DispatchTime) -> Int {
        output.stop()
        return isOver.wait(timeout: deadline) == .timedOut ? output.unwrittenLines : 0
    }
}
