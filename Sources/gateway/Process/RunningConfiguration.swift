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
        var told: Set<ExactText> = []
        var publishAt = ContinuousClock.now
        for await change in changes {
            switch change {
            case .reload:
                manager.tell(.reloading)
                await load()
                guard !Task.isCancelled else { return }
                manager.tell(.ready)
                watch.watch(file.watchedFiles(dataPlane.settings))
            case .filesChanged:
                let problems = await renew()
                for problem in problems where !told.contains(ExactText(problem)) {
                    logs.logger.error("\(problem); what is in use stays until that is mended")
                }
                told = Set(problems.map { ExactText($0) })
                if !problems.isEmpty { watch.tryAgain() }
            case .companiesChanged:
                try? await Task.sleep(until: publishAt, clock: .continuous)
                let start = ContinuousClock.now
                await publishCompanies()
                publishAt = ContinuousClock.now + (ContinuousClock.now - start) * (Self.publishingShare - 1)
            }
        }
    }

    /// Brings companies of the directory that have changed into effect.
    private func publishCompanies() async {
        guard let control else { return }
        let number = control.publication.begin()
        let settings = control.withCompanies(dataPlane.settings)
        await dataPlane.adoptCompanies(of: settings)
        control.adopt(settings)
        control.publication.finish(number)
    }

    /// Reads the configuration again and uses it.
    private func load() async {
        let logger = logs.logger
        do throws(ConfigurationError) {
            let (loaded, targets, remarks) = try await read { [file, marks, logs] in
                Result { () throws(ConfigurationError) in
                    let settings = try file.load()
                    let remarks = settings.remarks + file.openFiles(settings) + marks.replaced
                    return (settings, try logs.open(settings.log), remarks)
                }
            }.get()
            guard !Task.isCancelled else { return targets.close() }
            let settings = control?.withCompanies(loaded) ?? loaded
            let reloaded: DataPlane.Reloaded
            do throws(ConfigurationError) {
                reloaded = try await dataPlane.reload(settings)
            } catch {
                targets.close()
                throw error
            }
            logs.adopt(targets)
            control?.adopt(settings)
            for remark in remarks { logger.warning("reload: \(remark)") }
            for key in reloaded.waiting { logger.warning("reload: \(key): takes effect at the next start") }
            for note in reloaded.notes { logger.warning("reload: \(note)") }
            let waiting = reloaded.waiting.joined(separator: ", ")
            logger.info(
                "configuration reloaded\(waiting.isEmpty ? "" : ", but for what takes effect at the next start: \(waiting)")"
            )
        } catch {
            guard !Task.isCancelled else { return }
            dataPlane.countFailedReload()
            for problem in error.problems { logger.error("reload: \(problem)") }
            logger.error("reload: the running configuration stays as it is")
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
            for change in renewal.changes { logs.logger.notice("loaded again: \(change)") }
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
