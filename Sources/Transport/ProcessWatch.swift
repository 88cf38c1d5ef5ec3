import CLinux

/// Tells whether a process has ended
/// ([pidfd_open(2)](https://man7.org/linux/man-pages/man2/pidfd_open.2.html)).
public struct ProcessWatch: Sendable {
    private let process: Descriptor

    /// Returns `nil` if there is no such process, or if the system cannot tell.
    public init?(of process: Int32) {
        let result = gateway_open_process(process)
        guard result >= 0 else { return nil }
        self.process = Descriptor(Int32(result))
    }

    /// Waits until it has ended. That is so as well if its parent has not asked for its status yet.
    ///
    /// - Parameter time: how long, in milliseconds.
    /// - Returns: false if it still runs.
    public func hasEnded(within time: Int32) -> Bool {
        process.withNumber { gateway_poll($0, Int16(POLLIN), time) } > 0
    }
}
