import Admission
import ControlPlane
import DataPlane
import Directory
import GatewayConfiguration
import JOSE
import Logging
import Synchronization

/// The control plane of a running gateway: the directory, the API on it, webhooks, and the book of attendance.
final class Control: Sendable {
    private let directory: Directory
    private let tokenKey: Key
    private let settings: Settings
    private let logger: Logger
    private let running = Mutex<Running?>(nil)
    private let retention: Mutex<Retention>

    private struct Running {
        var api: ControlPlane
        var webhooks: WebhookDelivery
        var tasks: [Task<Void, Never>]
    }

    /// How often what happened to sessions is written down: what a crash may lose.
    private static let interval = Duration.milliseconds(500)
    /// Between two notes that the gateway runs while nobody is there, and between two that attendance is lost.
    private static let longestPause = Duration.seconds(60)
    private static let purgeInterval = Duration.seconds(3600)
    /// What waits to be written while the disk is full or gone; of more, what tells least is lost.
    private static let maxUnwritten = 1 << 20

    /// Opens the database and fills `view` from it.
    init(_ settings: Settings, view: DirectoryView, logger: Logger) throws {
        self.settings = settings
        self.logger = logger
        retention = Mutex(Retention(settings.control.retention))
        directory = try Directory(path: settings.control.database, view: view, clock: WallClock.milliseconds)
        tokenKey = try StateFiles.tokenKey(for: settings)
    }

    /// Serves the API for `dataPlane`; returns once it can be asked.
    func start(for dataPlane: DataPlane) async throws {
        directory.onDeletion { deletion in
            switch deletion {
            case .event(let company, let uid): dataPlane.remove(event: uid, company: company)
            case .registration(let subject): dataPlane.remove(registration: subject)
            case .person(let company, let email): dataPlane.remove(person: email, company: company)
            }
        }
        dataPlane.keepRemovals(in: directory)
        dataPlane.sessions.keepChanges()
        let api = try ControlPlane(
            settings: settings,
            tokenKey: tokenKey,
            directory: directory,
            sessions: dataPlane.sessions,
            kick: { try await dataPlane.kick($0, by: .api) },
            sendAway: { dataPlane.sendAway($0, by: .api) },
            tellLifted: { dataPlane.tellLifted($0, by: .api) },
            logger: logger
        )
        let webhooks = WebhookDelivery(
            directory: directory,
            allowedPrivate: settings.control.webhookPrivateAddresses,
            logger: logger,
            clock: WallClock.milliseconds
        )
        let serving = try await serve(api)
        let tasks = [
            serving, Task { await webhooks.run() }, Task { await self.keepAttendance(of: dataPlane.sessions) },
            Task { await self.purge() }, Task { await self.watchFiles() },
        ]
        running.withLock { $0 = Running(api: api, webhooks: webhooks, tasks: tasks) }
    }

    func adopt(_ settings: Settings) {
        guard let running = running.withLock({ $0 }) else { return }
        do {
            try running.api.adopt(settings)
        } catch {
            logger.error("the control API stays as it is: \(error)")
        }
        retention.withLock { $0 = Retention(settings.control.retention) }
        running.webhooks.adopt(allowedPrivate: settings.control.webhookPrivateAddresses)
    }

    /// Writes down what is left, and closes the database.
    func stop() async {
        let tasks = running.withLock { running in
            defer { running = nil }
            return running?.tasks ?? []
        }
        for task in tasks { task.cancel() }
        for task in tasks { await task.value }
        await directory.close()
    }

    private func serve(_ api: ControlPlane) async throws -> Task<Void, Never> {
        let path = settings.control.socket
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

    /// Deletes what is older than it is to be kept, each hour.
    private func purge() async {
        while !Task.isCancelled {
            do {
                let purged = try await directory.purge(retention.withLock { $0 })
                tellOfClock()
                if let purged, !purged.isEmpty {
                    logger.info(
                        "what was over for long was deleted",
                        metadata: [
                            "stays": "\(purged.stays)", "registrations": "\(purged.registrations)",
                            "events": "\(purged.events)", "messages": "\(purged.messages)",
                            "removals": "\(purged.removals)",
                        ]
                    )
                }
            } catch {
                if !Task.isCancelled { logger.error("what is over for long cannot be deleted: \(error)") }
            }
            try? await Task.sleep(for: Self.purgeInterval)
        }
    }

    /// Says each minute that files of the database are gone, for as long as they are.
    private func watchFiles() async {
        while !Task.isCancelled {
            let missing = directory.missingFiles
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

    private func tellOfClock() {
        switch directory.takeClockNews() {
        case .jumped(let milliseconds):
            logger.warning(
                "the clock has jumped: nothing is deleted by [control.retention] before the gateway has run for a day",
                metadata: ["seconds": "\(milliseconds / 1000)"]
            )
        case .trusted: logger.info("the clock has not jumped for a day: what is over for long is deleted again")
        case nil: break
        }
    }

    /// Writes down who comes and goes, in batches, and that the gateway lives.
    private func keepAttendance(of sessions: LiveSessions) async {
        var journal = AttendanceJournal(limit: Self.maxUnwritten)
        var toldAt: ContinuousClock.Instant?
        var isFailing = false
        var lastBeat = ContinuousClock.now
        var isLast = false
        while !isLast {
            isLast = (try? await Task.sleep(for: Self.interval)) == nil
            journal.add(sessions.takeChanges())
            if isLast || toldAt.map({ $0.duration(to: .now) > Self.longestPause }) ?? true {
                let dropped = journal.takeDropped()
                if dropped > 0 {
                    logger.error("attendance is lost: it cannot be written", metadata: ["changes": "\(dropped)"])
                    toldAt = .now
                }
            }
            do {
                while !journal.changes.isEmpty {
                    let part = Array(journal.changes.prefix(AttendanceJournal.part))
                    try await directory.record(part)
                    journal.wrote(part.count)
                }
                if sessions.count > 0 || lastBeat.duration(to: .now) > Self.longestPause {
                    try await directory.beat()
                    tellOfClock()
                    lastBeat = .now
                }
                isFailing = false
            } catch {
                if !isFailing { logger.error("attendance cannot be written, and is kept for later: \(error)") }
                isFailing = true
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
