import DataPlane
import Glibc
import Logging

extension Server {
    /// Takes the place of a running gateway. Returns once this process accepts connections and the other one does not.
    func take(
        over predecessor: Predecessor,
        _ dataPlane: DataPlane,
        _ control: Control?,
        _ logger: Logger
    ) async throws {
        let lines = try await dataPlane.listen(given: manager.sockets, inherited: predecessor.sockets) {
            try await predecessor.awaitTurn()
            try await control?.start(for: dataPlane)
            try await predecessor.replace()
        }
        for line in lines { logger.info("\(line)") }
        logger.notice("process \(getpid()) took over from process \(predecessor.process)")
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
        await control?.stop()
        do throws(HandOverFault) {
            try await successor.giveTurn()
            logger.notice("process \(getpid()) was replaced by process \(successor.process)")
            return true
        } catch {
            logger.error("process \(successor.process) does not take over, and this one goes on: \(error)")
        }
        do {
            try await control?.start(for: dataPlane)
            dataPlane.pauseControl(false)
        } catch {
            logger.error("control.database: \(error): the control API answers 503 until the gateway is restarted")
        }
        return false
    }
}
