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
    private let logger: Logger
    private let running = Mutex<Running?>(nil)
    private let retention: Mutex<Retention>
    /// Locked while settings are replaced.
    private let adoption = Mutex(())
    private let files = FileThread("files of the database")
    private let opening = FileThread("database")
    /// Where the database and the API's socket are. Others take effect at the next start.
    private let (database, socket): (DatabaseLocation, String)
    /// What has happened to sessions and is not written yet.
    private let journal = Mutex(AttendanceJournal(limit: Control.maxUnwritten))
    private let companies = DirectoryCompanies()
    /// Brings changes of the directory's companies into effect.
    let publication = Publication()
    /// What was logged of companies that cannot be served.
    private let clashes = Mutex<[CompanyClash]>([])

    private struct Running {
        let directory: Directory
        let api: ControlPlane
        let webhooks: WebhookDelivery
        let tasks: [Task<Void, Never>]
    }

    /// How often arrivals and departures are written. A crash may lose this much.
    private static let interval = Duration.milliseconds(500)
    /// The time between two notes that an idle gateway is running, and between two warnings that attendance is lost.
    private static let longestPause = Duration.seconds(60)
    private static let purgeInterval = Duration.seconds(3600)
    /// The most unwritten entries while the disk is full or gone. Beyond that, the least informative ones are lost.
    private static let maxUnwritten = 1 << 20

    init(_ settings: Settings, view: DirectoryView, logger: Logger) {
        self.view = view
        self.logger = logger
        retention = Mutex(Retention(settings.control.retention))
        (database, socket) = (settings.control.database, settings.control.socket)
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
        let directory = try await opening.run { [database, view] in
            Result { () throws(DirectoryFault) in
                try Directory(database: database.text, view: view, keepsStays: keepsStays, clock: WallClock.now)
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
        let tasks = [
            serving, Task { await webhooks.run() },
            Task { await self.keepAttendance(of: dataPlane.sessions, in: directory) },
            Task { await self.sumUpAttendance(in: directory) },
            Task { await self.announceDates(of: directory) }, Task { await self.purge(directory) },
            Task { await self.watchFiles(of: directory) }, Task { await self.hold(directory) },
            Task { await self.endSecrets() },
        ]
        running.withLock { $0 = Running(directory: directory, api: api, webhooks: webhooks, tasks: tasks) }
        // They may have changed meanwhile.
        adoptSettings(of: dataPlane)
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

    /// Deletes data past its retention time, every hour.
    private func purge(_ directory: Directory) async {
        while !Task.isCancelled {
            do {
                let purged = try await directory.purge(retention.withLock { $0 })
                tellOfClock(directory)
                if let purged, !purged.isEmpty {
                    logger.info(
                        "expired data was deleted",
                        metadata: [
                            "stays": "\(purged.stays)", "registrations": "\(purged.registrations)",
                            "events": "\(purged.events)", "messages": "\(purged.messages)",
                            "removals": "\(purged.removals)",
                        ]
                    )
                }
            } catch {
                if !Task.isCancelled { logger.error("expired data cannot be deleted: \(error)") }
            }
            try? await Task.sleep(for: Self.purgeInterval)
        }
    }

    /// Adds what an earlier version has recorded to the sums of attendance.
    private func sumUpAttendance(in directory: Directory) async {
        var isFailing = false
        while !Task.isCancelled {
            let start = ContinuousClock.now
            do {
                let count = try await directory.sumUpEarlierStays()
                isFailing = false
                if count > 0 {
                    let seconds = start.duration(to: .now).components.seconds
                    logger.notice(
                        "attendance of an earlier version can be reported",
                        metadata: ["stays": "\(count)", "seconds": "\(seconds)"]
                    )
                }
            } catch {
                if !isFailing, !Task.isCancelled, StorageFault(error) == nil {
                    logger.error("attendance cannot be summed up: \(error)")
                }
                isFailing = true
            }
            try? await Task.sleep(for: .seconds(1))
        }
    }

    /// Announces events that start and end.
    private func announceDates(of directory: Directory) async {
        var isFailing = false
        while !Task.isCancelled {
            do {
                try await directory.announceDates()
                isFailing = false
            } catch {
                if !isFailing, !Task.isCancelled, StorageFault(error) == nil {
                    logger.error("starts and ends cannot be announced: \(error)")
                }
                isFailing = true
            }
            try? await Task.sleep(for: .seconds(1))
        }
    }

    /// Keeps the database from being taken by another gateway.
    private func hold(_ directory: Directory) async {
        while (try? await Task.sleep(for: .seconds(1))) != nil { await directory.hold() }
    }

    /// Warns every minute while files of the database are missing.
    private func watchFiles(of directory: Directory) async {
        while !Task.isCancelled {
            let missing = await files.run { [directory] in directory.missingFiles }
            if !missing.isEmpty {
                logger.error(
                    """
                    control.database: files that the gateway uses were removed or replaced: what it writes is lost when it \
                    stops; put a backup in their place, and restart
                    """,
                    metadata: ["files": "\(missing.joined(separator: " "))"]
                )
            }
            try? await Task.sleep(for: Self.longestPause)
        }
    }

    private func tellOfClock(_ directory: Directory) {
        switch directory.takeClockNews() {
        case .jumped(let milliseconds):
            logger.warning(
                "the clock has jumped: [control.retention] deletes nothing until the gateway has run for a day",
                metadata: ["seconds": "\(milliseconds / 1000)"]
            )
        case .trusted: logger.info("the clock has not jumped for a day: [control.retention] deletes expired data again")
        case nil: break
        }
    }

    /// Writes arrivals and departures in batches, and notes that the gateway is running.
    private func keepAttendance(of sessions: LiveSessions, in directory: Directory) async {
        var toldAt: ContinuousClock.Instant?
        var isFailing = false
        var lastBeat = ContinuousClock.now
        var isLast = false
        while !isLast {
            isLast = (try? await Task.sleep(for: Self.interval)) == nil
            journal.withLock { $0.add(sessions.takeChanges()) }
            if isLast || toldAt.map({ $0.duration(to: .now) > Self.longestPause }) ?? true {
                let dropped = journal.withLock { $0.takeDropped() }
                if dropped > 0 {
                    logger.error("attendance is lost: it cannot be written", metadata: ["changes": "\(dropped)"])
                    toldAt = .now
                }
            }
            do {
                while true {
                    let part = journal.withLock { Array($0.changes.prefix(AttendanceJournal.part)) }
                    if part.isEmpty { break }
                    try await record(part, in: directory)
                }
                if sessions.count > 0 || lastBeat.duration(to: .now) > Self.longestPause {
                    try await directory.beat()
                    tellOfClock(directory)
                    lastBeat = .now
                }
                isFailing = false
            } catch {
                // The directory tells of faults of the storage.
                if !isFailing, StorageFault(error) == nil {
                    logger.error("attendance cannot be written, and is kept for later: \(error)")
                }
                isFailing = true
            }
        }
    }
}

extension Control {
    /// Writes the first changes of the journal. One that cannot be written does not keep the others from it.
    private func record(_ part: [SessionChange], in directory: Directory) async throws {
        do {
            try await directory.record(part)
            journal.withLock { $0.wrote(part.count) }
        } catch {
            guard StorageFault(error) == nil else { throw error }
            for change in part {
                do {
                    try await directory.record([change])
                } catch {
                    guard StorageFault(error) == nil else { throw error }
                    logger.error(
                        "a session's attendance cannot be written, and is left out: \(error)",
                        metadata: ["session": "\(change.session.name)"]
                    )
                }
                journal.withLock { $0.wrote(1) }
            }
        }
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
