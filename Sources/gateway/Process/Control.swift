import Admission
import Basics
import Console
import ControlPlane
import DataPlane
import Directory
import GatewayConfiguration
import JOSE
import Logging
import Synchronization
import Transport

/// The control plane of a running gateway: the directory, its API, webhooks, and attendance.
///
/// It can be stopped, so that another process may use the database, and started again.
final class Control: Sendable {
    private let view: DirectoryView
    let logger: Logger
    private let running = Mutex<Running?>(nil)
    let retention: Mutex<Retention>
    /// Locked while settings are replaced.
    private let adoption = Mutex(())
    let files = FileThread("files of the database")
    private let opening = FileThread("database")
    /// Where the database and the API's socket are. Others take effect at the next start.
    private let (database, socket): (DatabaseLocation, String)
    /// Who this gateway is among those that share the database; `nil` if it has it alone.
    private let node: String?
    /// What has happened to sessions and is not written yet.
    let journal = Mutex(AttendanceJournal(limit: Control.maxUnwritten))
    private let companies = DirectoryCompanies()
    /// Brings changes of the directory's companies into effect.
    let publication = Publication()
    /// What was logged of companies that cannot be served.
    private let clashes = Mutex<[CompanyClash]>([])

    private struct Running {
        let directory: Directory
        let api: ControlPlane
        let webhooks: WebhookDelivery
        /// `nil` if this gateway has the leases for itself.
        let leases: (any LeaseStorage)?
        let tasks: [Task<Void, Never>]
    }

    init(_ settings: Settings, view: DirectoryView, logger: Logger) {
        self.view = view
        self.logger = logger
        retention = Mutex(Retention(settings.control.retention))
        (database, socket) = (settings.control.database, settings.control.socket)
        node = settings.control.node
    }

    /// The database while it is open.
    var records: (any Records)? { running.withLock { $0?.directory } }

    /// Which database it is: a file as ``SystemFile/identity(_:)`` says, a server's by its address.
    func identity() async -> String {
        switch database {
        case .file(let path): await files.run { SystemFile.identity(path) }
        case .server: database.shown
        }
    }

    /// Opens the database, fills the view from it, and starts the API for `dataPlane`. Returns once it accepts requests.
    ///
    /// - Parameter keepsStays: whether stays that are open go on, since nobody has left.
    func start(for dataPlane: DataPlane, keepsStays: Bool = false) async throws {
        // On a thread of its own: its file system may not answer.
        let directory = try await opening.run { [database, view, node] in
            Result { () throws(DirectoryFault) in
                try Directory(
                    database: database.text,
                    node: node ?? "",
                    view: view,
                    keepsStays: keepsStays,
                    isShared: node != nil,
                    clock: WallClock.now
                )
            }
        }.get()
        do {
            try await start(directory, for: dataPlane)
        } catch {
            await directory.close(keepsStays: keepsStays)
            throw error
        }
    }

    private func start(_ directory: Directory, for dataPlane: DataPlane) async throws {
        let tokenKey = try StateFiles.tokenKey(for: dataPlane.settings)
        try openCompanies(of: directory, dataPlane.settings)
        await dataPlane.adoptCompanies { self.withCompanies($0) }
        let settings = dataPlane.settings
        directory.onDeletion { deletion in
            switch deletion {
            case .event(let company, let uid): dataPlane.remove(event: uid, company: company)
            case .registration(let subject): dataPlane.remove(registration: subject)
            case .person(let company, let email): dataPlane.remove(person: email, company: company)
            case .viewer(let removal): dataPlane.end(removal)
            case .session(let ended): dataPlane.end(ended)
            case .unknown: dataPlane.endBarred()
            }
        }
        let (logger, place) = (logger, database.shown)
        directory.onStorageChange { fault in
            if let fault {
                logger.error(
                    """
                    control.database: \(place): \(fault). Until then calls that change something get 503, and attendance \
                    waits in memory
                    """
                )
            } else {
                logger.notice("control.database: \(place) takes writes again")
            }
        }
        dataPlane.keepRemovals(in: directory)
        dataPlane.sessions.keepChanges()
        let webhooks = WebhookDelivery(
            directory: directory,
            allowedPrivate: settings.control.webhookPrivateAddresses,
            logger: logger,
            clock: WallClock.now
        )
        webhooks.adopt(settings)
        let api = try ControlPlane(
            settings: settings,
            tokenKey: tokenKey,
            directory: directory,
            sessions: dataPlane.sessions,
            kick: { try await dataPlane.kick($0, by: .api) },
            sendAway: { dataPlane.sendAway($0, by: .api) },
            tellLifted: { dataPlane.tellLifted($0, by: .api) },
            webhooks: webhooks,
            logger: logger
        )
        let leases = try await shareLeases(of: dataPlane, in: directory)
        let serving = try await serve(api, at: socket)
        let operatorCompanies = OperatorCompanies(
            directory: directory,
            companies: companies,
            publication: publication,
            settings: { dataPlane.settings },
            logger: logger
        )
        dataPlane.serveCompanies { await operatorCompanies.answer($0) }
        dataPlane.showMetrics { ControlReading(await directory.read(), webhooks.tally, now: WallClock.now()) }
        let (turns, turn) = AsyncStream<Bool>.makeStream()
        directory.onLeading { turn.yield($0) }
        let tasks = [
            serving, Task { await self.lead(turns, directory, webhooks) },
            Task { await self.keepAttendance(of: dataPlane.sessions, in: directory) },
            Task { await self.watchFiles(of: directory) }, Task { await self.hold(directory) },
            Task { await self.endSecrets() },
        ]
        try directory.follow()
        running.withLock {
            $0 = Running(directory: directory, api: api, webhooks: webhooks, leases: leases, tasks: tasks)
        }
        // They may have changed meanwhile.
        adoptSettings(of: dataPlane)
    }

    /// Shares the leases with the other gateways that use the database, if there can be any.
    private func shareLeases(of dataPlane: DataPlane, in directory: Directory) async throws -> (any LeaseStorage)? {
        guard let (store, node) = try await directory.leases() else { return nil }
        dataPlane.share(through: store, as: node)
        store.start(dataPlane.leaseClient)
        return store
    }

    /// Opens the directory's companies, and follows their changes.
    private func openCompanies(of directory: Directory, _ settings: Settings) throws {
        let secret = try StateFiles.companyKey(for: settings, hasSealed: directory.hasSealedSecrets())
        let stored: [StoredCompany]
        do throws(DirectoryFault) {
            stored = try directory.openCompanies(secret: secret)
        } catch {
            let path = settings.control.companyKeyPath
            throw StateFiles.Fault(description: "control.company_key_file: \(path): \(error)")
        }
        for fault in companies.replace(with: stored, at: WallClock.now()) { logger.error("\(fault)") }
        directory.onCompanyChange { [companies, publication] id, company in
            companies.set(id, company, at: WallClock.now())
            publication.note()
        }
    }

    /// The settings with the companies of the directory.
    ///
    /// - Parameter isTrial: whether the settings may never be in effect. Otherwise logs which companies cannot be served.
    func withCompanies(_ settings: Settings, isTrial: Bool = false) -> Settings {
        let (merged, found) = settings.merging(companies.settings(at: WallClock.now()))
        guard !isTrial else { return merged }
        let told = clashes.withLock { clashes in
            defer { clashes = found }
            return clashes
        }
        for clash in found where !told.contains(clash) {
            logger.error("\(clash): nothing of the company is accepted")
        }
        return merged
    }

    /// Ends secrets of companies when their time is up.
    private func endSecrets() async {
        while (try? await Task.sleep(for: .milliseconds(500))) != nil {
            if companies.hasEnded(at: WallClock.now()) { publication.note() }
        }
    }

    /// Uses the settings that are in effect.
    func adoptSettings(of dataPlane: DataPlane) {
        // One after the other, so that none brings back what another has replaced.
        adoption.withLock { _ in
            let settings = dataPlane.settings
            retention.withLock { $0 = Retention(settings.control.retention) }
            guard let running = running.withLock({ $0 }) else { return }
            do {
                try running.api.adopt(settings)
            } catch {
                logger.error("the control API keeps its settings: \(error)")
            }
            running.webhooks.adopt(settings)
        }
    }

    /// Why the database must not be let go: the next process could not use it, or would begin with another one.
    func obstacle() async -> String? {
        guard let directory = running.withLock({ $0?.directory }) else { return "the database is being opened" }
        let missing = await files.run { directory.missingFiles }
        guard missing.isEmpty else {
            return """
                control.database: files in use were removed or replaced (\(missing.joined(separator: " "))): put a backup in \
                their place, and restart
                """
        }
        do {
            try await directory.beat()
            return nil
        } catch {
            return "control.database: \(StorageFault(error).map(\.description) ?? "\(error)")"
        }
    }

    /// Writes what is left, and closes the database.
    ///
    /// - Parameter keepsStays: whether stays that are open go on, in another process.
    func stop(keepsStays: Bool = false) async {
        guard let running = running.withLock({ $0.take() }) else { return }
        for task in running.tasks { task.cancel() }
        for task in running.tasks { await task.value }
        await running.leases?.close()
        await running.directory.close(keepsStays: keepsStays)
    }

    /// Opens the database again after a hand-over that has failed. Tries until it can, since the other process may still be
    /// ending, or until the task is cancelled.
    ///
    /// - Parameter stopping: what has stopped it.
    func startAgain(for dataPlane: DataPlane, after stopping: Task<Void, Never>) async {
        // Nothing else bounds meanwhile what has happened.
        let collecting = Task {
            while !Task.isCancelled {
                try? await Task.sleep(for: Self.interval)
                journal.withLock { $0.add(dataPlane.sessions.takeChanges()) }
            }
        }
        await stopping.value
        var isTold = false
        while !Task.isCancelled {
            do {
                // One reader of what has happened at a time.
                try await start(for: dataPlane, keepsStays: true)
                if isTold { logger.notice("the database was opened again") }
                break
            } catch {
                if !isTold {
                    logger.error("control.database: \(error): the control API answers 503 until it can be opened")
                }
                isTold = true
                try? await Task.sleep(for: Self.interval)
            }
        }
        collecting.cancel()
        await collecting.value
    }

    private func serve(_ api: ControlPlane, at path: String) async throws -> Task<Void, Never> {
        let logger = logger
        let (events, events_) = AsyncThrowingStream<Void, any Error>.makeStream()
        let serving = Task {
            do {
                try await api.serve(socket: path) { events_.yield() }
                events_.finish()
            } catch {
                events_.finish(throwing: error)
                if !Task.isCancelled { logger.error("control API: \(error)") }
            }
        }
        for try await _ in events { break }
        return serving
    }
}

extension Retention {
    fileprivate init(_ settings: RetentionSettings) {
        self.init(
            stays: Milliseconds(settings.stays.components.seconds * 1000),
            removed: Milliseconds(settings.removed.components.seconds * 1000),
            webhooks: Milliseconds(settings.webhooks.components.seconds * 1000)
        )
    }
}

extension ControlReading {
    fileprivate init(_ database: DatabaseReading, _ deliveries: DeliveryTally, now: Milliseconds) {
        self.init()
        waitingWrites = database.waitingWrites
        commits = database.commits.successes + database.commits.failures
        failedCommits = database.commits.failures
        commitMicroseconds = database.commits.microseconds
        waitingMessages = database.waitingMessages
        oldestMessageAge = database.oldestMessage.map { Int(max(0, now - $0)) } ?? 0
        self.deliveries = [
            ("arrived", deliveries.arrived), ("retried", deliveries.retried), ("given_up", deliveries.givenUp),
        ]
    }
}
