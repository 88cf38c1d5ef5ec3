import Basics
package import Logging

/// Messages of the process to its operator, one line per event: a JSON object or text.
///
/// The process's id follows the message: during a take-over, two processes may write to one log. Then comes the metadata,
/// ordered by name. If names repeat, the event's value takes precedence over the handler's, and that over the provider's.
/// Whatever the content, each event stays on one line.
package struct OperatorLogHandler: LogHandler {
    package var metadata: Logger.Metadata = [:]
    package var metadataProvider: Logger.MetadataProvider?
    package var logLevel: Logger.Level {
        get { ownLevel ?? mode.level }
        set { ownLevel = newValue }
    }
    private var ownLevel: Logger.Level?
    private let mode: OperatorLogMode
    private let process: Int32
    private let write: @Sendable (String, Logger.Level) -> Void

    /// - Parameters:
    ///   - process: its id.
    ///   - write: receives each line without its line feed.
    package init(_ mode: OperatorLogMode, process: Int32, write: @escaping @Sendable (String, Logger.Level) -> Void) {
        self.mode = mode
        self.process = process
        self.write = write
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata.first { $0.key.hasSameBytes(as: key) }?.value }
        set {
            if let newValue { metadata.updateValue(newValue, forKey: key) } else { metadata.removeValue(forKey: key) }
        }
    }

    package func log(event: LogEvent) {
        let members = members(event)
        let (time, level, message) = (Timestamp.text(WallClock.now()), event.level.rawValue, event.message.description)
        guard mode.isJSON else {
            let words = ["pid=\(process)"] + members.map { "\($0.name)=\(Self.word($0.value))" }
            write(TerminalText.escaped("\(time) \(level): \(message) \(words.joined(separator: " "))"), event.level)
            return
        }
        let head: [JSONMember] = [
            JSONMember("time", .string(time)), JSONMember("level", .string(level)),
            JSONMember("message", .string(message)), JSONMember("pid", .number(Double(process))),
        ]
        let own = Set(head.map { ExactText($0.name) })
        // Rename a repeated member: different readers would choose different values.
        let rest = members.map { member in
            JSONMember(own.contains(ExactText(member.name)) ? member.name + "_" : member.name, .string(member.value))
        }
        let object = JSONValue.object(head + rest)
        write(String(decoding: object.serialized(), as: UTF8.self), event.level)
    }

    private func members(_ event: LogEvent) -> [(name: String, value: String)] {
        var all = metadataProvider?.get() ?? [:]
        all.merge(metadata) { $1 }
        if let own = event.metadata { all.merge(own) { $1 } }
        if let error = event.error { all.merge(["error": "\(error)"]) { given, _ in given } }
        return all.map { ($0.key, $0.value.description) }.sorted { $0.name < $1.name }
    }

    /// A value as one word, quoted if it has spaces or could pass for another member.
    private static func word(_ value: String) -> String {
        let isWord = value.unicodeScalars.allSatisfy { scalar in
            // Active characters are escaped afterwards.
            (TerminalText.isActive(scalar) || !scalar.properties.isWhitespace)
                && !"\"=\\".unicodeScalars.contains(scalar)
        }
        if isWord, !value.isEmpty { return value }
        let quoted = value.unicodeScalars.map { $0 == "\"" || $0 == "\\" ? "\\\($0)" : String($0) }
        return "\"\(quoted.joined())\""
    }
}
