import DataPlane
import GatewayConfiguration
import Logging

/// What the process tells its operator: lines on standard error, as JSON or as text.
enum OperatorLog {
    /// Octets of lines that may wait for a reader.
    static let capacity = 1 << 20

    /// - Parameter output: where lines go; event loops write them too, so nobody may wait there.
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
