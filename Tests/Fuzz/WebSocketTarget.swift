import Admission
import Basics

@testable import DataPlane

extension FuzzTarget {
    /// WebSocket frames in both directions, the end of a socket among them, and the key of a handshake.
    static let webSocket = FuzzTarget("websocket") { bytes in
        for sender in [WebSocketFrames.Sender.client, .server] { try requireSameHoweverCut(bytes, from: sender) }
        for cut in cuts(of: bytes.count + 1) { try requireRightEnd(bytes, at: cut) }
        try requireReadableCloseFrame(bytes)
        if Handshake.isKey(bytes.span) {
            try require(Handshake.accept(bytes.span).count == 28, "an answer to a key has another length")
        }
    }

    private static func requireSameHoweverCut(_ bytes: [UInt8], from sender: WebSocketFrames.Sender) throws {
        func knowledge(_ frames: WebSocketFrames) -> [Bool] {
            [frames.isFollowing, frames.isAtBoundary, frames.hasClosed]
        }
        var whole = WebSocketFrames(from: sender)
        whole.read(bytes.span)
        var single = WebSocketFrames(from: sender)
        for index in bytes.indices { single.read(bytes.span.extracting(index..<index + 1)) }
        try require(knowledge(single) == knowledge(whole), "frames are read differently byte by byte")
        for cut in cuts(of: bytes.count) {
            var frames = WebSocketFrames(from: sender)
            frames.read(bytes.span.extracting(0..<cut))
            let count = frames.finishFrame(bytes.span.extracting(cut..<bytes.count))
            try require(
                frames.isAtBoundary || count == bytes.count - cut,
                "a frame is left in the middle at \(cut + count)"
            )
            frames.read(bytes.span.extracting(cut + count..<bytes.count))
            try require(knowledge(frames) == knowledge(whole), "frames are read differently when cut at \(cut)")
        }
    }

    /// Ends a socket after `cut` bytes from the upstream. A close frame may appear only where one is allowed.
    private static func requireRightEnd(_ bytes: [UInt8], at cut: Int) throws {
        var tunnel = Tunnel()
        _ = tunnel.fromUpstream(bytes.span.extracting(0..<cut), at: 0)
        var passed = Array(bytes[..<cut])
        let ending: Tunnel.Ending
        switch tunnel.end(.sessionReplaced, at: 0) {
        case .end(let now): ending = now
        case .wait:
            switch tunnel.fromUpstream(bytes.span.extracting(cut..<bytes.count), at: 1) {
            case .pass: return
            case .last(let count, let then):
                passed += bytes[cut..<cut + count]
                ending = then
            }
        case .endToUpstream, .endToClient:
            throw BrokenProperty(description: "the end of both sides ends only one")
        }
        guard let close = ending.toClient else { return }
        var frames = WebSocketFrames(from: .server)
        frames.read(passed.span)
        try require(frames.mayClose, "a close frame stands within a frame, or behind another one")
        var buffer = ByteBuffer()
        close.write(to: &buffer)
        frames.read(buffer.span)
        try require(frames.isAtBoundary && frames.hasClosed, "our close frame is none")
    }

    private static func requireReadableCloseFrame(_ bytes: [UInt8]) throws {
        let code = UInt16(bytes.first ?? 3) << 8 | UInt16(bytes.last ?? 0xe8)
        let close = CloseFrame(code: code, reason: text(bytes))
        var buffer = ByteBuffer()
        close.write(to: &buffer, mask: 0x0123_89ab)
        var frames = WebSocketFrames(from: .client)
        frames.read(buffer.span)
        try require(frames.isAtBoundary && frames.hasClosed, "our close frame towards upstreams is none")
        var plain = ByteBuffer()
        close.write(to: &plain)
        let (masked, key) = (buffer.span.copied().dropFirst(6), [0x01, 0x23, 0x89, 0xab] as [UInt8])
        let unmasked = masked.enumerated().map { $0.element ^ key[$0.offset % 4] }
        try require(unmasked == Array(plain.span.copied().dropFirst(2)), "the mask changes the close frame")
    }
}
