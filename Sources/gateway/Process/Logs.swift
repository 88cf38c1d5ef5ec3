import Basics
import DataPlane
import Dispatch
import GatewayConfiguration
import Logging
import Synchronization

/// The two logs of a running process: its messages to the operator, and the access log. A thread writes each of them.
final class Logs: Sendable {
    let access: LogOutput
    let logger: Logger
    private let messages: LogOutput
    private let mode: OperatorLogMode
    private let accessThread: LogThread
    private let messageThread: LogThread
    private let settings: Mutex<LogSettings>

    /// The targets of both, opened.
    struct Targets {
        let settings: LogSettings
        fileprivate let messages: LogSink
        fileprivate let access: LogSink

        /// Opens them.
        ///
        /// - Throws: what cannot be opened, and why.
        init(_ settings: LogSettings) throws(ConfigurationError) {
            self.settings = settings
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
        let (targets, isJSON) = (try Targets(settings), settings.format == .json)
        access = LogOutput(targets.access, isJSON: isJSON)
        messages = LogOutput(targets.messages, isJSON: isJSON, name: "log", capacity: OperatorLog.capacity)
        mode = OperatorLogMode(level: settings.loggerLevel, isJSON: isJSON)
        logger = OperatorLog.logger(mode, messages)
        accessThread = LogThread(access, label: "access-log")
        messageThread = LogThread(messages, label: "operator-log")
        self.settings = Mutex(settings)
    }

    /// Uses these targets, and the settings that they were opened with, from now on.
    func adopt(_ targets: Targets) {
        settings.withLock { $0 = targets.settings }
        let isJSON = targets.settings.format == .json
        mode.adopt(level: targets.settings.loggerLevel, isJSON: isJSON)
        messages.adopt(targets.messages, isJSON: isJSON)
        access.adopt(targets.access, isJSON: isJSON)
    }

    /// Opens the targets again: something like logrotate has moved the files away.
    func reopen() {
        do throws(ConfigurationError) {
            adopt(try Targets(settings.withLock { $0 }))
            logger.info("the logs were opened again")
        } catch {
            for problem in error.problems { logger.error("\(problem)") }
            logger.error("the logs stay as they are")
        }
    }

    /// Says on standard error if messages to the operator were lost elsewhere. Call about once a second.
    func tellLosses() {
        guard settings.withLock({ $0.output }) != .standardError,
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
            let target = settings.withLock { $0.accessOutput }
            let name = target == .standardOutput ? "standard output" : target.text
            StandardError.line("gateway: \(name) is not read: \(lost) lines of the access log lost")
        }
        // Covers the last minute.
        if let notice = access.takeNotice(at: .max) { StandardError.line("gateway: \(notice)") }
    }
}
