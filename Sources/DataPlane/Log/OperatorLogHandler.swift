import JOSE
package import Logging

/// What the process tells its operator, a line an event: one JSON object, or text.
///
/// Metadata follows the message, ordered by name; of equal names that of the event counts, then the handler's, then the
/// provider's. Whatever is said, it stays one line.
package struct OperatorLogHandler: LogHandler {
    package var metadata: Logger.Metadata = [:]
    package var metadataProvider: Logger.MetadataProvider?
    package var logLevel: Logger.Level = .info
    private let isJSON: Bool
    private let write: @Sendable (String) -> Void

    /// - Parameter write: gets each line, without its line feed.
    package init(isJSON: Bool, write: @escaping @Sendable (String) -> Void) {
        self.isJSON = isJSON
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
        let (time, level, message) = (DataPlane.timestamp(), event.level.rawValue, event.message.description)
        guard isJSON else {
            let text = (["\(time) \(level): \(message)"] + members.map { "\($0.name)=\(Self.word($0.value))" })
            write(Self.oneLine(text.joined(separator: " ")))
            return
        }
        let head = [("time", time), ("level", level), ("message", message)]
        let own = Set(head.map { ExactText($0.0) })
        // A member named twice would be read by some as the one and by others as the other.
        let rest = members.map { (own.contains(ExactText($0.name)) ? $0.name + "_" : $0.name, $0.value) }
        let object = JSONValue.object((head + rest).map { JSONMember($0.0, .string($0.1)) })
        write(String(decoding: object.serialized(), as: UTF8.self))
    }

    private func members(_ event: LogEvent) -> [(name: String, value: String)] {
        var all = metadataProvider?.get() ?? [:]
        all.merge(metadata) { $1 }
        if let own = event.metadata { all.merge(own) { $1 } }
        if let error = event.error { all.merge(["error": "\(error)"]) { given, _ in given } }
        return all.map { ($0.key, $0.value.description) }.sorted { $0.name < $1.name }
    }

    /// A value as one word, in quotes where it has blanks or what could pass for another member.
    private static func word(_ value: String) -> String {
        let isWord = value.unicodeScalars.allSatisfy { scalar in
            !(scalar.properties.isWhitespace && isPlain(scalar)) && !"\"=\\".unicodeScalars.contains(scalar)
        }
        if isWord, !value.isEmpty { return value }
        let quoted = value.unicodeScalars.map { $0 == "\"" || $0 == "\\" ? "\\\($0)" : String($0) }
        return "\"\(quoted.joined())\""
    }

    /// Text in which nothing ends the line or moves the cursor of who reads it.
    private static func oneLine(_ text: String) -> String {
        var line = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            if isPlain(scalar) {
                line.append(scalar)
            } else {
                line.append(contentsOf: "\\u{\(String(scalar.value, radix: 16))}".unicodeScalars)
            }
        }
        return String(line)
    }

    private static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x20..<0x7f, 0xa0..<0x2028, 0x202f..<0x2066, 0x206a...: true
        default: false
        }
    }
}
