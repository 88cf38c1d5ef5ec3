import Testing

@testable import DataPlane

@Suite("Request bodies")
struct RequestBodyTests {
    private struct Outcome: Equatable {
        var data: [UInt8] = []
        var isComplete = false
        var rest: [UInt8] = []
        var fault: HeadFault?
    }

    /// Feeds pieces like the client's connection, and stops at the body's end.
    private func read(_ framing: BodyFraming, _ pieces: [ArraySlice<UInt8>]) -> Outcome {
        var body = RequestBody(framing)
        var outcome = Outcome()
        var waiting: [UInt8] = []
        do throws(HeadFault) {
            for piece in pieces {
                waiting += piece
                var position = 0
                read: while !body.isComplete, position < waiting.count {
                    switch try body.read(waiting.span, from: &position) {
                    case .data(let range): outcome.data += waiting[range]
                    case .end: break
                    case .incomplete: break read
                    }
                }
                waiting.removeFirst(position)
            }
        } catch {
            outcome.fault = error
            return outcome
        }
        outcome.isComplete = body.isComplete
        outcome.rest = waiting
        return outcome
    }

    @Test(
        "A body ends where its framing says, however it is cut, and the rest is left for the next request",
        arguments: [
            (BodyFraming.length(5), "helloGET /", "hello", "GET /"), (.length(1), "h", "h", ""),
            (.length(5), "\r\n\r\n\r\n", "\r\n\r\n\r", "\n"),
            (.chunked, "5\r\nhello\r\n1;x\r\n!\r\n0\r\n\r\nGET /", "hello!", "GET /"),
            (.chunked, "0\r\n\r\n", "", ""),
            (.chunked, "2\r\nab\r\n0\r\nDigest: x\r\nB: c\r\n\r\nGET /", "ab", "GET /"),
            (.none, "GET /", "", "GET /"), (.length(0), "GET /", "", "GET /"),
        ]
    )
    func complete(_ framing: BodyFraming, _ sent: String, _ data: String, _ rest: String) {
        let bytes = bytes(sent)
        let expected = Outcome(data: DataPlaneTests.bytes(data), isComplete: true, rest: DataPlaneTests.bytes(rest))
        #expect(read(framing, [bytes[...]]) == expected)
        for split in 0..<bytes.count {
            #expect(read(framing, [bytes[..<split], bytes[split...]]) == expected, "\(split)")
        }
        #expect(read(framing, bytes.indices.map { bytes[$0...$0] }) == expected)
    }

    @Test(
        "A body that has not arrived completely is not complete",
        arguments: [
            (BodyFraming.length(6), "hello", "hello"), (.chunked, "5\r\nhel", "hel"),
            (.chunked, "5\r\nhello\r\n", "hello"),
            (.chunked, "5\r\nhello\r\n0\r\n", "hello"), (.chunked, "0\r\n\r", ""), (.chunked, "0\r\nA: b\r\n", ""),
        ]
    )
    func incomplete(_ framing: BodyFraming, _ sent: String, _ data: String) {
        let bytes = bytes(sent)
        for pieces in [[bytes[...]], bytes.indices.map { bytes[$0...$0] }] {
            let outcome = read(framing, pieces)
            #expect(!outcome.isComplete)
            #expect(outcome.fault == nil)
            #expect(text(outcome.data) == data)
        }
    }

    @Test(
        "Smuggling: trailers are judged like fields",
        arguments: [
            "X : y\r\n\r\n", "X: y\r\n z\r\n\r\n", ": y\r\n\r\n", "X\r\n\r\n", "X: y\n\r\n", "X: y\r\n\n",
            "X: a\0b\r\n\r\n", "X: a\rb\r\n\r\n",
            " X: y\r\n\r\n", "GET / HTTP/1.1\r\n\r\n", "X: y\r\r\n\r\n",
        ]
    )
    func badTrailers(_ trailers: String) {
        let bytes = bytes("1\r\n.\r\n0\r\n" + trailers)
        #expect(read(.chunked, [bytes[...]]).fault == .malformed)
        for split in 0..<bytes.count {
            #expect(read(.chunked, [bytes[..<split], bytes[split...]]).fault == .malformed, "\(split)")
        }
        #expect(read(.chunked, bytes.indices.map { bytes[$0...$0] }).fault == .malformed)
    }

    @Test("Smuggling: an empty line made of a bare line feed never ends a body")
    func bareEnd() {
        for sent in ["0\r\n\n", "0\r\n\nGET / HTTP/1.1\r\n", "0\r\n\n\r\n", "0\r\n\n\n"] {
            let outcome = read(.chunked, [bytes(sent)[...]])
            #expect(!outcome.isComplete, "\(sent)")
        }
    }

    @Test("64 trailer fields pass, more do not")
    func trailerCount() {
        let line = "A: b\r\n"
        #expect(read(.chunked, [bytes("0\r\n" + String(repeating: line, count: 64) + "\r\n")[...]]).isComplete)
        #expect(
            read(.chunked, [bytes("0\r\n" + String(repeating: line, count: 65) + "\r\n")[...]]).fault == .tooLarge
        )
    }
}
