import Basics
import JOSE
import Logging
import Synchronization
import Testing

@testable import DataPlane

@Suite("The operator's log")
struct OperatorLogHandlerTests {
    private final class Lines: Sendable {
        let all = Mutex<[String]>([])
    }

    /// The line that `say` produces.
    private func line(isJSON: Bool, _ say: (inout Logger) -> Void) throws -> String {
        let lines = Lines()
        let provider = Logger.MetadataProvider { ["provided": "1", "both": "provider"] }
        var logger = Logger(label: "test") { _ in
            var handler = OperatorLogHandler(OperatorLogMode(level: .info, isJSON: isJSON), process: 4711) { line, _ in
                lines.all.withLock { $0.append(line) }
            }
            handler.metadataProvider = provider
            return handler
        }
        logger[metadataKey: "both"] = "handler"
        logger[metadataKey: "own"] = ["a", "b"]
        say(&logger)
        let all = lines.all.withLock { $0 }
        try #require(all.count == 1)
        return all[0]
    }

    private func members(_ line: String) throws -> [JSONMember] {
        let text = bytes(line)
        guard case .object(let members) = try JSONValue(parsing: text.span, limits: JSONLimits(size: 4096)) else {
            return []
        }
        return members
    }

    @Test("A JSON line keeps all metadata as strings, ordered by name, after time, level, message and process")
    func metadata() throws {
        let line = try line(isJSON: true) { $0.error("failed", metadata: ["request_id": "r-1", "attempt": "\(3)"]) }
        let members = try members(line)
        #expect(
            members.map(\.name) == [
                "time", "level", "message", "pid", "attempt", "both", "own", "provided", "request_id",
            ]
        )
        let values = members.dropFirst().map(\.value)
        let own: JSONValue = .string(#"["a", "b"]"#)
        let expected: [JSONValue] = [
            .string("error"), .string("failed"), .number(4711), .string("3"), .string("handler"), own, .string("1"),
            .string("r-1"),
        ]
        #expect(values == expected)
    }

    @Test("A line of text names the process after the message")
    func process() throws {
        #expect(try line(isJSON: false) { $0.info("said") }.contains(" info: said pid=4711 both=handler "))
    }

    @Test("Metadata cannot take the place of time, level, message or process")
    func reserved() throws {
        let line = try line(isJSON: true) {
            $0.error("said", metadata: ["time": "never", "level": "debug", "message": "forged", "pid": "1"])
        }
        let members = try members(line)
        func value(_ name: String) -> JSONValue? { members.first { $0.name == name }?.value }
        #expect(members.prefix(4).map(\.name) == ["time", "level", "message", "pid"])
        #expect(Set(members.map(\.name)).count == members.count)
        #expect(value("level") == .string("error") && value("message") == .string("said"))
        #expect(value("level_") == .string("debug") && value("message_") == .string("forged"))
    }

    @Test("Attack: in text, a value never passes for another member")
    func forgedMembers() throws {
        let line = try line(isJSON: false) {
            $0.info(
                "ended",
                metadata: ["a": "u1 way=api", "b": #"x" sessions=9 "y\"#, "c": "", "d": "\u{3000}", "e": "u-1"]
            )
        }
        #expect(line.contains(#" a="u1 way=api" "#))
        #expect(line.contains(#" b="x\" sessions=9 \"y\\" "#))
        #expect(line.contains(#" c="" d="\#u{3000}" e=u-1 "#))
        #expect(line.contains(#" own="[\"a\", \"b\"]" "#))
    }

    @Test("An event is one line, whatever its content", arguments: [true, false])
    func oneLine(isJSON: Bool) throws {
        let line = try line(isJSON: isJSON) {
            $0.error("a\nb\u{1b}[2J", metadata: ["request_id": "r\r\n1\u{85}\u{2028}\u{202e}"])
        }
        #expect(!line.unicodeScalars.contains { $0.value < 0x20 || $0 == "\u{7f}" })
        if !isJSON {
            #expect(
                line.contains(#"a\u000ab\u001b[2J"#) && line.contains(#"request_id=r\u000d\u000a1\u0085\u2028\u202e"#)
            )
            #expect(line.contains(" error: ") && line.contains(" both=handler "))
        }
    }
}
