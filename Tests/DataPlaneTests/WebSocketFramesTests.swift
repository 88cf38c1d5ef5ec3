import TestSupport
import Testing

@testable import DataPlane

@Suite("Where the frames of a WebSocket begin and end (RFC 6455 section 5.2)")
struct WebSocketFramesTests {
    private static let senders = [WebSocketFrames.Sender.client, .server]

    private static func read(_ bytes: ArraySlice<UInt8>, _ frames: inout WebSocketFrames) {
        frames.read(Array(bytes).span)
    }

    /// What is known after each byte of a stream.
    private static func known(_ frames: WebSocketFrames) -> [Bool] {
        [frames.isFollowing, frames.isAtBoundary, frames.hasClosed]
    }

    private static let payloads = [0, 1, 125, 126, 127, 128, 255, 256, 65_535, 65_536, 65_537, 100_000]

    @Test("Every length form is followed to its end and not a byte further", arguments: payloads, senders)
    func lengths(_ length: Int, _ sender: WebSocketFrames.Sender) {
        let frame = Frame(opcode: 2, payload: .init(repeating: 0xff, count: length)).written(by: sender)
        for cut in [1, 2, 3, 4, frame.count / 2, frame.count - 1] where cut < frame.count && cut > 0 {
            var frames = WebSocketFrames(from: sender)
            Self.read(frame[..<cut], &frames)
            #expect(frames.isFollowing && !frames.isAtBoundary)
            Self.read(frame[cut...], &frames)
            #expect(frames.isFollowing && frames.isAtBoundary && !frames.hasClosed)
        }
    }

    @Test("A length of 2⁶³ - 1 is followed, and skipped without looking at its bytes")
    func longest() {
        var frames = WebSocketFrames(from: .server)
        frames.read([0x82, 127, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff].span)
        #expect(frames.isFollowing && !frames.isAtBoundary)
        let bytes = [UInt8](repeating: 0x8f, count: 1 << 20)
        for _ in 0..<1000 { frames.read(bytes.span) }
        #expect(frames.isFollowing && !frames.isAtBoundary)
    }

    @Test("At every split point of a conversation, the same is known as without it", arguments: senders)
    func splits(_ sender: WebSocketFrames.Sender) {
        let bytes = Frame.conversation.flatMap { $0.written(by: sender) }
        let model = ReferenceFrames(bytes, from: sender)
        for split in 0...bytes.count {
            var frames = WebSocketFrames(from: sender)
            Self.read(bytes[..<split], &frames)
            #expect(Self.known(frames) == model.known(after: split))
            Self.read(bytes[split...], &frames)
            #expect(Self.known(frames) == model.known(after: bytes.count))
        }
        var frames = WebSocketFrames(from: sender)
        for index in bytes.indices {
            Self.read(bytes[index...index], &frames)
            #expect(Self.known(frames) == model.known(after: index + 1))
        }
    }

    @Test("Reserved bits belong to extensions and pass", arguments: [0x40, 0x20, 0x10, 0x70] as [UInt8])
    func reservedBits(_ bits: UInt8) {
        var frames = WebSocketFrames(from: .server)
        frames.read([0x81 | bits, 1, 0, 0x88 | bits, 0].span)
        #expect(frames.isAtBoundary && frames.hasClosed)
    }

    @Test("A close frame counts once it is complete, and following frames are still tracked")
    func close() {
        var frames = WebSocketFrames(from: .server)
        frames.read([0x88, 2, 3].span)
        #expect(!frames.hasClosed && !frames.isAtBoundary && !frames.mayClose)
        frames.read([0xe8].span)
        #expect(frames.hasClosed && frames.isAtBoundary && !frames.mayClose)
        frames.read([0x81, 2, 0].span)
        #expect(frames.hasClosed && !frames.isAtBoundary)
    }

    private static let noFrames: [(String, WebSocketFrames.Sender, [UInt8])] = [
        ("masked by a server", .server, [0x81, 0x81]), ("not masked by a client", .client, [0x81, 0x01]),
        ("a ping of 126 bytes", .server, [0x89, 126]), ("a close of 127 and more", .client, [0x88, 0xff]),
        ("a ping in fragments", .server, [0x09]), ("a close in fragments", .client, [0x08]),
        ("opcode 3", .server, [0x83]), ("opcode 7", .client, [0x07]), ("opcode 11", .server, [0x8b]),
        ("opcode 15", .server, [0x8f]), ("125 in two bytes", .server, [0x82, 126, 0, 125]),
        ("0 in two bytes", .client, [0x82, 0xfe, 0, 0]),
        ("65535 in eight bytes", .server, [0x82, 127, 0, 0, 0, 0, 0, 0, 0xff, 0xff]),
        ("125 in eight bytes", .client, [0x82, 0xff, 0, 0, 0, 0, 0, 0, 0, 125]),
        ("the highest bit of a length", .server, [0x82, 127, 0x80, 0, 0, 0, 0, 1, 0, 0]),
        ("another protocol", .server, Array("SSH-2.0-OpenSSH_9.2".utf8)),
    ]

    @Test("An invalid frame ends the tracking for good, as soon as it is detected", arguments: noFrames)
    func noFrame(_ what: String, _ sender: WebSocketFrames.Sender, _ bytes: [UInt8]) {
        let good = Frame(opcode: 1, payload: [1, 2, 3]).written(by: sender)
        let bad = good + bytes
        for split in 0..<bad.count {
            var frames = WebSocketFrames(from: sender)
            Self.read(bad[..<split], &frames)
            Self.read(bad[split...], &frames)
            #expect(!frames.isFollowing && !frames.isAtBoundary && !frames.mayClose, "\(what) at \(split)")
            Self.read(good[...], &frames)
            #expect(!frames.isFollowing, "\(what)")
            let count = frames.finishFrame(good.span)
            #expect(count == good.count)
        }
    }

    @Test("A frame is finished with exactly the bytes that it lacks", arguments: senders)
    func finish(_ sender: WebSocketFrames.Sender) {
        let first = Frame(opcode: 2, isFinal: false, payload: .init(repeating: 7, count: 300)).written(by: sender)
        let bytes = first + Frame(opcode: 0, payload: [1]).written(by: sender)
        for split in 0...first.count {
            var frames = WebSocketFrames(from: sender)
            Self.read(bytes[..<split], &frames)
            let lacking = split == 0 ? 0 : first.count - split
            let finished = frames.finishFrame(Array(bytes[split...]).span)
            #expect(finished == lacking)
            #expect(frames.isAtBoundary)
            // The result is the same in pieces.
            var pieces = WebSocketFrames(from: sender)
            Self.read(bytes[..<split], &pieces)
            var count = 0
            for index in split..<bytes.count { count += pieces.finishFrame([bytes[index]].span) }
            #expect(count == lacking)
        }
    }

    @Test("Random conversations in random pieces agree with a naive reader", arguments: 0..<200)
    func random(_ seed: Int) {
        var random = SplitMix64(seed: UInt64(seed))
        let sender = Self.senders[seed % 2]
        var bytes: [UInt8] = []
        for _ in 0..<Int.random(in: 1...12, using: &random) {
            bytes += Frame.random(&random).written(by: sender, using: &random)
        }
        if seed % 5 == 0 {
            bytes[Int.random(in: 0..<bytes.count, using: &random)] = .random(in: 0...255, using: &random)
        }
        let model = ReferenceFrames(bytes, from: sender)
        var frames = WebSocketFrames(from: sender)
        var position = 0
        while position < bytes.count {
            let end = min(bytes.count, position + Int.random(in: 0...400, using: &random))
            Self.read(bytes[position..<end], &frames)
            position = end
            #expect(Self.known(frames) == model.known(after: position), "seed \(seed) at \(position)")
        }
    }

    @Test("Noise never traps", arguments: 0..<200)
    func noise(_ seed: Int) {
        var random = SplitMix64(seed: UInt64(seed) + 1000)
        for sender in Self.senders {
            var frames = WebSocketFrames(from: sender)
            for _ in 0..<50 {
                // Mostly heads that could be valid.
                var bytes = (0..<Int.random(in: 0...40, using: &random)).map { _ in
                    UInt8.random(in: 0...255, using: &random)
                }
                if Bool.random(using: &random) { bytes = [0x82, sender == .client ? 0xff : 0x7f, 0] + bytes }
                if Bool.random(using: &random) {
                    frames.read(bytes.span)
                } else {
                    let count = frames.finishFrame(bytes.span)
                    #expect(count <= bytes.count)
                }
                #expect(!frames.isAtBoundary || frames.isFollowing)
            }
        }
    }
}
