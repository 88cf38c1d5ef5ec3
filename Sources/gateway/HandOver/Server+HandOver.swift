import Admission
import DataPlane
import Glibc
import Logging

extension Server {
    /// Takes the place of a running gateway. Returns once this process accepts connections and the other one does not.
    func take(
        over predecessor: Predecessor,
        _ dataPlane: DataPlane,
        _ control: Control?,
        _ commitment: Commitment,
        _ logger: Logger
    ) async throws {
        let lines = try await dataPlane.listen(given: manager.sockets, inherited: predecessor.sockets) {
            // What happens to the sessions from the first lease that is passed is for this process to write.
            if control != nil { dataPlane.sessions.keepChanges() }
            let service = try await predecessor.awaitTurn(dataPlane)
            manager.join(service)
            try await control?.start(for: dataPlane, keepsStays: true)
            guard commitment.make() else { throw HandOverFault("this process was told to stop") }
            try await predecessor.replace()
        }
        for line in lines { logger.info("\(line)") }
        logger.notice(
            "process \(getpid()) took over from process \(predecessor.process): \(dataPlane.sessions.count) sessions"
        )
    }

    /// Starts the program again, in order to take the place of this process.
    func startSuccessor(_ logger: Logger) {
        guard let file, let program = SystemFile.program else { return }
        do throws(SystemFile.Fault) {
            let process = try Spawn.run(program, ["run", "--take-over", file.path])
            logger.notice("process \(process) was started to take over")
        } catch {
            logger.error("\(program) cannot be started to take over: \(error.words)")
        }
    }

    /// Lets another process take the place of this one.
    ///
    /// - Returns: whether it has. If not, this process serves as before.
    func handOver(
        to successor: Successor,
        _ dataPlane: DataPlane,
        _ control: Control?,
        _ logger: Logger
    ) async -> Bool {
        logger.notice("handing over to process \(successor.process), version \(successor.product)")
        dataPlane.pauseControl(true)
        // Calls that were let through until now have reached the API.
        await dataPlane.answer()
        var isControlStopped = false
        do throws(HandOverFault) {
            try await successor.takeLeases(of: dataPlane)
            await control?.stop(keepsStays: true)
            isControlStopped = true
            try await successor.giveTurn(manager.service)
            dataPlane.settleHandOver()
            manager.tell(.replaced(by: successor.process))
            logger.notice("process \(getpid()) was replaced by process \(successor.process)")
            return true
        } catch {
            logger.error("process \(successor.process) does not take over, and this one goes on: \(error)")
            dataPlane.takeBackLeases()
        }
        do {
            if isControlStopped { try await control?.start(for: dataPlane, keepsStays: true) }
            dataPlane.pauseControl(false)
        } catch {
            logger.error("control.database: \(error): the control API answers 503 until the gateway is restarted")
        }
        return false
    }
}
