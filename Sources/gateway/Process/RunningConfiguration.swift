import Basics
import ControlPlane
import DataPlane
import GatewayConfiguration
import Logging
import Synchronization
import Transport

/// The configuration of a running process: brings changes of its file, of the files that it names, and of the directory's
/// companies into effect.
///
/// Each of the three has a task of its own, so that none waits for another: a reload may wait for key sets, and a file
/// system may not answer. Each replaces only what it is about in the settings that are in effect by then, so that none
/// undoes another.
final class RunningConfiguration: Sendable {
    private let file: ConfigurationFile
    private let dataPlane: DataPlane
    private let control: Control?
    private let marks: StateFiles.Marks
    private let logs: Logs
    private let manager: ServiceManager
    private let thread = FileThread("configuration")
    /// What is to be done.
    private let (reloads, renewals, publications) = (Bell(), Bell(), Bell())
    /// Counts what was taken from files. Whatever was read before is out of date.
    private let edition = Atomic<Int>(0)
    /// The files that cannot be used, as the operator was told: lines that begin with a key.
    private let told = Mutex<[String]>([])

    /// Asks for something to be done. Asked again before that has begun, it is done once.
    private struct Bell {
        let rings: AsyncStream<Void>
        private let continuation: AsyncStream<Void>.Continuation

        init() { (rings, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1)) }

        func ring() { continuation.yield() }
    }

    /// Publishing companies may take this part of the time: 5,000 of them take tens of milliseconds.
    private static let publishingShare = 5

    /// How long files may take before the log says that they do.
    private static let patience = Duration.seconds(10)

    init(
        _ file: ConfigurationFile,
        dataPlane: DataPlane,
        control: Control?,
        marks: StateFiles.Marks,
        logs: Logs,
        manager: ServiceManager
    ) {
        (self.file, self.dataPlane, self.control) = (file, dataPlane, control)
        (self.marks, self.logs, self.manager) = (marks, logs, manager)
        control?.publication.onAsk { [publications] in publications.ring() }
    }

    /// Loads the file again soon.
    func reload() { reloads.ring() }

    /// Brings changes into effect until the task is cancelled.
    func follow() async {
        let watch = FileWatch(file.watchedFiles(dataPlane.settings)) { [renewals] in renewals.ring() }
        await withDiscardingTaskGroup { group in
            group.addTask { await self.followReloads(watch) }
            group.addTask { await self.followFiles(watch) }
            group.addTask { await self.followCompanies() }
        }
    }

    private func followReloads(_ watch: FileWatch) async {
        for await _ in reloads.rings {
            manager.tell(.reloading)
            let isLoaded = await load()
            guard !Task.isCancelled else { return }
            manager.tell(.ready)
            watch.watch(file.watchedFiles(dataPlane.settings))
            // It has read all of them.
            if isLoaded { tell([]) }
        }
    }

    private func followFiles(_ watch: FileWatch) async {
        for await _ in renewals.rings {
            let problems = await renew()
            guard !Task.isCancelled else { return }
            tell(problems)
            if !problems.isEmpty { watch.tryAgain() }
        }
    }

    private func followCompanies() async {
        var publishAt = ContinuousClock.now
        for await _ in publications.rings {
            try? await Task.sleep(until: publishAt, clock: .continuous)
            let start = ContinuousClock.now
            await publishCompanies()
            publishAt = ContinuousClock.now + (ContinuousClock.now - start) * (Self.publishingShare - 1)
        }
    }

    /// Says which files have become unusable, and which are no longer.
    ///
    /// - Parameter problems: all that there are now, as lines that begin with a key.
    private func tell(_ problems: [String]) {
        let before = told.withLock { told in
            defer { told = problems }
            return told
        }
        let keys = Set(problems.map(Self.key))
        let settings = dataPlane.settings
        dataPlane.showUnusableFiles(.init(count: keys.count, problems: problems.map(settings.naming)))
        let former = Set(before.map { ExactText($0) })
        for problem in problems where !former.contains(ExactText(problem)) {
            logs.logger.error("\(settings.naming(problem)); what is in use stays until that is mended")
        }
        var mended: [ExactText] = []
        for key in before.map(Self.key) where !keys.contains(key) && !mended.contains(key) { mended.append(key) }
        for key in mended { logs.logger.notice("\(settings.naming(key.text)): its file can be used again") }
    }

    /// The key that a problem begins with.
    private static func key(_ problem: String) -> ExactText { ExactText(String(problem.prefix { $0 != ":" })) }

    /// Brings companies of the directory that have changed into effect.
    private func publishCompanies() async {
        guard let control else { return }
        let number = control.publication.begin()
        await dataPlane.adoptCompanies { control.withCompanies($0) }
        control.adoptSettings(of: dataPlane)
        control.publication.finish(number)
    }

    /// What is to take the place of the settings in effect: `settings`, which were read, with the directory's companies.
    ///
    /// - Parameter begun: the edition when they began to be read.
    /// - Returns: `nil` if files have been taken since: those would come back as they were before.
    private func decide(_ settings: Settings, readAt begun: Int) -> Settings? {
        guard edition.compareExchange(expected: begun, desired: begun + 1, ordering: .relaxed).exchanged else {
            return nil
        }
        return control?.withCompanies(settings) ?? settings
    }

    /// Reads the configuration again and uses it. Returns whether it is in use.
    private func load() async -> Bool {
        defer { dataPlane.endReload() }
        do throws(ConfigurationError) {
            var isRepeated = false
            while try await !loadOnce(again: !isRepeated) { isRepeated = true }
            return true
        } catch {
            guard !Task.isCancelled else { return false }
            let logger = logs.logger
            dataPlane.countFailedReload(error.problems)
            for problem in error.problems { logger.error("reload: \(problem)") }
            logger.error("reload: the running configuration stays as it is")
            return false
        }
    }

    /// Reads the configuration again and uses it, unless files were taken meanwhile.
    ///
    /// - Parameter again: whether to fetch the key sets again that are in use.
    /// - Returns: whether it is in use.
    private func loadOnce(again: Bool) async throws(ConfigurationError) -> Bool {
        let begun = edition.load(ordering: .relaxed)
        let (loaded, targets, remarks) = try await read { [file, marks, logs] in
            Result { () throws(ConfigurationError) in
                let settings = try file.load()
                let remarks = settings.remarks + file.openFiles(settings) + marks.replaced
                return (settings, try logs.open(settings.log), remarks)
            }
        }.get()
        let reloaded: DataPlane.Reloaded
        do throws(ConfigurationError) {
            guard !Task.isCancelled else { throw ConfigurationError(problems: []) }
            let all = control?.withCompanies(loaded, isTrial: true) ?? loaded
            try await dataPlane.prepareReload(all, again: again)
            guard let done = try await dataPlane.reload({ decide(loaded, readAt: begun) }) else {
                targets.close()
                return false
            }
            reloaded = done
        } catch {
            targets.close()
            throw ConfigurationError(problems: error.problems.map(loaded.naming))
        }
        logs.adopt(targets)
        control?.adoptSettings(of: dataPlane)
        let logger = logs.logger
        let waits = reloaded.waiting.map { "\($0): takes effect at the next start" }
        for note in remarks + waits + reloaded.notes { logger.warning("reload: \(loaded.naming(note))") }
        let waiting = reloaded.waiting.joined(separator: ", ")
        logger.info(
            "configuration reloaded\(waiting.isEmpty ? "" : ", but for what takes effect at the next start: \(waiting)")"
        )
        return true
    }

    /// Uses what files hold that have changed.
    ///
    /// - Returns: what cannot be used, as lines that begin with a key.
    private func renew() async -> [String] {
        while true {
            let begun = edition.load(ordering: .relaxed)
            let settings = dataPlane.settings
            let renewal = await read { [file] in
                settings.renewingFiles(readFile: file.read, fault: DataPlane.fault(of:))
            }
            guard !Task.isCancelled else { return renewal.problems }
            do throws(ConfigurationError) {
                if renewal.changes.isEmpty {
                    guard edition.load(ordering: .relaxed) == begun else { continue }
                    return renewal.problems
                }
                guard try await dataPlane.renew({ decide(renewal.settings, readAt: begun) }) else { continue }
            } catch {
                return renewal.problems + error.problems
            }
            control?.adoptSettings(of: dataPlane)
            for change in renewal.changes { logs.logger.notice("loaded again: \(settings.naming(change))") }
            for loss in renewal.settings.losses(since: settings) { logs.logger.warning("\(loss)") }
            return renewal.problems
        }
    }

    /// Reads files with `body` on their thread. Says so if that takes long.
    private func read<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
        let warning = Task { [logs] in
            try await Task.sleep(for: Self.patience)
            logs.logger.warning(
                "the configuration's files are being read for a long time: their file system does not answer"
            )
        }
        defer { warning.cancel() }
        return await thread.run(body)
    }
}
