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

    /// Writes the lines that wait. The log's reader may be stalled: lines not taken by `deadline` are lost.
    ///
    /// - Returns: the number of lost lines.
    @discardableResult
    func finish(by deadline: DispatchTime) -> Int {
        output.stop()
        return isOver.wait(timeout: deadline) == .timedOut ? output.unwrittenLines : 0
    }
}
