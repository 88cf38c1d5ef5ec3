package import Admission
package import Basics
import Synchronization

/// Companies' events, registrations, webhooks and attendance. Stored in SQLite or PostgreSQL; what the data plane needs on
/// every request is also in memory.
///
/// Writes go through one ``Writer``; once a write is on disk, first the ``DirectoryView`` gets the change and then the
/// caller its answer. The data plane never waits for any of this. One process uses a file. Several may share a server's
/// database: each is a node, which obeys what the others have written through a ``ChangeFollower``.
///
/// Every call names the company that asks: data of other companies does not exist for it.
package final class Directory: Sendable {
    /// What was deleted, so that people who are there can be disconnected.
    package enum Deletion: Sendable {
        case event(company: String, uid: String)
        case registration(SubjectKey)
        /// Erased: everyone of the company with this e-mail, in the form of ``foldedIdentity(_:)``.
        case person(company: String, foldedEmail: String)
        /// Another node has removed a viewer from an event.
        case viewer(Removal)
        /// Another node has ended a session for good.
        case session(EndedSession)
        /// More than is known: whoever the view bars now.
        case unknown
    }

    /// How many calls may read the database at once. Long readers must leave some for others.
    package static let readerCount = 6

    package let view: DirectoryView
    let storage: any Storage
    let writer: Writer
    /// `nil` if no other node can use the database.
    let follower: ChangeFollower?
    let webhookIndex = WebhookIndex()
    let erasures = Erasures()
    let eventTurns = EventTurns()
    /// Seals companies' secrets. `nil` until ``openCompanies(secret:)``.
    let companySeal = Mutex<CompanySeal?>(nil)
    /// The companies that were told of last.
    let knownCompanies = Mutex<Set<ExactText>>([])
    private let companyHandler = Handler<@Sendable (String, StoredCompany?) -> Void>({ _, _ in })
    /// Who this gateway is among those that share the database.
    let node: String
    let pulse: Pulse
    let nodeWatch = Mutex(NodeWatch())
    /// A time that never jumps.
    let uptime: @Sendable () -> Milliseconds
    private let clock: @Sendable () -> Milliseconds
    private let deletionHandler = Handler<@Sendable (Deletion) -> Void>({ _ in })
    private let deliveryHandler = Handler<@Sendable (Webhook) -> Void>({ _ in })
    private let announcementHandler = Handler<@Sendable () -> Void>({})
    private let backlogHandler = Handler<@Sendable (Webhook, Int) -> Void>({ _, _ in })
    private let switchHandler = Handler<@Sendable (Webhook) -> Void>({ _ in })
    private let leadingHandler = Handler<@Sendable (Bool) -> Void>({ _ in })
    let storageWatch: StorageWatch

    /// Opens or creates the database, and loads the view.
    ///
    /// - Parameters:
    ///   - database: the path of SQLite's file, or a `postgres://` URI.
    ///   - node: who this gateway is among those that share the database.
    ///   - keepsStays: whether stays that are open go on: the process that opened them has handed over to this one. If
    ///     not, it has crashed, and they have ended with it.
    ///   - isShared: whether other nodes use the database too, all of which say so; see ``follow()``. Not for a file.
    ///   - uptime: a time that never jumps.
    ///   - clock: the time of day.
    package convenience init(
        database: String,
        node: String = "",
        view: DirectoryView = DirectoryView(),
        keepsStays: Bool = false,
        isShared: Bool = false,
        uptime: @escaping @Sendable () -> Milliseconds = Directory.uptime,
        clock: @escaping @Sendable () -> Milliseconds
    ) throws(DirectoryFault) {
        let location = StorageLocation(database)
        let storage = try location.open(isShared: isShared, node: node)
        do {
            try self.init(storage, node: node, view: view, keepsStays: keepsStays, uptime: uptime, clock: clock)
        } catch {
            throw DirectoryFault(description: location.words(error))
        }
    }

    /// - Parameter storage: brought up to date.
    init(
        _ storage: any Storage,
        node: String = "",
        view: DirectoryView,
        keepsStays: Bool,
        uptime: @escaping @Sendable () -> Milliseconds,
        clock: @escaping @Sendable () -> Milliseconds
    ) throws {
        self.node = node
        self.view = view
        self.clock = clock
        self.uptime = uptime
        self.storage = storage
        pulse = Pulse(uptime: uptime)
        let watch = StorageWatch(uptime: uptime)
        storageWatch = watch
        follower = storage.hasChangeLog ? try ChangeFollower(storage) : nil
        writer = Writer(storage, follower) { watch.wrote($0) }
        follower?.obey(obedience)
        try ViewLoader(storage: storage, view: view).load()
        try webhookIndex.load(from: storage)
        try begin(keepsStays: keepsStays)
    }

    /// Why a database cannot be used, worded for the operator. Returns an empty list if all is well or it does not
    /// exist yet.
    ///
    /// - Parameter isThorough: whether to check all content, with `PRAGMA integrity_check`.
    package static func problems(in database: String, isThorough: Bool = true) -> [String] {
        StorageLocation(database).problems(isThorough: isThorough)
    }

    /// The open database's files that were removed or replaced. Everything written from then on is lost with the
    /// process.
    package var missingFiles: [String] { storage.missingFiles }

    /// Loads one event and a registration for it from a database into a view. A process may be using the database.
    package static func load(
        event uid: String,
        registration: String?,
        from database: String,
        into view: DirectoryView
    ) throws(DirectoryFault) {
        _ = try StorageLocation(database).read {
            try ViewLoader.load(event: uid, registration: registration, $0, into: view)
        }
    }

    /// Sets the handler that is called when something was deleted, after the view has the change.
    package func onDeletion(_ handler: @escaping @Sendable (Deletion) -> Void) {
        deletionHandler.set(handler)
    }

    /// Sets the handler that is called when there is something to deliver to a webhook.
    package func onDelivery(_ handler: @escaping @Sendable (Webhook) -> Void) {
        deliveryHandler.set(handler)
    }

    /// Sets the handler that is called when announcements wait: see ``spread()``.
    package func onAnnouncement(_ handler: @escaping @Sendable () -> Void) { announcementHandler.set(handler) }

    /// Sets the handler that is told how many of a webhook's messages were given up, since too many waited.
    package func onFullBacklog(_ handler: @escaping @Sendable (Webhook, Int) -> Void) { backlogHandler.set(handler) }

    /// Sets the handler that is called when a webhook's company says that its endpoint works, before anything is delivered
    /// to it: it was switched on, moved, or is to get a message again.
    package func onSwitchedOn(_ handler: @escaping @Sendable (Webhook) -> Void) {
        switchHandler.set(handler)
    }

    /// Sets the handler that is told when the database begins to refuse writes, for which reason, and when it takes them
    /// again (`nil`).
    package func onStorageChange(_ handler: @escaping @Sendable (StorageFault?) -> Void) {
        storageWatch.onChange(handler)
    }

    /// Sets the handler that is told whether this node is the one that works for all which share the database: that
    /// delivers messages, announces dates, adds up attendance and deletes what has expired. It is told from ``follow()`` on,
    /// whenever that changes; until then, this node is not.
    package func onLeading(_ handler: @escaping @Sendable (Bool) -> Void) { leadingHandler.set(handler) }

    /// Why the database refuses writes, as the handler was told. `nil` if it takes them.
    package var storageFault: StorageFault? { storageWatch.fault }

    /// Sets the handler that is called when a company was made, changed, or, with `nil`, removed.
    package func onCompanyChange(_ handler: @escaping @Sendable (String, StoredCompany?) -> Void) {
        companyHandler.set(handler)
    }

    var now: Milliseconds { clock() }

    private static let startedAt = ContinuousClock.now

    /// How long the process has been running.
    package static func uptime() -> Milliseconds { Milliseconds((ContinuousClock.now - startedAt) / .milliseconds(1)) }

    func deleted(_ deletion: Deletion) { deletionHandler.closure(deletion) }

    func companyChanged(_ id: String, _ company: StoredCompany?) {
        knownCompanies.withLock { known in
            if company == nil { known.remove(ExactText(id)) } else { known.insert(ExactText(id)) }
        }
        companyHandler.closure(id, company)
    }

    /// Tells the delivery of messages that a webhook may have some.
    package func deliveryIsDue(to webhook: Webhook) { deliveryHandler.closure(webhook) }

    func announcementWaits() { announcementHandler.closure() }

    func gaveUp(_ count: Int, of webhook: Webhook) { backlogHandler.closure(webhook, count) }

    func leads(_ isLeading: Bool) { leadingHandler.closure(isLeading) }

    func isSwitchedOn(_ webhook: Webhook) { switchHandler.closure(webhook) }

    /// Waits for pending writes, and closes the database.
    ///
    /// - Parameter keepsStays: whether stays that are open go on, in the process that opens the database next.
    package func close(keepsStays: Bool = false) async {
        if !keepsStays { try? await endOpenStays() }
        await storage.close()
    }
}
