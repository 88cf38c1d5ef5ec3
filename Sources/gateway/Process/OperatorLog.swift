import DataPlane
import GatewayConfiguration
import Logging

/// The messages of the process to its operator: lines on standard error, as JSON or as text.
enum OperatorLog {
    /// The most bytes of lines that may wait for a reader.
    static let capacity = 1 << 20

    /// - Parameter output: the destination. Event loops also write to it, so it must not block.
    static func logger(_ settings: LogSettings, _ output: LogOutput) -> Logger {
        var logger = Logger(label: "gateway") { _ in
            OperatorLogHandler(isJSON: settings.format == .json) { output.append(Array("\($0)\n".utf8)) }
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
