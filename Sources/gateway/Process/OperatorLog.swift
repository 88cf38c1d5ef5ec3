import Console
import DataPlane
import GatewayConfiguration
import Glibc
import Logging

/// The messages of the process to its operator: lines as JSON or as text.
enum OperatorLog {
    /// The most bytes of lines that may wait for a reader.
    static let capacity = 1 << 20

    /// - Parameters:
    ///   - output: the destination. Event loops also write to it, so it must not block.
    ///   - recent: keeps the last lines.
    static func logger(_ mode: OperatorLogMode, _ output: LogOutput, _ recent: RecentLines) -> Logger {
        Logger(label: "gateway") { _ in
            OperatorLogHandler(mode, process: getpid()) { line, level in
                recent.append(line, level.recentLevel)
                output.append(Array("\(line)\n".utf8), level.severity)
            }
        }
    }
}

extension LogSettings {
    var loggerLevel: Logger.Level {
        switch level {
        case .debug: .debug
        case .info: .info
        case .notice: .notice
        case .warning: .warning
        case .error: .error
        }
    }
}

extension Logger.Level {
    fileprivate var recentLevel: RecentLines.Level {
        switch self {
        case .trace, .debug: .debug
        case .info: .info
        case .notice: .notice
        case .warning: .warning
        case .error, .critical: .error
        }
    }

    fileprivate var severity: LogSeverity {
        switch self {
        case .trace, .debug: .debug
        case .info: .info
        case .notice: .notice
        case .warning: .warning
        case .error, .critical: .error
        }
    }
}
