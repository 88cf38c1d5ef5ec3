import DataPlane
import Logging
import Synchronization
import Transport

/// Meets the processes that want to take this one's place, one at a time.
final class Reception: Sendable {
    private let dataPlane: DataPlane
    private let logger: Logger
    private let whenReady: @Sendable (Successor) -> Void
    private let isBusy = Atomic<Bool>(false)
    private let fault = Mutex<String?>("this process does not wait for any")

    /// - Parameter whenReady: called with a process that has everything ready. Nobody else is met until ``isFree()``.
    init(_ dataPlane: DataPlane, _ logger: Logger, whenReady: @escaping @Sendable (Successor) -> Void) {
        self.dataPlane = dataPlane
        self.logger = logger
        self.whenReady = whenReady
    }

    /// Begins to wait for them.
    ///
    /// - Parameter isSuccessor: whether the process that waited there has handed over to this one.
    func open(_ path: String, isSuccessor: Bool) async {
        do throws(SystemFault) {
            try await dataPlane.openDoor(at: path, isSuccessor: isSuccessor) { [self] channel in
                Task { await meet(channel) }
            }
            fault.withLock { $0 = nil }
        } catch {
            fault.withLock { $0 = "\(path): \(error.reason)" }
            logger.warning("nothing can take over from this process: \(path): \(error.reason)")
        }
    }

    /// Why no process can come; `nil` if one can.
    var obstacle: String? { fault.withLock { $0 } }

    /// Meets the next one.
    func isFree() { isBusy.store(false, ordering: .releasing) }

    private func meet(_ channel: LocalChannel) async {
        if let obstacle = Server.obstacle { return await turnAway(channel, obstacle) }
        guard !isBusy.exchange(true, ordering: .acquiring) else {
            return await turnAway(channel, "another process is taking over already")
        }
        do {
            let sockets = try await dataPlane.lendSockets()
            if let successor = try await HandOver.waiting({ () throws(HandOverFault) in try Successor(channel, sockets)
            }) {
                return whenReady(successor)
            }
        } catch {
            logger.warning("a new process did not take over: \(error)")
        }
        isFree()
    }

    private func turnAway(_ channel: LocalChannel, _ reason: String) async {
        try? await HandOver.waiting { () throws(HandOverFault) in Successor.turnAway(channel, reason) }
    }
}
