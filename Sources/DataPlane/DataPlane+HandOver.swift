package import Admission
package import Basics
import GatewayConfiguration
import Glibc
import Synchronization
package import Transport

/// What a process that takes this one's place needs of the data plane.
extension DataPlane {
    /// Other descriptors of the sockets that viewers and operators connect to.
    package func lendSockets() async throws -> [InheritedSocket] {
        var lent: [InheritedSocket] = []
        for open in listeners.withLock({ $0 }) {
            let copy = await open.listener.mailbox.run { _ in
                Result { () throws(SystemFault) in try open.listener.value.duplicate() }
            }
            if let copy = try copy?.get() {
                lent.append(InheritedSocket(address: open.address.text, descriptor: copy))
            }
        }
        return lent
    }

    /// Passes the leases, used tickets, and removals that are kept in memory, to the process that takes this one's place.
    /// That keeps them from now on, see ``LeaseTable/handOver(to:)``.
    ///
    /// - Returns: false if that failed. Then this process goes on.
    package func handOver(to successor: any LeaseSuccessor & MemorySuccessor) -> Bool {
        let isPassed =
            site.usedTickets.handOver(to: successor)
            && (site.removals as? RemovalMemory)?.handOver(to: successor) ?? true
            && site.leases.handOver(to: successor)
        if !isPassed { takeBack() }
        return isPassed
    }

    /// Keeps again what was handed over.
    package func takeBack() {
        site.usedTickets.takeBack()
        (site.removals as? RemovalMemory)?.takeBack()
        site.leases.takeBack()
    }

    /// Declares that the leases will not be taken back.
    package func settleHandOver() { site.leases.settleHandOver() }

    /// Adds leases that the predecessor has passed. Returns false if they are malformed.
    package func adopt(leases: [UInt8]) -> Bool {
        site.leases.adopt(entries: leases, appliesTo: site.snapshot.rules.sessions.appliesTo)
    }

    /// Forgets the leases that the predecessor has passed: it has ended before it had passed all of them.
    package func forgetLeases() { site.leases.forget(at: WallClock.now()) }

    /// Answers what the predecessor proposes, and ends the streams of sessions that end with it. Returns `nil` if it is
    /// malformed.
    package func answer(_ proposal: [UInt8]) -> [UInt8]? {
        let scope = site.snapshot.rules.sessions.appliesTo
        let answered = site.leases.answer(proposal, appliesTo: scope) { [site] session, live in
            site.directory.bars(session, live, at: WallClock.now())
        }
        guard let (answer, gone, ending) = answered else { return nil }
        if let gone {
            switch ending {
            case .replaced: site.end(gone, reason: .sessionReplaced)
            case .left: site.end(gone, reason: .sessionLeft)
            case .ended, .removed: site.end(gone, reason: .viewerRemoved)
            case .lapsed, .stopped: break
            }
        }
        return answer
    }

    /// Since when the leases are kept, by this process or one whose place it took.
    package var leasesKeptSince: Milliseconds {
        get { site.leases.startedAt }
        set { site.leases.startedAt = newValue }
    }

    /// Returns false if the bytes are malformed.
    package func adopt(tickets: [UInt8]) -> Bool { site.usedTickets.adopt(tickets) }

    /// Uses a ticket for the predecessor. Returns false if it was used before, or `nil` if the bytes are malformed.
    package func use(ticket: [UInt8]) -> Bool? { site.usedTickets.use(ticket) }

    /// Adds or changes removals that the predecessor has passed, and ends the sessions that they cover. Returns false if
    /// the bytes are malformed.
    package func adopt(removals: [UInt8]) -> Bool {
        guard let memory = site.removals as? RemovalMemory else { return true }
        guard let adopted = memory.adopt(removals) else { return false }
        for removal in adopted { site.end(removal) }
        return true
    }

    /// Lifts a removal for the predecessor.
    package func lift(removal id: String) { (site.removals as? RemovalMemory)?.liftNow(id) }

    /// Sets whether calls of the control API are answered with 503 for now.
    package func pauseControl(_ isPaused: Bool) { site.isControlPaused.store(isPaused, ordering: .relaxed) }

    /// Opens a socket where a process that takes this one's place connects. Only this user can.
    ///
    /// - Parameters:
    ///   - isSuccessor: whether the process that listened there has handed over to this one.
    ///   - knock: called on an event loop with each connection; must not wait.
    package func openDoor(
        at path: String,
        isSuccessor: Bool,
        _ knock: @escaping @Sendable (LocalChannel) -> Void
    ) async throws(SystemFault) {
        let hidden = path + ".new"
        guard hidden.utf8.count <= NetworkAddress.maxPath else { throw SystemFault("bind", ENAMETOOLONG) }
        guard isSuccessor || !Listener.isListening(at: path) else { throw SystemFault("bind", EADDRINUSE) }
        // SAFETY: here and below, the paths are passed as C strings for the calls.
        _ = unsafe unlink(hidden)
        let mask = umask(0o177)
        defer { _ = umask(mask) }
        let socket = try Listener.open(.unix(path: hidden), backlog: 8)
        guard unsafe rename(hidden, path) == 0 else { throw SystemFault("rename", errno) }
        let mailbox = threads[0].mailbox
        let opened = await mailbox.run { loop in
            Result { () throws(SystemFault) in
                let listener = try Listener(socket, on: loop, targets: [mailbox]) { connection, _, _ in
                    knock(LocalChannel(connection))
                }
                return Confined(listener, to: mailbox)
            }
        }
        let listener = try opened?.get()
        door.withLock { $0 = listener }
    }

    /// The socket's file stays: another process may have put its own there.
    package func closeDoor() async {
        guard let open = door.withLock({ $0.take() }) else { return }
        _ = await open.mailbox.run { _ in open.value.close(servesBacklog: false) }
    }
}
