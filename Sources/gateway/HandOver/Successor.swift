import Basics
import DataPlane
import Glibc
import Transport

/// A new process that is to take this one's place.
final class Successor: Sendable {
    let process: pid_t
    let product: String
    let leases: LeaseLine
    private let channel: LocalChannel

    /// Gives it the sockets, and waits until it is ready.
    ///
    /// - Returns: `nil` if it is not a gateway: something only tried whether anybody listens.
    init?(_ channel: LocalChannel, _ sockets: [InheritedSocket]) throws(HandOverFault) {
        guard let peer = channel.peer, channel.isOfSameUser,
            let hello = try? channel.hear(.hello, within: HandOver.answerTime)
        else { return nil }
        process = peer.process
        self.channel = channel
        guard case .object(let members)? = try? JSONValue(parsing: hello.bytes.span, limits: HandOver.jsonLimits),
            let version = members["version"]?.number, case .string(let product)? = members["product"]
        else { return nil }
        self.product = product
        guard version == Double(HandOver.version) else {
            let reason = "version \(ProductVersion.text), which is running, hands over differently: restart it instead"
            try? channel.say(.refusal, Array(reason.utf8))
            throw HandOverFault(reason)
        }
        try Self.give(sockets, channel)
        let ready = try channel.hear(.ready, within: HandOver.readyTime)
        guard let end = ready.descriptors.first else { throw HandOverFault("it takes no leases") }
        leases = LeaseLine(LocalChannel(end))
    }

    private static func give(_ sockets: [InheritedSocket], _ channel: LocalChannel) throws(HandOverFault) {
        var rest = sockets[...]
        while !rest.isEmpty {
            let part = rest.prefix(LocalChannel.maxDescriptors)
            rest = rest.dropFirst(part.count)
            let addresses = JSONValue.array(part.map { .string($0.address) })
            try channel.say(.sockets, addresses.serialized(), part.map(\.descriptor))
        }
        try channel.say(.allSockets)
    }

    /// Passes what `dataPlane` knows. From now on, this process asks it about leases.
    func takeLeases(of dataPlane: DataPlane) async throws(HandOverFault) {
        try await HandOver.waiting { [leases] () throws(HandOverFault) in
            guard leases.give(dataPlane), dataPlane.handOver(to: leases) else {
                throw HandOverFault("it does not take the leases")
            }
        }
    }

    /// Lets it go on, and waits until it serves.
    ///
    /// - Parameter service: the service manager that it has to talk to from then on.
    func giveTurn(_ service: ServiceManager.Service?) async throws(HandOverFault) {
        try await HandOver.waiting { [channel] () throws(HandOverFault) in
            try channel.say(.turn, service?.bytes ?? [])
            try channel.hear(.serving, within: HandOver.stepTime)
        }
    }

    /// Tells a process that knocks that it gets nothing.
    static func turnAway(_ channel: LocalChannel, _ reason: String) {
        guard channel.isOfSameUser else { return }
        try? channel.say(.refusal, Array(reason.utf8))
    }
}
