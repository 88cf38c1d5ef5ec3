import Basics
import Console
import DataPlane
import Dispatch
import GatewayConfiguration
import Logging
import Synchronization
import Transport

/// The two logs of a running process: its messages to the operator, and the access log. A thread writes each of them.
final class Logs: Sendable {
    let access: LogOutput
    let logger: Logger
    /// The last messages to the operator.
    let recent = RecentLines()
    private let messages: LogOutput
    private let mode: OperatorLogMode
    private let accessThread: LogThread
    private let messageThread: LogThread
    private let state: Mutex<State>
    private let thread = FileThread("logs")

    private struct State {
        var settings: LogSettings
        /// How often targets were put to use.
        var adoptions = 0
    }

    /// The targets of both, opened.
    struct Targets {
        fileprivate let settings: LogSettings
        fileprivate let messages: LogSink
        fileprivate let access: LogSink
        /// How often targets had been put to use when these were opened.
        fileprivate let adoptions: Int

        fileprivate init(_ settings: LogSettings, adoptions: Int) throws(ConfigurationError) {
            (self.settings, self.adoptions) = (settings, adoptions)
            messages = try LogSink.open(settings.output, settings, for: "log.output")
            do throws(ConfigurationError) {
                access = try LogSink.open(settings.accessOutput, settings, for: "log.access_output")
            } catch {
                messages.close()
                throw error
            }
        }

        /// Closes targets that are not adopted.
        func close() {
            messages.close()
            access.close()
        }
    }

    init(_ settings: LogSettings) throws(ConfigurationError) {
        let (targets, isJSON) = (try Targets(settings, adoptions: 0), settings.format == .json)
        access = LogOutput(targets.access, isJSON: isJSON)
        messages = LogOutput(targets.messages, isJSON: isJSON, name: "log", capacity: OperatorLog.capacity)
        mode = OperatorLogMode(level: settings.loggerLevel, isJSON: isJSON)
        logger = OperatorLog.logger(mode, messages, recent)
        accessThread = LogThread(access, label: "access-log")
        messageThread = LogThread(messages, label: "operator-log")
        state = Mutex(State(settings: settings))
    }

    /// Opens the targets of other settings.
    ///
    /// - Throws: what cannot be opened, and why.
    func open(_ settings: LogSettings) throws(ConfigurationError) -> Targets {
        try Targets(settings, adoptions: state.withLock { $0.adoptions })
    }

    /// Uses these targets, and the settings that they were opened with, from now on.
    func adopt(_ targets: Targets) {
        let wasReopened = state.withLock { state in
            defer { use(targets, &state) }
            return state.adoptions != targets.adoptions
        }
        // What was moved away in between may be what was opened.
        if wasReopened { reopen() }
    }

    private func use(_ targets: Targets, _ state: inout State) {
        state = State(settings: targets.settings, adoptions: state.adoptions + 1)
        let isJSON = targets.settings.format == .json
        mode.adopt(level: targets.settings.loggerLevel, isJSON: isJSON)
        messages.adopt(targets.messages, isJSON: isJSON)
        access.adopt(targets.access, isJSON: isJSON)
    }

    /// Opens the targets again soon: something like logrotate has moved the files away.
    func reopen() { Task { [self] in await thread.run { self.openAgain() } } }

    private func openAgain() {
        do throws(ConfigurationError) {
            let targets = try open(state.withLock { $0.settings })
            let isUsed = state.withLock { state in
                guard state.adoptions == targets.adoptions else { return false }
                use(targets, &state)
                return true
            }
            guard isUsed else {
                // A reload was faster, and may have opened what was then moved away.
                targets.close()
                return reopen()
            }
            logger.info("the logs were opened again")
        } catch {
            for problem in error.problems { logger.error("\(problem)") }
            logger.error("the logs stay as they are")
        }
    }

    /// Says on standard error if messages to the operator were lost elsewhere. Call about once a second.
    func tellLosses() {
        guard state.withLock({ $0.settings.output }) != .standardError,
            let notice = messages.takeNotice(at: MonotonicClock.now())
        else { return }
        StandardError.line("gateway: \(notice)")
    }

    /// Writes the lines that wait. Says on standard error what was lost.
    ///
    /// - Parameter deadline: the logs' readers may be stalled: lines that they have not taken by then are lost.
    func finish(by deadline: DispatchTime) {
        let lost = accessThread.finish(by: deadline)
        messageThread.finish(by: deadline)
        if lost > 0 {
            let target = state.withLock { $0.settings.accessOutput }
            let name = target == .standardOutput ? "standard output" : target.text
            StandardError.line("gateway: \(name) is not read: \(lost) lines of the access log lost")
        }
        // Covers the last minute.
        if let notice = access.takeNotice(at: .max) { StandardError.line("gateway: \(notice)") }
    }
}
