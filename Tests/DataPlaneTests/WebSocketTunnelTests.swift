import Admission
import TestSupport
import Testing

@testable import DataPlane

@Suite("The life of a WebSocket through the gateway")
struct WebSocketTunnelTests {
    private static let text = Frame(opcode: 1, payload: bytes("hello")).written(by: .server)
    private static let clientText = Frame(opcode: 1, payload: bytes("hello")).written(by: .client)
    private static let close = Frame(opcode: 8, payload: [3, 0xe8]).written(by: .server)
    private static let clientClose = Frame(opcode: 8, payload: [3, 0xe8]).written(by: .client)
    private static let replaced = CloseFrame(code: 4409, reason: "session_replaced")
    private static let gone = CloseFrame(code: 1014, reason: "upstream_unavailable")

    /// How a replaced session's tunnel ends, at once or once a frame is complete.
    private static let ended = Tunnel.Ending(toClient: replaced, toUpstream: .goingAway, time: Tunnel.endTime)
    private static let late = Tunnel.endTime - Tunnel.frameTime
    private static let finished = Tunnel.Ending(toClient: replaced, toUpstream: .goingAway, time: late)

    // MARK: Ended by the gateway

    @Test(
        "Every reason has its close code, and the upstream is told that the client goes away",
        arguments: [
            (Refusal.sessionReplaced, 4409), (.tokenExpired, 4401), (.wrongEvent, 4403), (.registrationRemoved, 4410),
            (.tooManyJoins, 4429), (.draining, 1001), (.tokenInvalid, 4401),
            (.roleChanged, 4412), (.viewerRemoved, 4411), (.eventOver, 4413), (.notOpen, 1008), (.tokenConflict, 1008),
        ] as [(Refusal, UInt16)]
    )
    func codes(_ reason: Refusal, _ code: UInt16) {
        let tunnel = TestTunnel()
        #expect(tunnel.fromUpstream(Self.text, at: 0) == .pass)
        #expect(tunnel.fromClient(Self.clientText, at: 0))
        let close = CloseFrame(code: code, reason: reason.code)
        #expect(tunnel.end(reason, at: 0) == .end(.init(toClient: close, toUpstream: .goingAway, time: Tunnel.endTime)))
    }

    @Test("A frame that is half sent to the client is completed at every split, and nothing after it passes")
    func completed() {
        let rest = Self.text + Self.text
        for split in 1..<Self.text.count {
            let tunnel = TestTunnel()
            #expect(tunnel.fromUpstream(Array(Self.text[..<split]), at: 0) == .pass)
            #expect(tunnel.end(.sessionReplaced, at: 50) == .wait)
            #expect(tunnel.deadline == 50 + Tunnel.frameTime)
            #expect(!tunnel.fromClient(Self.clientText, at: 60))
            let ending = Self.finished
            let lacking = Self.text.count - split
            if lacking > 1 {
                #expect(tunnel.fromUpstream([Self.text[split]], at: 70) == .pass)
                #expect(tunnel.fromUpstream(Array(rest[(split + 1)...]), at: 80) == .last(lacking - 1, ending))
            } else {
                #expect(tunnel.fromUpstream(Array(rest[split...]), at: 80) == .last(lacking, ending))
            }
        }
    }

    @Test("A fragmented message is ended between two fragments")
    func fragments() {
        let tunnel = TestTunnel()
        let fragment = Frame(opcode: 1, isFinal: false, payload: [1]).written(by: .server)
        #expect(tunnel.fromUpstream(fragment, at: 0) == .pass)
        let ending = Self.ended
        #expect(tunnel.end(.sessionReplaced, at: 0) == .end(ending))
    }

    @Test("A frame that does not complete is cut when its time is over, and not before")
    func frameTime() {
        let tunnel = TestTunnel()
        _ = tunnel.fromUpstream([0x81], at: 0)
        #expect(tunnel.end(.draining, at: 1000) == .wait)
        #expect(tunnel.fromUpstream([0x05], at: 1500) == .pass)
        #expect(tunnel.timePassed(at: 1000 + Tunnel.frameTime - 1) == nil)
        #expect(tunnel.timePassed(at: 1000 + Tunnel.frameTime) == .init(toUpstream: .goingAway, time: Self.late))
    }

    @Test("A close frame that is half sent is completed, and is the only one")
    func halfClose() {
        let tunnel = TestTunnel()
        _ = tunnel.fromUpstream(Array(Self.close[..<3]), at: 0)
        #expect(tunnel.end(.sessionReplaced, at: 0) == .wait)
        #expect(
            tunnel.fromUpstream(Array(Self.close[3...]), at: 1)
                == .last(1, .init(toUpstream: .goingAway, time: Self.late))
        )
    }

    @Test("If no close frame may be inserted towards the upstream, it gets only the end")
    func upstreamFrame() {
        let tunnel = TestTunnel()
        #expect(tunnel.fromClient(Array(Self.clientText[..<4]), at: 0))
        #expect(tunnel.end(.sessionReplaced, at: 0) == .end(.init(toClient: Self.replaced, time: Tunnel.endTime)))
        let closed = TestTunnel()
        #expect(closed.fromClient(Self.clientClose, at: 0))
        #expect(closed.end(.sessionReplaced, at: 0) == .end(.init(toClient: Self.replaced, time: Tunnel.endTime)))
    }

    @Test("Bytes that are not WebSocket frames pass, and are ended without close frames")
    func noWebSocket() {
        let tunnel = TestTunnel()
        #expect(tunnel.fromUpstream(bytes("SSH-2.0-OpenSSH_9.2\r\n"), at: 0) == .pass)
        #expect(tunnel.fromClient(bytes("SSH-2.0-client\r\n"), at: 0))
        #expect(tunnel.fromUpstream(bytes("more of it\r\n"), at: 0) == .pass)
        #expect(tunnel.end(.sessionReplaced, at: 0) == .end(.init(time: Tunnel.endTime)))
        let late = TestTunnel()
        _ = late.fromUpstream(Array(Self.text[..<1]), at: 0)
        #expect(late.end(.sessionReplaced, at: 0) == .wait)
        #expect(late.fromUpstream([0xff, 1, 2, 3], at: 0) == .last(4, .init(toUpstream: .goingAway, time: Self.late)))
    }

    @Test("Once ended, a second reason changes nothing")
    func twice() {
        let tunnel = TestTunnel()
        _ = tunnel.fromUpstream([0x81], at: 0)
        #expect(tunnel.end(.sessionReplaced, at: 0) == .wait)
        #expect(tunnel.end(.draining, at: 500) == .wait)
        #expect(tunnel.deadline == Tunnel.frameTime)
        let ending = Self.finished
        #expect(tunnel.fromUpstream([0], at: 600) == .last(1, ending))
    }

    // MARK: Ended by a peer

    @Test("Peers that have said goodbye to each other get nothing added, in either order")
    func goodbyes() {
        for upstreamFirst in [true, false] {
            let tunnel = TestTunnel()
            #expect(tunnel.fromUpstream(Self.close, at: 0) == .pass)
            #expect(tunnel.fromClient(Self.clientClose, at: 0))
            if upstreamFirst {
                #expect(tunnel.upstreamEnded(at: 0) == .endToClient)
                #expect(tunnel.clientEnded(at: 0) == .end(.init()))
            } else {
                #expect(tunnel.clientEnded(at: 0) == .endToUpstream(nil))
                #expect(tunnel.upstreamEnded(at: 0) == .end(.init()))
            }
        }
    }

    @Test("An upstream that disconnects without a close frame: 1014 at a frame boundary, a cut within a frame")
    func upstreamGone() {
        for hasEnded in [true, false] {
            let tunnel = TestTunnel()
            _ = tunnel.fromUpstream(Self.text, at: 0)
            #expect(
                (hasEnded ? tunnel.upstreamEnded(at: 0) : .end(tunnel.upstreamGone()))
                    == .end(.init(toClient: Self.gone))
            )
            let cut = TestTunnel()
            _ = cut.fromUpstream(Array(Self.text[..<3]), at: 0)
            #expect((hasEnded ? cut.upstreamEnded(at: 0) : .end(cut.upstreamGone())) == .end(.init()))
        }
    }

    @Test("An upstream that disconnects without answering the client's close frame: nothing is added")
    func upstreamGoneAfterClose() {
        for hasEnded in [true, false] {
            let tunnel = TestTunnel()
            #expect(tunnel.fromClient(Self.clientClose, at: 0))
            #expect((hasEnded ? tunnel.upstreamEnded(at: 0) : .end(tunnel.upstreamGone())) == .end(.init()))
        }
        let silent = TestTunnel()
        #expect(silent.fromClient(Self.clientClose, at: 0))
        #expect(silent.clientEnded(at: 0) == .endToUpstream(nil))
        #expect(silent.timePassed(at: Tunnel.halfOpenTime) == .init(time: Self.late))
    }

    @Test(
        "The same after an invalid close frame: of 126 bytes, fragmented, not masked",
        arguments: [[0x88, 0xfe, 0, 126], [0x08, 0x82], [0x88, 0x02, 3, 0xe8]] as [[UInt8]]
    )
    func upstreamGoneAfterBadClose(_ bytes: [UInt8]) {
        let tunnel = TestTunnel()
        #expect(tunnel.fromClient(Self.clientText + bytes, at: 0))
        #expect(tunnel.upstreamGone() == Tunnel.Ending())
    }

    @Test("An upstream that closes and ends at once: the client's answer still reaches it")
    func upstreamEndsFirst() {
        let tunnel = TestTunnel()
        _ = tunnel.fromUpstream(Self.close, at: 0)
        #expect(tunnel.upstreamEnded(at: 100) == .endToClient)
        #expect(tunnel.fromClient(Self.clientClose, at: 1000))
        #expect(tunnel.timePassed(at: 1000 + Tunnel.halfOpenTime - 1) == nil)
        #expect(tunnel.timePassed(at: 1000 + Tunnel.halfOpenTime) == .init(time: Self.late))
    }

    @Test("A client that closes and ends at once: the upstream's last bytes still reach it")
    func clientEndsFirst() {
        let tunnel = TestTunnel()
        #expect(tunnel.fromClient(Self.clientClose, at: 0))
        #expect(tunnel.clientEnded(at: 100) == .endToUpstream(nil))
        #expect(tunnel.fromUpstream(Self.text, at: 1000) == .pass)
        #expect(tunnel.timePassed(at: 1000 + Tunnel.halfOpenTime - 1) == nil)
        #expect(tunnel.fromUpstream(Self.close, at: 2999) == .pass)
        #expect(tunnel.upstreamEnded(at: 3000) == .end(.init()))
    }

    @Test("A client that disconnects without a close frame: 1001 for the upstream at a frame boundary")
    func clientGone() {
        let ended = TestTunnel()
        #expect(ended.fromClient(Self.clientText, at: 0))
        #expect(ended.clientEnded(at: 0) == .endToUpstream(.goingAway))
        #expect(ended.clientGone() == nil)
        let gone = TestTunnel()
        #expect(gone.fromClient(Self.clientText, at: 0))
        #expect(gone.clientGone() == .goingAway)
        let within = TestTunnel()
        #expect(within.fromClient(Array(Self.clientText[..<7]), at: 0))
        #expect(within.clientEnded(at: 0) == .endToUpstream(nil))
    }

    @Test("A session that ends while one side has ended is still ended properly")
    func endedHalfOpen() {
        let tunnel = TestTunnel()
        #expect(tunnel.clientEnded(at: 0) == .endToUpstream(.goingAway))
        #expect(
            tunnel.end(.tokenExpired, at: 0)
                == .end(.init(toClient: .init(code: 4401, reason: "token_expired"), time: Tunnel.endTime))
        )
        let within = TestTunnel()
        _ = within.fromUpstream([0x81], at: 0)
        #expect(within.clientEnded(at: 0) == .endToUpstream(.goingAway))
        #expect(within.end(.sessionReplaced, at: 0) == .wait)
        #expect(within.fromUpstream([0], at: 0) == .last(1, .init(toClient: Self.replaced, time: Self.late)))
        let closed = TestTunnel()
        _ = closed.fromUpstream(Self.close, at: 0)
        #expect(closed.upstreamEnded(at: 0) == .endToClient)
        #expect(closed.end(.sessionReplaced, at: 0) == .end(.init(time: Tunnel.endTime)))
    }

    // MARK: Any order

    @Test(
        "Whatever the order of events: frames stay whole, at most one close frame, nothing after ours",
        arguments: 0..<400
    )
    func orders(_ seed: Int) {
        var random = SplitMix64(seed: UInt64(seed))
        var peers = Peers(&random)
        for step in 0..<60 where !peers.isOver {
            peers.next(at: Int64(step * 100), &random)
        }
        if !peers.isOver { peers.perform(.end(peers.tunnel.upstreamGone())) }
        for (bytes, sender, added) in [
            (peers.atClient, WebSocketFrames.Sender.server, peers.closedClient),
            (peers.atUpstream, .client, peers.closedUpstream),
        ] {
            var frames = WebSocketFrames(from: sender)
            frames.read(bytes.span)
            #expect(frames.isFollowing)
            if added {
                #expect(frames.isAtBoundary && frames.hasClosed)
                // Without our close frame at the end, it was not closed.
                let ours = sender == .client ? 8 : 4 + peers.reasonLength
                var before = WebSocketFrames(from: sender)
                before.read(Array(bytes.dropLast(ours)).span)
                #expect(before.mayClose)
            }
        }
    }

    /// Both ends of a tunnel, and everything that they received.
    private struct Peers {
        let tunnel = TestTunnel()
        var fromUpstream: [UInt8] = []
        var fromClient: [UInt8] = []
        var atClient: [UInt8] = []
        var atUpstream: [UInt8] = []
        var closedClient = false
        var closedUpstream = false
        var reasonLength = 0
        var isOver = false
        private var clientEnded = false
        private var upstreamEnded = false

        init(_ random: inout SplitMix64) {
            for _ in 0..<8 {
                let frames = [Frame.random(&random), Frame.random(&random)].map { frame in
                    Frame(opcode: frame.opcode, isFinal: frame.isFinal, payload: Array(frame.payload.prefix(60)))
                }
                fromUpstream += frames[0].written(by: .server)
                fromClient += frames[1].written(by: .client)
            }
        }

        mutating func next(at now: Int64, _ random: inout SplitMix64) {
            switch Int.random(in: 0..<40, using: &random) {
            case 0: perform(tunnel.end(.sessionReplaced, at: now))
            case 1 where !clientEnded:
                clientEnded = true
                perform(tunnel.clientEnded(at: now))
            case 2 where !upstreamEnded:
                upstreamEnded = true
                perform(tunnel.upstreamEnded(at: now))
            case 3: perform(.end(tunnel.upstreamGone()))
            case 4: perform(.end(.init(toUpstream: tunnel.clientGone())))
            case 5: if let ending = tunnel.timePassed(at: now) { perform(.end(ending)) }
            case 6..<23 where !clientEnded:
                let piece = Self.piece(&fromClient, &random)
                if tunnel.fromClient(piece, at: now) { atUpstream += piece }
            default:
                guard !upstreamEnded else { return }
                let piece = Self.piece(&fromUpstream, &random)
                switch tunnel.fromUpstream(piece, at: now) {
                case .pass: atClient += piece
                case .last(let count, let ending):
                    atClient += piece[..<count]
                    perform(.end(ending))
                }
            }
        }

        private static func piece(_ bytes: inout [UInt8], _ random: inout SplitMix64) -> [UInt8] {
            let piece = Array(bytes.prefix(Int.random(in: 1...60, using: &random)))
            bytes.removeFirst(piece.count)
            return piece
        }

        mutating func perform(_ step: Tunnel.Step) {
            var frame = ByteBuffer()
            switch step {
            case .wait, .endToClient: break
            case .endToUpstream(let close): tellUpstream(close)
            case .end(let ending):
                isOver = true
                tellUpstream(ending.toUpstream)
                guard let close = ending.toClient else { return }
                closedClient = true
                reasonLength = close.reason.utf8.count
                close.write(to: &frame)
                atClient += frame.contents
            }
        }

        private mutating func tellUpstream(_ close: CloseFrame?) {
            guard let close else { return }
            closedUpstream = true
            var frame = ByteBuffer()
            close.write(to: &frame, mask: 0x0102_0304)
            atUpstream += frame.contents
        }
    }
}

/// A tunnel that takes arrays, and whose calls can be used in an expectation.
private final class TestTunnel {
    private var tunnel = Tunnel()

    var deadline: Int64? { tunnel.deadline }
    func fromUpstream(_ bytes: [UInt8], at now: Int64) -> Tunnel.Passage { tunnel.fromUpstream(bytes.span, at: now) }
    func fromClient(_ bytes: [UInt8], at now: Int64) -> Bool { tunnel.fromClient(bytes.span, at: now) }
    func end(_ reason: Refusal, at now: Int64) -> Tunnel.Step { tunnel.end(reason, at: now) }
    func clientEnded(at now: Int64) -> Tunnel.Step { tunnel.clientEnded(at: now) }
    func upstreamEnded(at now: Int64) -> Tunnel.Step { tunnel.upstreamEnded(at: now) }
    func upstreamGone() -> Tunnel.Ending { tunnel.upstreamGone() }
    func clientGone() -> CloseFrame? { tunnel.clientGone() }
    func timePassed(at now: Int64) -> Tunnel.Ending? { tunnel.timePassed(at: now) }
}

@Suite("The gateway's own close frames (RFC 6455 section 5.5.1)")
struct CloseFrameTests {
    @Test("To the client: not masked, with the code and the reason")
    func toClient() {
        var buffer = ByteBuffer()
        CloseFrame(code: 4409, reason: "session_replaced").write(to: &buffer)
        #expect(buffer.contents == [0x88, 18, 0x11, 0x39] + bytes("session_replaced"))
    }

    @Test("To the upstream: masked, and the same without its mask")
    func toUpstream() {
        for mask in [0, 1, 0x1234_5678, 0xffff_ffff] as [UInt32] {
            var buffer = ByteBuffer()
            CloseFrame(code: 1001, reason: "going").write(to: &buffer, mask: mask)
            let bytes = buffer.contents
            #expect(bytes[..<2] == [0x88, 0x87])
            let key = Array(bytes[2..<6])
            #expect(key == (0..<4).map { UInt8(truncatingIfNeeded: mask >> (24 - 8 * $0)) })
            let payload = bytes[6...].enumerated().map { $0.element ^ key[$0.offset % 4] }
            #expect(payload == [3, 0xe9] + Array("going".utf8))
        }
    }

    @Test("A reason that is too long is shortened to fit a control frame, and stays text")
    func longReason() {
        for reason in [
            String(repeating: "x", count: 123), .init(repeating: "x", count: 500), .init(repeating: "é", count: 99),
        ] {
            var buffer = ByteBuffer()
            CloseFrame(code: 1000, reason: reason).write(to: &buffer)
            var frames = WebSocketFrames(from: .server)
            frames.read(buffer.span)
            #expect(frames.hasClosed && frames.isAtBoundary && buffer.count <= 127)
            #expect(
                String(validating: buffer.contents.dropFirst(4), as: UTF8.self).map(reason.hasPrefix) == true
            )
        }
    }
}

@Suite("The opening handshake of a WebSocket (RFC 6455 section 4)")
struct HandshakeTests {
    @Test("The answer to the key is that of the RFC's example")
    func accept() {
        let accept = Handshake.accept(bytes("dGhlIHNhbXBsZSBub25jZQ==").span)
        #expect(text(accept) == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
    }

    @Test(
        "A key is 16 bytes in Base64",
        arguments: [
            ("dGhlIHNhbXBsZSBub25jZQ==", true), ("//////////////////////==", true), ("++++++++++++++++++++++==", true),
            ("", false), ("dGhlIHNhbXBsZSBub25jZQ", false), ("dGhlIHNhbXBsZSBub25jZ===", false),
            ("dGhlIHNhbXBsZSBub25jZQAA", false), ("dGhlIHNhbXBsZSBub25jZQ= ", false),
            ("dGhlIHNhbXBs-SBub25jZQ==", false), ("dGhlIHNhbXBsZSBub25jZWFhYQ==", false),
        ]
    )
    func key(_ key: String, _ isKey: Bool) {
        let judged = Handshake.isKey(bytes(key).span)
        #expect(judged == isKey)
    }
}
