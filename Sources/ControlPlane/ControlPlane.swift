package import Admission
import DataPlane
package import Directory
package import GatewayConfiguration
package import JOSE
package import Logging
import Synchronization

/// The control API: what companies' backends call to make events, embed URLs and registrations, and to learn who came.
///
/// One ``CallTable`` says what is served; the way of a request through it is in `ControlPlane+Answering.swift`.
package final class ControlPlane: Sendable {
    let directory: Directory
    let sessions: LiveSessions
    let kick: @Sendable (LiveSession) async throws -> Void
    let sendAway: @Sendable (Removal) -> Void
    let tellLifted: @Sendable (Removal) -> Void
    let logger: Logger
    let failedAttempts = FailedAttempts()
    let calls = CallQuota(perCompany: 64, waiting: 1024, maxBytes: 32 << 20)
    // Both together leave readers of the database to all other calls: ``Directory/readerCount``.
    let lists = CallQuota(perCompany: 1, total: 2, waiting: 64)
    let heavyCalls = CallQuota(perCompany: 1, total: 2, waiting: 16)
    private let present: Mutex<Snapshot>
    private let tokenKey: Key
    private let clock: @Sendable () -> Milliseconds
    private let startedAt = ContinuousClock.now

    /// - Parameters:
    ///   - tokenKey: a secret of the gateway's own, which API tokens are signed with.
    ///   - kick: ends a session for good.
    ///   - sendAway: ends the sessions that a removal is about.
    ///   - tellLifted: told of each removal that is lifted.
    ///   - clock: the time of day.
    package init(
        settings: Settings,
        tokenKey: Key,
        directory: Directory,
        sessions: LiveSessions,
        kick: @escaping @Sendable (LiveSession) async throws -> Void,
        sendAway: @escaping @Sendable (Removal) -> Void,
        tellLifted: @escaping @Sendable (Removal) -> Void,
        logger: Logger,
        clock: @escaping @Sendable () -> Milliseconds = DataPlane.now
    ) throws(KeyError) {
        self.directory = directory
        self.sessions = sessions
        self.kick = kick
        self.sendAway = sendAway
        self.tellLifted = tellLifted
        self.logger = logger
        self.clock = clock
        self.tokenKey = tokenKey
        present = Mutex(try Snapshot(settings, tokenKey: tokenKey))
    }

    /// Goes by other settings from the next request on.
    package func adopt(_ settings: Settings) throws(KeyError) {
        let snapshot = try Snapshot(settings, tokenKey: tokenKey)
        present.withLock { $0 = snapshot }
    }

    /// What requests that begin now go by.
    var snapshot: Snapshot { present.withLock { $0 } }

    /// The time of day.
    var now: Milliseconds { clock() }

    /// A time that never goes back.
    var uptime: Milliseconds { Milliseconds((ContinuousClock.now - startedAt) / .milliseconds(1)) }
}
