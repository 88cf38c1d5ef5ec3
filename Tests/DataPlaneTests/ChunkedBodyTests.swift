import TestSupport
import Testing

@testable import DataPlane

/// The result of a chunked body: its bytes, its trailers, and what follows it.
private struct Outcome: Equatable {
    var data: [UInt8] = []
    var trailers: String?
    var rest: [UInt8] = []
    var fault: HeadFault?
}

@Suite("Chunked bodies")
struct ChunkedBodyTests {
    /// Feeds pieces like a connection: bytes that were read are dropped from the front, the rest waits for more.
    ///
    /// - Parameter dropsEachStep: whether the front is dropped after every step, or only when more is needed.
    private func read(_ pieces: [ArraySlice<UInt8>], dropsEachStep: Bool) -> Outcome {
        var body = ChunkedBody()
        var outcome = Outcome()
        var waiting: [UInt8] = []
        do throws(HeadFault) {
            for piece in pieces {
                waiting += piece
                var position = 0
                step: while !body.isDone {
                    switch try body.step(waiting.span, from: &position) {
                    case .data(let range):
                        outcome.data += waiting[range]
                        if dropsEachStep {
                            waiting.removeFirst(range.upperBound)
                            position = 0
                        }
                    case .end(let trailers):
                        outcome.trailers = text(waiting[trailers])
                        waiting.removeFirst(trailers.upperBound)
                    case .incomplete(let consumed):
                        waiting.removeFirst(consumed)
                        break step
                    }
                }
            }
            outcome.rest = waiting
        } catch {
            outcome.fault = error
        }
        return outcome
    }

    private func read(_ body: String) -> Outcome { read([bytes(body)[...]], dropsEachStep: true) }

    static let bodies: [(String, String, String, String)] = [
        ("0\r\n\r\n", "", "\r\n", ""),
        ("5\r\nhello\r\n0\r\n\r\n", "hello", "\r\n", ""),
        ("5\r\nhello\r\n6;a=b\r\n world\r\n0\r\n\r\nGET /next", "hello world", "\r\n", "GET /next"),
        ("1\r\n\r\r\n1\r\n\n\r\n2\r\n\r\n\r\n0\r\n\r\n\r\n", "\r\n\r\n", "\r\n", "\r\n"),
        ("3\r\n0\r\n\r\n0\r\n\r\n", "0\r\n", "\r\n", ""),
        ("0000a \t; x = \"y;z\" ;\r\n0123456789\r\n000\r\n\r\n", "0123456789", "\r\n", ""),
        ("A\r\n0123456789\r\na;\r\nabcdefghij\r\n0;last\r\n\r\n", "0123456789abcdefghij", "\r\n", ""),
        ("2\r\nab\r\n0\r\nX: y\r\nZ: \r\n\r\nrest", "ab", "X: y\r\nZ: \r\n\r\n", "rest"),
        ("0\r\nX: 0\r\n\r\n0\r\n\r\n", "", "X: 0\r\n\r\n", "0\r\n\r\n"),
        ("1\u{20}\t;\u{e9}\r\n.\r\n0\r\n\r\n", ".", "\r\n", ""),
    ]

    @Test("A body gives its bytes and its end, however it is cut in two", arguments: bodies)
    func twoPieces(_ body: String, _ data: String, _ trailers: String, _ rest: String) {
        let bytes = bytes(body)
        let expected = Outcome(data: DataPlaneTests.bytes(data), trailers: trailers, rest: DataPlaneTests.bytes(rest))
        for dropsEachStep in [true, false] {
            #expect(read([bytes[...]], dropsEachStep: dropsEachStep) == expected)
            for split in 1..<bytes.count {
                let outcome = read([bytes[..<split], bytes[split...]], dropsEachStep: dropsEachStep)
                #expect(outcome == expected, "\(split)")
            }
        }
    }

    @Test("A body gives its bytes and its end, byte by byte and in any small pieces", arguments: bodies)
    func smallPieces(_ body: String, _ data: String, _ trailers: String, _ rest: String) {
        let bytes = bytes(body)
        let expected = Outcome(data: DataPlaneTests.bytes(data), trailers: trailers, rest: DataPlaneTests.bytes(rest))
        for size in 1...7 {
            let pieces = stride(from: 0, to: bytes.count, by: size).map { bytes[$0..<min($0 + size, bytes.count)] }
            #expect(read(pieces, dropsEachStep: true) == expected, "\(size)")
            #expect(read(pieces, dropsEachStep: false) == expected, "\(size)")
        }
    }

    @Test(
        "Smuggling: sizes, line ends and extensions that others might read differently, whole and in any pieces",
        arguments: [
            "\r\n", "\n", " 5\r\nhello\r\n", "\t5\r\n", "5 \r\nhello\r\n", "5\t\r\nhello\r\n", "0x5\r\nhello\r\n",
            "-5\r\nhello\r\n",
            "+5\r\nhello\r\n", "5g\r\nhello\r\n", "g\r\n", "5,5\r\nhello\r\n", "5\nhello\r\n", "5\rhello\r\n",
            "5\r\rhello\r\n", "5 5\r\nhello",
            ";\r\n", ";x\r\n", "\"5\"\r\nhello\r\n", "5;a\nb\r\nhello\r\n", "5;a\rb\r\nhello\r\n",
            "5;a\0b\r\nhello\r\n", "5;a\u{7f}\r\nhello\r\n",
            "5;a\u{1}\r\nhello\r\n", "5;\n\r\nhello\r\n", "5;a\n", "5\r\nhello\n0\r\n\r\n", "5\r\nhello\r0\r\n\r\n",
            "5\r\nhello0\r\n\r\n",
            "5\r\nhello!\r\n0\r\n\r\n", "5\r\nhello\r\r\n0\r\n\r\n", "5\r\nhello \r\n0\r\n\r\n",
            "5\r\nhello\r\n\r\n0\r\n\r\n", "0\r\n\r0", "0\n\r\n",
            "\u{663}\r\nabc\r\n", "5_0\r\n", "0 0\r\n\r\n", "5\r\nhello \n0\r\n\r\n", "5\r\nhello\n\n0\r\n\r\n",
            "5\u{b}\r\nhello\r\n",
        ]
    )
    func malformed(_ body: String) {
        let bytes = bytes(body)
        for dropsEachStep in [true, false] {
            #expect(read([bytes[...]], dropsEachStep: dropsEachStep).fault == .malformed)
            for split in 1..<max(bytes.count, 1) {
                let outcome = read([bytes[..<split], bytes[split...]], dropsEachStep: dropsEachStep)
                #expect(outcome.fault == .malformed, "\(split)")
            }
            let pieces = bytes.indices.map { bytes[$0...$0] }
            #expect(read(pieces, dropsEachStep: dropsEachStep).fault == .malformed)
        }
    }

    @Test(
        "Smuggling: a size that overflows",
        arguments: [
            "8000000000000000", "FFFFFFFFFFFFFFFF", "10000000000000000", "10000000000000005",
            "ffffffffffffffffffffffff",
            "7fffffffffffffff0", "0000000000000005", "000000000000000000000000",
        ]
    )
    func overflow(_ size: String) {
        #expect(read("\(size)\r\nhello\r\n0\r\n\r\n").fault == .malformed)
        let bytes = bytes(size + "\r\n")
        #expect(read(bytes.indices.map { bytes[$0...$0] }, dropsEachStep: true).fault == .malformed)
    }

    @Test("The largest size that is read has fifteen digits")
    func largest() {
        let outcome = read("fffffffffffffff\r\nhello")
        #expect(outcome == Outcome(data: bytes("hello")))
    }

    @Test("A size line may be up to 256 bytes long, in one piece or byte by byte")
    func longExtension() {
        for (length, fault) in [(255, nil), (256, nil), (257, HeadFault.malformed), (5000, .malformed)] {
            let line = "1;" + String(repeating: "x", count: length - 2)
            let bytes = bytes("\(line)\r\n.\r\n0\r\n\r\n")
            #expect(read([bytes[...]], dropsEachStep: true).fault == fault, "\(length)")
            #expect(read(bytes.indices.map { bytes[$0...$0] }, dropsEachStep: true).fault == fault, "\(length)")
        }
        #expect(read("1;" + String(repeating: "x", count: 300)).fault == .malformed)
        #expect(read("1" + String(repeating: " ", count: 300)).fault == .malformed)
    }

    @Test("Trailers may be up to 8 KiB long, in one piece or in pieces, ended or not")
    func longTrailers() {
        for (length, fault) in [(8192, nil), (8193, HeadFault.tooLarge), (20_000, .tooLarge)] {
            let trailers = "X: " + String(repeating: "y", count: length - 7) + "\r\n\r\n"
            let bytes = bytes("0\r\n\(trailers)")
            #expect(bytes.count == length + 3)
            #expect(read([bytes[...]], dropsEachStep: true).fault == fault, "\(length)")
            let pieces = stride(from: 0, to: bytes.count, by: 97).map { bytes[$0..<min($0 + 97, bytes.count)] }
            #expect(read(pieces, dropsEachStep: true).fault == fault, "\(length)")
        }
        #expect(read("0\r\nX: " + String(repeating: "y", count: 9000)).fault == .tooLarge)
    }

    @Test("A body that has ended takes nothing of what follows")
    func done() throws {
        let bytes = bytes("0\r\n\r\n5\r\nhello\r\n")
        var body = ChunkedBody()
        var position = 0
        let end = try body.step(bytes.span, from: &position)
        #expect(end == .end(trailers: 3..<5))
        #expect(body.isDone)
        let after = try body.step(bytes.span, from: &position)
        #expect(after == .incomplete(consumed: 5))
        #expect(position == 5)
    }

    @Test("Random bodies in random pieces come out unchanged")
    func random() {
        var random = SplitMix64(seed: 20)
        for _ in 0..<300 {
            var data: [UInt8] = []
            var encoded: [UInt8] = []
            for _ in 0..<Int.random(in: 0...4, using: &random) {
                let chunk = (0..<Int.random(in: 1...40, using: &random)).map { _ in
                    bytes("\r\n0;a").randomElement(using: &random)!
                }
                data += chunk
                let size = String(chunk.count, radix: 16, uppercase: Bool.random(using: &random))
                encoded += bytes((Bool.random(using: &random) ? "0" : "") + size)
                encoded += bytes(Bool.random(using: &random) ? ";e\r\n" : "\r\n") + chunk + bytes("\r\n")
            }
            encoded += bytes("0\r\n\r\nnext")
            var pieces: [ArraySlice<UInt8>] = []
            var start = 0
            while start < encoded.count {
                let end = min(start + Int.random(in: 1...9, using: &random), encoded.count)
                pieces.append(encoded[start..<end])
                start = end
            }
            let outcome = read(pieces, dropsEachStep: Bool.random(using: &random))
            #expect(outcome == Outcome(data: data, trailers: "\r\n", rest: bytes("next")))
        }
    }
}
