import DataPlane
import GatewayConfiguration
import JOSE
import Logging

/// What the process tells its operator: lines on standard error, as JSON or as text.
enum OperatorLog {
    static func logger(_ settings: LogSettings) -> Logger {
        var logger = Logger(label: "gateway") { label -> any LogHandler in
            if settings.format == .json { return JSONLogHandler() }
            return StreamLogHandler.standardError(label: label)
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

/// One JSON object a line.
struct JSONLogHandler: LogHandler {
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level = .info

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let members = [
            JSONMember("time", .string(DataPlane.timestamp())),
            JSONMember("level", .string(event.level.rawValue)),
            JSONMember("message", .string(event.message.description)),
        ]
        StandardError.line(String(decoding: JSONValue.object(members).serialized(), as: UTF8.self))
    }
}
