import DataPlane
import GatewayConfiguration
import Logging

/// What the process tells its operator: lines on standard error, as JSON or as text.
enum OperatorLog {
    static func logger(_ settings: LogSettings) -> Logger {
        var logger = Logger(label: "gateway") { _ in
            OperatorLogHandler(isJSON: settings.format == .json) { StandardError.line($0) }
        }
        logger.logLevel =
            switch settings.level {
            case .debug: .debug
            case .info: .info
            case .notice: .notice
            case .warning: .warning
            case .error: .error
            }
        return logger
    }
}
