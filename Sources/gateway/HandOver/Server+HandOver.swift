import Admission
import DataPlane
import Dispatch
import GatewayConfiguration
import Glibc
import Logging
import Transport

extension Server {
    /// Takes the place of a running gateway. Returns once this process accepts connections and the other one does not.
    ///
    /// - Parameter whenAsked: called when the other one passes on a signal.
    func take(
        over predecessor: Predecessor,
        _ dataPlane: DataPlane,
        _ control: Control?,
        _ commitment: Commitment,
        _ logger: Logger,
        whenAsked: @escaping @Sendable (HandOver.Word) -> Void
    ) async throws {
        let inherited = predecessor.sockets
        let lines = try await dataPlane.listen(given: manager.sockets, inherited: inherited, takesOver: true) {
            // What happens to the sessions from the first lease that is passed is for this process to write.
            if control != nil { dataPlane.sessions.keepChanges() }
            let turn = try await predecessor.awaitTurn(dataPlane)
            predecessor.follow(commitment, whenAsked: whenAsked)
            if let turn { manager.join(turn.service) }
            // Stays that are open in another database were left by a crash.
            let database = await control?.identity()
            try await control?.start(for: dataPlane, keepsStays: turn != nil && database == turn?.database)
            try commitment.make()
        }
        let isDecided = try await predecessor.replace()
        for line in lines { logger.info("\(line)") }
        if !isDecided {
            logger.warning(
                "process \(predecessor.process) has ended before it had handed over: this one goes on with what it has"
            )
        }
        for loss in settings.losses(sinceMarks: predecessor.marks) { logger.warning("\(loss)") }
        logger.notice(
            "process \(getpid()) took over from process \(predecessor.process): \(dataPlane.sessions.count) sessions"
        )
    }

    /// Why no process can take the place of this one.
    static func obstacle(_ settings: Settings) -> String? {
        if let node = settings.control.node {
            return """
                node \(node) shares its leases with other gateways (control.node): let them serve, stop it, and start it again
                """
        }
        guard getpid() == 1 else { return nil }
        return """
            process 1 of a container cannot be replaced, since the container ends with it: restart the container, or run \
            another one and drain this
            """
    }

    /// Starts the program again, in order to take the place of this process.
    ///
    /// It is ended if it does not connect to `reception` in time: it would take over at a moment that nobody expects.
    ///
    /// - Parameter whenEnded: called when that process has ended.
    func startSuccessor(
        _ reception: Reception,
        _ logger: Logger,
        whenEnded: @escaping @Sendable (ChildEnd) -> Void
    ) {
        guard let file, let program = Program.path else { return }
        if let obstacle = Self.obstacle(settings) { return logger.error("SIGUSR2: \(obstacle)") }
        // The program's file system may not answer.
        DispatchQueue(label: "successor").async {
            do throws(SystemFile.Fault) {
                let met = reception.count
                let process = try Spawn.run(program, ["run", "--take-over", "--from", "\(getpid())", file.path])
                logger.notice("process \(process) was started to take over", metadata: ["program": "\(program)"])
                // A script may have started the one that connects.
                if ProcessWatch(of: process)?.hasEnded(within: HandOver.connectTime) == false, reception.count == met {
                    logger.error(
                        """
                        process \(process) has not connected in \(HandOver.connectTime / 1000) s, and is ended: does the file \
                        system of its configuration, or of a file that this names, answer?
                        """
                    )
                    // Only this thread asks for its status, so the number is still its own.
                    kill(process, SIGKILL)
                }
                whenEnded(Spawn.awaitEnd(of: process))
            } catch {
                logger.error("\(program) cannot be started to take over: \(error.words)")
            }
        }
    }

    /// Lets another process take the place of this one. If it does not, this process serves as before.
    ///
    /// - Parameter stateFiles: the keys that this process uses.
    /// - Returns: whether it has.
    func handOver(
        to successor: Successor,
        _ dataPlane: DataPlane,
        _ control: Control?,
        _ stateFiles: StateFiles.Marks,
        _ logger: Logger
    ) async -> Bool {
        logger.notice("handing over to process \(successor.process), version \(successor.product)")
        var stopping: Task<Void, Never>?
        do throws(HandOverFault) {
            for remark in try await stateFiles.followedBySuccessor() { logger.warning("\(remark)") }
            if let obstacle = await control?.obstacle() { throw HandOverFault(obstacle) }
            dataPlane.pauseControl(true)
            // Calls that were let through until now have reached the API.
            await dataPlane.answer()
            try await successor.takeLeases(of: dataPlane)
            let stop = Task { await control?.stop(keepsStays: true) ?? () }
            stopping = stop
            try await successor.wait(for: stop, "closing the database")
            let turn = HandOver.Turn(service: manager.service, database: await control?.identity())
            try await successor.give(turn)
            try await successor.decide(for: dataPlane)
            dataPlane.settleHandOver()
            // Before the other process says anything to the service manager itself.
            manager.tell(.replaced(by: successor.process))
            await successor.tell(.replaced)
            logger.notice("process \(getpid()) was replaced by process \(successor.process)")
            return true
        } catch {
            let reason = await successor.refuse(error)
            logger.error("process \(successor.process) does not take over, and this one goes on: \(reason)")
            dataPlane.takeBack()
        }
        if let stopping {
            await control?.startAgain(for: dataPlane, after: stopping)
        }
        dataPlane.pauseControl(false)
        return false
    }
}
