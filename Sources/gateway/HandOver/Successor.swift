import Basics
import DataPlane
import Glibc
import Transport

/// A new process that is to take this one's place.
final class Successor: Sendable {
    let process: pid_t
    let product: String
    /// When it was started, as ``MonotonicClock`` counts.
    let startedAt: Int64
    let leases: LeaseLine
    private let channel: LocalChannel
    private let commitment = Commitment()
    /// Ends when the hand-over is called off.
    private let (untilCalledOff, callingOff) = AsyncStream<Void>.makeStream()

    /// Gives it the sockets, and waits until it is ready.
    ///
    /// - Parameter marks: which keys sign here.
    /// - Returns: `nil` if it is not a gateway: something only tried whether anybody listens.
    init?(_ channel: LocalChannel, _ sockets: [InheritedSocket], marks: [UInt8]) throws(HandOverFault) {
        guard let peer = channel.peer, channel.isOfSameUser,
            let hello = try? channel.hear(.hello, within: HandOver.answerTime)
        else { return nil }
        process = peer.process
        self.channel = channel
        guard case .object(let members)? = try? JSONValue(parsing: hello.bytes.span, limits: HandOver.jsonLimits),
            let version = members["version"]?.number, case .string(let product)? = members["product"]
        else { return nil }
        self.product = product
        startedAt = members["startedAt"]?.number.flatMap { Int64(exactly: $0) } ?? .min
        guard version == Double(HandOver.version) else {
            let reason = "version \(ProductVersion.text), which is running, hands over differently: restart it instead"
            try? channel.say(.refusal, Array(reason.utf8))
            throw HandOverFault(reason)
        }
        try Self.give(sockets, channel)
        try channel.say(.allSockets, marks)
        let ready = try channel.hear(.ready, within: HandOver.readyTime)
        guard let end = ready.descriptors.first else { throw HandOverFault("it takes no leases") }
        leases = LeaseLine(LocalChannel(end)) { [commitment, callingOff] reason in
            guard commitment.abandon(reason) else { return }
            channel.stopReceiving()
            callingOff.finish()
        }
    }

    private static func give(_ sockets: [InheritedSocket], _ channel: LocalChannel) throws(HandOverFault) {
        var rest = sockets[...]
        while !rest.isEmpty {
            let part = rest.prefix(LocalChannel.maxDescriptors)
            rest = rest.dropFirst(part.count)
            let addresses = JSONValue.array(part.map { .string($0.address) })
            try channel.say(.sockets, addresses.serialized(), part.map(\.descriptor))
        }
    }

    /// Passes what `dataPlane` knows. From now on, this process asks it about leases.
    func takeLeases(of dataPlane: DataPlane) async throws(HandOverFault) {
        try await HandOver.waiting { [leases] () throws(HandOverFault) in
            guard leases.give(keptSince: dataPlane.leasesKeptSince), dataPlane.handOver(to: leases) else {
                throw HandOverFault("it does not take the leases")
            }
        }
    }

    /// Waits for something that this process has to finish first.
    func wait(for work: Task<Void, Never>, _ name: String) async throws(HandOverFault) {
        let (ends, end) = AsyncStream<Bool>.makeStream()
        let others = [
            Task {
                try? await Task.sleep(for: .milliseconds(HandOver.stepTime))
                end.yield(false)
            },
            Task { [untilCalledOff] in
                for await _ in untilCalledOff {}
                end.yield(false)
            },
        ]
        Task {
            await work.value
            end.yield(true)
        }
        defer { for other in others { other.cancel() } }
        for await isDone in ends {
            if isDone { return }
            break
        }
        throw HandOverFault("\(name) takes too long")
    }

    /// Lets it go on, and waits until it serves.
    func give(_ turn: HandOver.Turn) async throws(HandOverFault) {
        try await HandOver.waiting { [channel] () throws(HandOverFault) in
            try channel.say(.turn, turn.bytes)
            try channel.hear(.serving, within: HandOver.stepTime)
        }
    }

    /// Calls the hand-over off, unless it is decided. May be called on an event loop.
    func callOff(_ reason: String) {
        guard commitment.abandon(reason) else { return }
        channel.stopReceiving()
        leases.end()
        callingOff.finish()
    }

    /// Decides that it replaces this process, if it still answers for the leases.
    ///
    /// - Throws: why the hand-over was called off meanwhile.
    func decide(for dataPlane: DataPlane) async throws(HandOverFault) {
        try await HandOver.waiting { [leases] () throws(HandOverFault) in
            guard leases.give(keptSince: dataPlane.leasesKeptSince) else {
                throw HandOverFault("it no longer answers for the leases")
            }
        }
        try commitment.make()
    }

    /// Tells it something once it has replaced this process. If it has ended, nobody needs to know.
    func tell(_ word: HandOver.Word) async {
        try? await HandOver.waiting { [channel] () throws(HandOverFault) in try channel.say(word) }
    }

    /// Tells it that it does not replace this process, upon which it ends.
    ///
    /// - Returns: why.
    func refuse(_ fault: HandOverFault) async -> String {
        callOff(fault.description)
        // The first reason: others follow from it.
        let reason = commitment.reason ?? fault.description
        let words = Array(reason.utf8)
        try? await HandOver.waiting { [channel] () throws(HandOverFault) in try channel.say(.refusal, words) }
        channel.end()
        return reason
    }

    /// Tells a process that knocks that it gets nothing.
    static func turnAway(_ channel: LocalChannel, _ reason: String) {
        guard channel.isOfSameUser else { return }
        try? channel.say(.refusal, Array(reason.utf8))
    }
}
