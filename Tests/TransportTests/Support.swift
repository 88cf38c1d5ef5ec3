import CLinux
import TestSupport
import Testing

@testable import Transport

/// A connection that records its callbacks, and does what the test demands in them.
final class RecordedConnection: Connection {
    enum Told: Equatable {
        case secured
        case received([UInt8])
        case inputEnded
        case becameWritable
        case failed(Int32)
        case failedTLS(TLSFault)
        case deadlinePassed
        case closed
    }

    private(set) var told: [Told] = []
    var onTold: (RecordedConnection, Told) -> Void = { _, _ in }
    var keeps = false

    /// Everything that was received, in one piece.
    var bytes: [UInt8] {
        told.flatMap { told -> [UInt8] in if case .received(let bytes) = told { bytes } else { [] } }
    }

    private func note(_ event: Told) {
        told.append(event)
        onTold(self, event)
    }

    override func secured(_ tls: TLSStream) { note(.secured) }
    override func received(_ bytes: Span<UInt8>) {
        // SAFETY: the span is alive during the call.
        note(.received(unsafe bytes.withUnsafeBufferPointer { unsafe Array($0) }))
    }
    override func inputEnded() { note(.inputEnded) }
    override func becameWritable() { note(.becameWritable) }
    override func failed(_ fault: ConnectionFault) {
        switch fault {
        case .system(let fault): note(.failed(fault.number))
        case .tls(let fault): note(.failedTLS(fault))
        }
    }
    override func deadlinePassed() { note(.deadlinePassed) }
    override var keepsUnreadBytes: Bool { keeps }
    override func closed() { note(.closed) }
}

extension Connection {
    func send(_ text: String, more: Bool = false) { send(Array(text.utf8).span, more: more) }
    func send(_ first: [UInt8], _ second: [UInt8]) { send(first.span, second.span) }
}

extension RecordedConnection.Told {
    static func received(_ text: String) -> Self { .received(Array(text.utf8)) }
}

/// A loop with a test's kernel, and one connection on it.
final class Fixture {
    let kernel = TestKernel()
    let loop: EventLoop
    let connection: RecordedConnection
    let peer: Peer

    init() throws {
        loop = try EventLoop(kernel: kernel)
        connection = RecordedConnection(loop: loop)
        let (served, peer) = try Peer.pair()
        self.peer = peer
        try connection.open(served)
    }

    /// Runs one turn that does not wait.
    func turn() { loop.turn(waitingAtMost: 0) }

    deinit { loop.end() }
}
