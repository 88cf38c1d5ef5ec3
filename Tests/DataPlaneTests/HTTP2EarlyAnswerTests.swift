import TestSupport
import Testing
import Transport

@testable import DataPlane

@Suite("An HTTP/2 request that is answered before its body has ended")
struct HTTP2EarlyAnswerTests {
    private static let (dataFrame, headersFrame, resetFrame, settingsFrame): (UInt8, UInt8, UInt8, UInt8) = (0, 1, 3, 4)

    private struct Frame {
        let type: UInt8
        let flags: UInt8
        let payload: [UInt8]
    }

    private func frame(_ type: UInt8, stream: UInt8, flags: UInt8 = 0, _ payload: [UInt8] = []) -> [UInt8] {
        [0, UInt8(payload.count >> 8), UInt8(payload.count & 0xff), type, flags, 0, 0, 0, stream] + payload
    }

    /// The frames on a stream.
    private func frames(_ bytes: [UInt8], stream: UInt8) -> [Frame] {
        var (found, rest): ([Frame], ArraySlice<UInt8>) = ([], bytes[...])
        while rest.count >= 9 {
            let head = Array(rest.prefix(9))
            let length = Int(head[0]) << 16 | Int(head[1]) << 8 | Int(head[2])
            if head[8] == stream {
                found.append(Frame(type: head[3], flags: head[4], payload: Array(rest.dropFirst(9).prefix(length))))
            }
            rest = rest.dropFirst(9 + length)
        }
        return found
    }

    /// A header block of literals without indexing ([RFC 7541 section 6.2.2](https://www.rfc-editor.org/rfc/rfc7541#section-6.2.2)).
    private func block(_ fields: [(String, String)]) -> [UInt8] {
        var block: [UInt8] = []
        for (name, value) in fields {
            block.append(0)
            for text in [name, value] {
                block.append(UInt8(text.utf8.count))
                block += Array(text.utf8)
            }
        }
        return block
    }

    /// A client that has sent the head of a request without a token, whose body follows, at a time that stands still.
    private func begin() throws -> (WorkerFixture, Peer) {
        let fixture = try WorkerFixture()
        fixture.kernel.clock = fixture.loop.now
        let peer = try fixture.connect()
        peer.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        peer.send(frame(Self.settingsFrame, stream: 0))
        let fields = [(":method", "POST"), (":scheme", "http"), (":authority", "h"), (":path", "/event/e")]
        peer.send(frame(Self.headersFrame, stream: 1, flags: 4, block(fields)))
        return (fixture, peer)
    }

    @Test("Lost answer: the reset comes a second after the answer, and until then no more than a window is taken")
    func resetComesLater() throws {
        let (fixture, peer) = try begin()
        peer.send(frame(Self.dataFrame, stream: 1, [1, 2, 3]))
        fixture.run()
        let answer = frames(peer.readAvailable(), stream: 1)
        #expect(answer.map(\.type) == [Self.headersFrame, Self.dataFrame] && answer.last?.flags == 1)
        // What still comes is dropped; no window is opened for it.
        peer.send(frame(Self.dataFrame, stream: 1, [UInt8](repeating: 0, count: 10_000)))
        fixture.run()
        #expect(frames(peer.readAvailable(), stream: 1).isEmpty)
        fixture.kernel.clock? += 1100
        fixture.run()
        let end = frames(peer.readAvailable(), stream: 1)
        #expect(end.map(\.type) == [Self.resetFrame] && end.first?.payload == [0, 0, 0, 0])
    }

    @Test("A request that ends by itself meanwhile is not reset")
    func endsByItself() throws {
        let (fixture, peer) = try begin()
        fixture.run()
        #expect(frames(peer.readAvailable(), stream: 1).count == 2)
        peer.send(frame(Self.dataFrame, stream: 1, flags: 1, [1, 2, 3]))
        fixture.run()
        fixture.kernel.clock? += 2000
        fixture.run()
        #expect(frames(peer.readAvailable(), stream: 1).isEmpty)
    }
}
