import Basics
import ControlPlane
import DataPlane
import GatewayConfiguration
import Logging
import Transport

/// The configuration of a running process: brings changes of its file, and of the files that it names, into effect.
///
/// One change at a time, so that a reload and a renewal do not undo each other. Files are read on a thread of their own:
/// while a file system does not answer, changes wait, and everything else goes on.
final class RunningConfiguration: Sendable {
    private let file: ConfigurationFile
    private let dataPlane: DataPlane
    private let control: Control?
    private let marks: StateFiles.Marks
    private let logs: Logs
    private let manager: ServiceManager
    private let thread = FileThread("configuration")
    private let changes: AsyncStream<Change>
    private let arrivals: AsyncStream<Change>.Continuation

    private enum Change {
        case reload
        case filesChanged
        case companiesChanged
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
        (changes, arrivals) = AsyncStream.makeStream()
        control?.publication.onAsk { [arrivals] in arrivals.yield(.companiesChanged) }
    }

    /// Loads the file again soon.
    func reload() { arrivals.yield(.reload) }

    /// Brings changes into effect until the task is cancelled.
    func follow() async {
        let watch = FileWatch(file.watchedFiles(dataPlane.settings)) { [arrivals] in arrivals.yield(.filesChanged) }
        var told: [String] = []
        var publishAt = ContinuousClock.now
        for await change in changes {
            switch change {
            case .reload:
                manager.tell(.reloading)
                let isLoaded = await load()
                guard !Task.isCancelled else { return }
                manager.tell(.ready)
                watch.watch(file.watchedFiles(dataPlane.settings))
                // It has read all of them.
                if isLoaded { tell([], after: &told) }
            case .filesChanged:
                let problems = await renew()
                guard !Task.isCancelled else { return }
                tell(problems, after: &told)
                if !problems.isEmpty { watch.tryAgain() }
            case .companiesChanged:
                try? await Task.sleep(until: publishAt, clock: .continuous)
                let start = ContinuousClock.now
                await publishCompanies()
                publishAt = ContinuousClock.now + (ContinuousClock.now - start) * (Self.publishingShare - 1)
            }
        }
    }

    /// Says which files have become unusable, and which are no longer.
    ///
    /// - Parameters:
    ///   - problems: all that there are now, as lines that begin with a key.
    ///   - told: those that there were.
    private func tell(_ problems: [String], after told: inout [String]) {
        let keys = Set(problems.map(Self.key))
        dataPlane.showUnusableFiles(keys.count)
        let settings = dataPlane.settings
        let former = Set(told.map { ExactText($0) })
        for problem in problems where !former.contains(ExactText(problem)) {
            logs.logger.error("\(settings.naming(problem)); what is in use stays until that is mended")
        }
        var mended: [ExactText] = []
        for key in told.map(Self.key) where !keys.contains(key) && !mended.contains(key) { mended.append(key) }
        for key in mended { logs.logger.notice("\(settings.naming(key.text)): its file can be used again") }
        told = problems
    }

    /// The key that a problem begins with.
    private static func key(_ problem: String) -> ExactText { ExactText(String(problem.prefix { $0 != ":" })) }

    /// Brings companies of the directory that have changed into effect.
    private func publishCompanies() async {
        guard let control else { return }
        let number = control.publication.begin()
        let settings = control.withCompanies(dataPlane.settings)
        await dataPlane.adoptCompanies(of: settings)
        control.adopt(settings)
        control.publication.finish(number)
    }

    /// Reads the configuration again and uses it. Returns whether it is in use.
    private func load() async -> Bool {
        let logger = logs.logger
        do throws(ConfigurationError) {
            let (loaded, targets, remarks) = try await read { [file, marks, logs] in
                Result { () throws(ConfigurationError) in
                    let settings = try file.load()
                    let remarks = settings.remarks + file.openFiles(settings) + marks.replaced
                    return (settings, try logs.open(settings.log), remarks)
                }
            }.get()
            guard !Task.isCancelled else {
                targets.close()
                return false
            }
            let settings = control?.withCompanies(loaded) ?? loaded
            let reloaded: DataPlane.Reloaded
            do throws(ConfigurationError) {
                reloaded = try await dataPlane.reload(settings)
            } catch {
                targets.close()
                throw ConfigurationError(problems: error.problems.map(settings.naming))
            }
            logs.adopt(targets)
            control?.adopt(settings)
            let waits = reloaded.waiting.map { "\($0): takes effect at the next start" }
            for note in remarks + waits + reloaded.notes { logger.warning("reload: \(settings.naming(note))") }
            let waiting = reloaded.waiting.joined(separator: ", ")
            logger.info(
                "configuration reloaded\(waiting.isEmpty ? "" : ", but for what takes effect at the next start: \(waiting)")"
            )
            return true
        } catch {
            guard !Task.isCancelled else { return false }
            dataPlane.countFailedReload()
            for problem in error.problems { logger.error("reload: \(problem)") }
            logger.error("reload: the running configuration stays as it is")
            return false
        }
    }

    /// Uses what files hold that have changed.
    ///
    /// - Returns: what cannot be used, as lines that begin with a key.
    private func renew() async -> [String] {
        let settings = dataPlane.settings
        let renewal = await read { [file] in
            settings.renewingFiles(readFile: file.read, fault: DataPlane.fault(of:))
        }
        guard !renewal.changes.isEmpty, !Task.isCancelled else { return renewal.problems }
        do throws(ConfigurationError) {
            try await dataPlane.renew(renewal.settings)
            control?.adopt(renewal.settings)
            for change in renewal.changes { logs.logger.notice("loaded again: \(settings.naming(change))") }
            for loss in renewal.settings.losses(since: settings) { logs.logger.warning("\(loss)") }
            return renewal.problems
        } catch {
            return renewal.problems + error.problems
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
