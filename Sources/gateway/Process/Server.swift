import Admission
import ArgumentParser
import Basics
import Console
import DataPlane
import Directory
import Dispatch
import GatewayConfiguration
import Glibc
import Logging
import UnixSignals

/// A gateway process: sets it up, serves, and handles signals.
struct Server {
    let settings: Settings
    /// Where the settings come from; `nil` if they cannot be loaded again.
    let file: ConfigurationFile?
    /// Remarks for the operator about the files that the settings name.
    var remarks: [String] = []
    var directory = DirectoryView()
    var keys: DataPlane.Keys?
    /// Whether to take the place of the gateway that runs with these settings.
    var takesOver = false
    /// If it takes over, from this process only; `nil` for whichever waits there.
    var predecessor: pid_t?
    /// Called once every listener is open.
    var whenListening: @Sendable () -> Void = {}
    let manager = ServiceManager()

    func run() async throws {
        let logs = try openLogs()
        let logger = logs.logger
        let descriptors = ProcessLimits.raiseDescriptors()
        ProcessLimits.forbidCoreDumps()
        ProcessLimits.ignoreSignals()
        /// The deadline for writing the logs, after everything else has ended; `nil` for one second from then.
        var deadline: DispatchTime?
        defer { logs.finish(by: deadline ?? .now() + .seconds(1)) }
        // Trap signals before anyone can know that the gateway serves.
        let signals = await UnixSignalsSequence(trapping: .sighup, .sigusr1, .sigusr2, .sigterm, .sigint)
        let (events, arrivals) = AsyncStream<Life.Event>.makeStream()
        // Until it is made, whoever tells this process to stop need not wait for what the start waits for.
        let commitment = Commitment()
        let takesOver = takesOver
        let signalling = Task {
            for await signal in signals {
                if signal == .sigterm || signal == .sigint, commitment.abandon("this process was told to stop") {
                    let rest = takesOver ? "it took over; the running gateway goes on" : "it served"
                    StandardError.line("gateway: stopped before \(rest)")
                    ProcessLimits.endNow(takesOver ? 1 : 0)
                }
                arrivals.yield(.signal(signal))
            }
        }
        defer { signalling.cancel() }
        let control = settings.control.enabled ? Control(settings, view: directory, logger: logger) : nil
        let dataPlane: DataPlane
        let console: Console
        var found: Predecessor?
        do {
            found = takesOver ? try await Predecessor.find(for: settings, process: self.predecessor) : nil
            dataPlane = try DataPlane(
                settings: settings,
                keys: keys ?? StateFiles.keys(for: settings),
                directory: directory,
                accessLog: logs.access,
                logger: logger,
                descriptors: descriptors,
                version: ProductVersion.text,
                keySetStore: keys == nil ? StateFiles.keySetStore(for: settings, logger) : nil
            )
            let reload: @Sendable () -> Void = { _ = arrivals.yield(.signal(.sighup)) }
            console = Console(
                dataPlane,
                lines: logs.recent,
                logger: logger,
                records: { control?.records },
                reload: file == nil ? nil : reload
            )
            dataPlane.serveConsole { [console] in await console.answer($0) }
            if let predecessor = found {
                try await take(over: predecessor, dataPlane, control, commitment, logger) { word in
                    if word == .reload { arrivals.yield(.signal(.sighup)) }
                    if word == .reopen { arrivals.yield(.signal(.sigusr1)) }
                }
            } else {
                try await control?.start(for: dataPlane)
                // Whoever is served from then on is drained when this process is told to stop.
                let lines = try await dataPlane.listen(given: manager.sockets, whenReady: commitment.make)
                for line in lines { logger.info("\(line)") }
            }
        } catch {
            let fault = "\(error is DirectoryFault ? "control.database: " : "")\(error)"
            let isRefused = (error as? HandOverFault)?.isRefusal ?? false
            if !isRefused { await found?.tell(ofFault: fault) }
            StandardError.line("gateway: \(isRefused ? "the running gateway goes on: " : "")\(fault)")
            throw ExitCode(1)
        }
        let watching = Task { await console.run() }
        defer { watching.cancel() }
        let predecessor = found
        let marks = StateFiles.marks(for: settings)
        for remark in settings.remarks + remarks { logger.warning("\(settings.naming(remark))") }
        logger.info("\(dataPlane.connectionLimit)")
        let leases = Task {
            while !Task.isCancelled {
                try await Task.sleep(for: .seconds(1))
                dataPlane.expireLeases()
                logs.tellLosses()
            }
        }
        defer { leases.cancel() }
        whenListening()
        for name in unusedSockets {
            logger.warning("systemd has passed a socket named \(name), which no listener's address names")
        }
        // Whoever is told that this process serves may start the next one.
        let reception = Reception(dataPlane, logger) { arrivals.yield(.successorIsReady($0)) }
        if keys == nil { await reception.open(HandOver.path(settings), isSuccessor: takesOver) }
        manager.tell(.ready)
        let manager = manager
        let watchdog = manager.watchdogInterval.map { interval in
            Task {
                while !Task.isCancelled {
                    // Says nothing while an event loop is stuck.
                    await dataPlane.answer()
                    manager.tell(.watchdog)
                    try await Task.sleep(for: interval)
                }
            }
        }
        defer { watchdog?.cancel() }
        let running = file.map {
            RunningConfiguration($0, dataPlane: dataPlane, control: control, marks: marks, logs: logs, manager: manager)
        }
        let changing = running.map { running in Task { await running.follow() } }
        if EarlySignals.hasArrived(SIGHUP) { running?.reload() }
        if EarlySignals.hasArrived(SIGUSR1) { logs.reopen() }
        var life = Life(
            server: self,
            logs: logs,
            dataPlane: dataPlane,
            control: control,
            running: running,
            stateFiles: marks,
            predecessor: predecessor,
            reception: reception,
            arrivals: arrivals
        ) { isReplaced in
            changing?.cancel()
            // From now on, only the other process is heard.
            if isReplaced { watchdog?.cancel() }
        }
        await life.go(on: events)
        deadline = life.deadline.map { max($0, .now() + .milliseconds(200)) }
        logger.info("stopped")
    }

    /// The names of sockets from systemd that no listener uses. Their connections wait forever.
    private var unusedSockets: [String] {
        manager.sockets.keys.map(\.text).sorted().filter { name in
            !settings.listeners.contains { $0.address == .systemd(name: name) }
        }
    }

    private func openLogs() throws -> Logs {
        do throws(ConfigurationError) {
            return try Logs(settings.log)
        } catch {
            for problem in error.problems { StandardError.line("\(problem)") }
            throw ExitCode(1)
        }
    }
}
