package import Admission
package import Basics
package import Directory
package import GatewayConfiguration
package import JOSE
package import Logging
import Synchronization

/// The control API. Companies' backends call it to create events, embed URLs and registrations, and to learn who came.
///
/// One ``CallTable`` lists what is served; `ControlPlane+Answering.swift` shows how a request gets there.
package final class ControlPlane: Sendable {
    let directory: Directory
    let sessions: LiveSessions
    let kick: @Sendable (LiveSession) async throws -> Void
    let sendAway: @Sendable (Removal) -> Void
    let tellLifted: @Sendable (Removal) -> Void
    let webhooks: WebhookDelivery
    let logger: Logger
    let failedAttempts = FailedAttempts()
    let callsUnderWay = CallsUnderWay()
    let calls = CallQuota(perCompany: 64, waiting: 1024, maxBytes: 32 << 20)
    // Together these leave database readers for all other calls: ``Directory/readerCount``.
    let lists = CallQuota(perCompany: 1, total: 2, waiting: 64)
    let heavyCalls = CallQuota(perCompany: 1, total: 2, waiting: 16)
    /// For what of bodies is beyond ``Call/usualBody``. Waits for longer than a body may have its place.
    let largeBodies = CallQuota(perCompany: 1, total: 8, waiting: 16, patience: LargeBody.usualTime + .seconds(5))
    /// Each of them may wait for its endpoint for seconds.
    let webhookTests = CallQuota(perCompany: 4, waiting: 16)
    private let present: Mutex<Snapshot>
    private let tokenKey: Key
    private let clock: @Sendable () -> Milliseconds
    private let startedAt = ContinuousClock.now

    /// - Parameters:
    ///   - tokenKey: the gateway's own secret, which signs API tokens.
    ///   - kick: ends a session for good.
    ///   - sendAway: ends the sessions that a removal covers.
    ///   - tellLifted: is told about each removal that is lifted.
    ///   - webhooks: tries out webhooks and their endpoints.
    ///   - clock: the time of day.
    package init(
        settings: Settings,
        tokenKey: Key,
        directory: Directory,
        sessions: LiveSessions,
        kick: @escaping @Sendable (LiveSession) async throws -> Void,
        sendAway: @escaping @Sendable (Removal) -> Void,
        tellLifted: @escaping @Sendable (Removal) -> Void,
        webhooks: WebhookDelivery,
        logger: Logger,
        clock: @escaping @Sendable () -> Milliseconds = WallClock.now
    ) throws(KeyError) {
        self.directory = directory
        self.sessions = sessions
        self.kick = kick
        self.sendAway = sendAway
        self.tellLifted = tellLifted
        self.webhooks = webhooks
        self.logger = logger
        self.clock = clock
        self.tokenKey = tokenKey
        present = Mutex(try Snapshot(settings, tokenKey: tokenKey))
    }

    /// Uses other settings from the next request on.
    package func adopt(_ settings: Settings) throws(KeyError) {
        let snapshot = try Snapshot(settings, tokenKey: tokenKey, previous: snapshot)
        present.withLock { $0 = snapshot }
    }

    /// The snapshot for requests that begin now.
    var snapshot: Snapshot { present.withLock { $0 } }

    /// The time of day.
    var now: Milliseconds { clock() }

    /// A time that never goes back.
    var uptime: Milliseconds { Milliseconds((ContinuousClock.now - startedAt) / .milliseconds(1)) }
}
