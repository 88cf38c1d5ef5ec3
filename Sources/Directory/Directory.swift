package import Admission
import GRDB
import JOSE
import Synchronization

/// Companies' events, registrations, webhooks and attendance: kept in SQLite, with the part that the data plane asks for
/// on every request in memory.
///
/// One process uses the database. Writes go through one ``Writer``; when one is on disk, the ``DirectoryView`` gets what
/// has changed, and then the caller its answer. The data plane never waits for any of it.
///
/// Every call names the company that asks: what belongs to another company does not exist for it.
package final class Directory: Sendable {
    /// What was deleted, so that whoever is there can be sent away.
    package enum Deletion: Sendable {
        case event(company: String, uid: String)
        case registration(SubjectKey)
        /// Erased: everybody of the company with this e-mail, as ``foldedIdentity(_:)`` has it.
        case person(company: String, foldedEmail: String)
    }

    /// How many calls read the database at once. Whoever reads for long must leave some to others.
    package static let readerCount = 6

    package let view: DirectoryView
    let pool: DatabasePool
    let writer: Writer
    let webhookIndex = WebhookIndex()
    let erasures = Erasures()
    let pulse: Pulse
    let checkpoints: Checkpoints
    private let lock: DatabaseLock
    private let presence: DatabasePresence
    private let clock: @Sendable () -> Milliseconds
    private let deletionHandler = Mutex<@Sendable (Deletion) -> Void>({ _ in })
    private let deliveryHandler = Mutex<@Sendable (Webhook) -> Void>({ _ in })
    private let switchHandler = Mutex<@Sendable (Webhook) -> Void>({ _ in })

    /// Opens the database, or makes it, and loads the view.
    ///
    /// - Parameters:
    ///   - uptime: a time that never jumps.
    ///   - clock: the time of day.
    package init(
        path: String,
        view: DirectoryView = DirectoryView(),
        uptime: @escaping @Sendable () -> Milliseconds = Directory.uptime,
        clock: @escaping @Sendable () -> Milliseconds
    ) throws(DirectoryFault) {
        self.view = view
        self.clock = clock
        pulse = Pulse(uptime: uptime)
        lock = try DatabaseLock(path)
        pool = try DatabaseFile.open(path)
        let checkpoints = try DatabaseFile.checkpoints(path)
        self.checkpoints = checkpoints
        writer = Writer(pool) { checkpoints.wrote() }
        presence = DatabasePresence(path)
        do {
            try ViewLoader(pool: pool, view: view).load()
            try webhookIndex.load(from: pool)
            try begin()
        } catch {
            throw DirectoryFault(description: "\(path): \(DatabaseFile.words(error))")
        }
    }

    /// Why a database cannot be used, in the operator's words; nothing where all is well, or there is none yet.
    ///
    /// - Parameter isThorough: whether all that is in it is looked at, by `PRAGMA integrity_check`.
    package static func problems(in path: String, isThorough: Bool = true) -> [String] {
        DatabaseFile.problems(path, isThorough: isThorough)
    }

    /// Which of the open database's files were removed or replaced: what is written from then on is lost with the process.
    package var missingFiles: [String] { presence.missing }

    /// Puts into a view what a database has of one event and of a registration for it. It may be in use by a process.
    package static func load(
        event uid: String,
        registration: String?,
        from path: String,
        into view: DirectoryView
    ) throws(DirectoryFault) {
        try DatabaseFile.load(event: uid, registration: registration, from: path, into: view)
    }

    /// Has `handler` called when something was deleted, after the view has it.
    package func onDeletion(_ handler: @escaping @Sendable (Deletion) -> Void) {
        deletionHandler.withLock { $0 = handler }
    }

    /// Has `handler` called when there is something to deliver to a webhook.
    package func onDelivery(_ handler: @escaping @Sendable (Webhook) -> Void) {
        deliveryHandler.withLock { $0 = handler }
    }

    /// Has `handler` called when a webhook was switched on, before it is delivered to.
    package func onSwitchedOn(_ handler: @escaping @Sendable (Webhook) -> Void) {
        switchHandler.withLock { $0 = handler }
    }

    var now: Milliseconds { clock() }

    private static let startedAt = ContinuousClock.now

    /// How long the process runs.
    package static func uptime() -> Milliseconds { Milliseconds((ContinuousClock.now - startedAt) / .milliseconds(1)) }

    func deleted(_ deletion: Deletion) { deletionHandler.withLock { $0 }(deletion) }

    func deliveryIsDue(to webhook: Webhook) { deliveryHandler.withLock { $0 }(webhook) }

    func isSwitchedOn(_ webhook: Webhook) { switchHandler.withLock { $0 }(webhook) }

    /// Waits for what is being written, and closes the database.
    package func close() async {
        try? await endOpenStays()
        checkpoints.close()
        // So that the file alone is the whole database.
        try? await pool.writeWithoutTransaction { _ = try $0.checkpoint(.truncate) }
        try? pool.close()
        lock.release()
    }
}
