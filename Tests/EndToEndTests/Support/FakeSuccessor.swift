import Basics
import Foundation
import Synchronization
import Transport

/// A process that takes over as far as a test wants it to.
final class FakeSuccessor: Sendable {
    /// What is said: the numbers of the program's `HandOver.Word`.
    enum Word: UInt8 {
        case hello = 1
        case refusal, sockets, allSockets, ready, turn, serving, replaced
    }

    private let channel: LocalChannel
    private let leases: LocalChannel
    private let sockets: [Descriptor]
    /// Whether it answers nothing that it is asked about leases.
    let isSilent = Flag()
    private static let time: Int64 = 20_000

    /// Connects, and gets ready.
    init(of gateway: Gateway, isSilent: Bool = false) throws {
        // The gateway serves before anybody can take over from it.
        let path = gateway.directory["cookie.key.sock"]
        var found: LocalChannel?
        _ = eventually {
            found = try? LocalChannel(path: path)
            return found != nil
        }
        channel = try found ?? LocalChannel(path: path)
        let (here, there) = try LocalChannel.open()
        leases = here
        let hello = #"{"version": 3, "product": "test", "startedAt": 0}"#
        try channel.send(Word.hello.rawValue, Array(hello.utf8), within: Self.time)
        var sockets: [Descriptor] = []
        while true {
            let message = try channel.receive(atMost: 1 << 20, within: Self.time)
            if message.kind == Word.allSockets.rawValue { break }
            sockets += message.descriptors
        }
        self.sockets = sockets
        if isSilent { self.isSilent.set() }
        Thread.detachNewThread { [leases, flag = self.isSilent] in
            while let message = try? leases.receive(atMost: 64 << 20, within: Self.time) {
                // 7 is a proposal, which is agreed to, 6 a ticket, which is new.
                let answer: [UInt8] = message.kind == 7 ? [0] : message.kind == 6 ? [1] : []
                if !flag.isSet { try? leases.send(8, answer, within: Self.time) }
            }
        }
        try channel.send(Word.ready.rawValue, descriptors: [there], within: Self.time)
    }

    /// Waits for its turn.
    func awaitTurn() throws {
        let message = try channel.receive(atMost: 1 << 20, within: Self.time)
        guard message.kind == Word.turn.rawValue else { throw GatewayFailure(text: "no turn, but \(message.kind)") }
    }

    /// Waits until it is refused, and returns why.
    func awaitRefusal() throws -> String {
        let message = try channel.receive(atMost: 1 << 20, within: Self.time)
        guard message.kind == Word.refusal.rawValue else {
            throw GatewayFailure(text: "no refusal, but \(message.kind)")
        }
        return String(decoding: message.bytes, as: UTF8.self)
    }

    func saysThatItServes() { try? channel.send(Word.serving.rawValue, within: Self.time) }

    /// Ends, as far as the gateway can see.
    func end() {
        channel.end()
        leases.end()
    }
}

extension Site {
    /// A site whose gateway drains for two seconds at most, so that a replaced one ends soon.
    static func drainingSoon(_ adjust: (inout GatewayConfiguration) -> Void = { _ in }) throws -> Site {
        try Site {
            $0.top = "drain_timeout = \"2s\""
            adjust(&$0)
        }
    }
}
