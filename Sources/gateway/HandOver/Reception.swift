import DataPlane
import GatewayConfiguration
import Glibc
import Logging
import Synchronization
import Transport

/// Meets the processes that want to take this one's place, one at a time.
final class Reception: Sendable {
    private let dataPlane: DataPlane
    private let logger: Logger
    private let whenReady: @Sendable (Successor) -> Void
    private let isBusy = Atomic<Bool>(false)
    private let connections = Atomic<Int>(0)
    private let door = Mutex<(path: String, fault: String?)?>(nil)

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
        var fault: String?
        do throws(SystemFault) {
            try await dataPlane.openDoor(at: path, isSuccessor: isSuccessor) { [self] channel in
                Task { await meet(channel) }
            }
        } catch {
            let advice =
                error.number == EADDRINUSE
                ? ": another gateway waits there; give each a sessions.cookie_key_file of its own" : ""
            let reason = "\(path): \(error.reason)\(advice)"
            logger.warning("nothing can take over from this process: \(reason)")
            fault = reason
        }
        door.withLock { $0 = (path, fault) }
    }

    /// Waits at a new socket if somebody has removed the file.
    func openAgainIfGone() async {
        guard let door = door.withLock({ $0 }), SystemFile.isGone(door.path) else { return }
        await dataPlane.closeDoor()
        await open(door.path, isSuccessor: false)
        if obstacle == nil { logger.notice("\(door.path) was removed, and was made again") }
    }

    /// Why no process can come; `nil` if one can.
    var obstacle: String? { door.withLock { $0.map(\.fault) ?? "this process waits for none" } }

    /// Meets the next one.
    func isFree() { isBusy.store(false, ordering: .releasing) }

    /// How many processes have connected so far.
    var count: Int { connections.load(ordering: .relaxed) }

    private func meet(_ channel: LocalChannel) async {
        connections.wrappingAdd(1, ordering: .relaxed)
        if let obstacle = Server.obstacle(dataPlane.settings) { return await turnAway(channel, obstacle) }
        guard !isBusy.exchange(true, ordering: .acquiring) else {
            return await turnAway(channel, "another process is taking over already")
        }
        do {
            let sockets = try await dataPlane.lendSockets()
            let marks = dataPlane.settings.signingMarks(atMost: HandOver.maxText)
            let successor = try await HandOver.waiting { () throws(HandOverFault) in
                try Successor(channel, sockets, marks: marks)
            }
            if let successor { return whenReady(successor) }
        } catch {
            let process = channel.peer.map { "process \($0.process)" } ?? "a process"
            logger.warning("\(process) did not take over: \(error)")
        }
        isFree()
    }

    private func turnAway(_ channel: LocalChannel, _ reason: String) async {
        try? await HandOver.waiting { () throws(HandOverFault) in Successor.turnAway(channel, reason) }
    }
}
