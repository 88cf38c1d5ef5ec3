import Basics
import DataPlane
import Dispatch
import GatewayConfiguration
import Glibc
import Transport

/// The running gateway whose place this process takes.
final class Predecessor: Sendable {
    let process: pid_t
    /// Its listening sockets.
    let sockets: [InheritedSocket]
    private let channel: LocalChannel
    /// Whether this process has replaced it: `nil` if so, and otherwise why not.
    private let (verdicts, verdict) = AsyncStream<HandOverFault?>.makeStream()

    /// Connects to the gateway that runs with these settings and gets its sockets.
    ///
    /// - Parameter process: if given, no other one is replaced: another gateway may have the same cookie key.
    static func find(for settings: Settings, process: pid_t?) async throws(HandOverFault) -> Predecessor {
        try await HandOver.waiting { () throws(HandOverFault) in try Predecessor(of: settings, process: process) }
    }

    private init(of settings: Settings, process wanted: pid_t?) throws(HandOverFault) {
        let path = HandOver.path(settings)
        channel = try Self.connect(path)
        guard let peer = channel.peer, channel.isOfSameUser else {
            throw HandOverFault("the gateway at \(path) runs as another user")
        }
        process = peer.process
        if let wanted, wanted != process {
            throw HandOverFault(
                """
                process \(process) waits at \(path), and not process \(wanted), which is to be replaced: give each gateway a \
                sessions.cookie_key_file of its own
                """
            )
        }
        let hello = JSONValue.object([
            JSONMember("version", .number(Double(HandOver.version))),
            JSONMember("product", .string(ProductVersion.text)),
            JSONMember("startedAt", .number(Double(Program.startedAt))),
        ])
        try channel.say(.hello, hello.serialized())
        sockets = try Self.hearSockets(channel)
    }

    private static func connect(_ path: String) throws(HandOverFault) -> LocalChannel {
        let deadline = MonotonicClock.now() + HandOver.openTime
        while true {
            do throws(SystemFault) {
                return try LocalChannel(path: path)
            } catch {
                guard error.number == ECONNREFUSED, MonotonicClock.now() < deadline else {
                    throw HandOverFault("no gateway to take over from waits at \(path): \(error.reason)")
                }
            }
            // It may just have taken over itself.
            usleep(50_000)
        }
    }

    private static func hearSockets(_ channel: LocalChannel) throws(HandOverFault) -> [InheritedSocket] {
        var sockets: [InheritedSocket] = []
        while true {
            let (word, message) = try channel.hear(within: HandOver.answerTime)
            guard word != .allSockets else { return sockets }
            guard word == .sockets, let addresses = texts(message.bytes), addresses.count == message.descriptors.count,
                sockets.count + addresses.count <= HandOver.maxSockets
            else { throw HandOverFault("it sent no sockets") }
            sockets += zip(addresses, message.descriptors).map { InheritedSocket(address: $0, descriptor: $1) }
        }
    }

    private static func texts(_ bytes: [UInt8]) -> [String]? {
        guard case .array(let values)? = try? JSONValue(parsing: bytes.span, limits: HandOver.jsonLimits) else {
            return nil
        }
        let texts = values.compactMap { value in if case .string(let text) = value { text } else { nil } }
        return texts.count == values.count ? texts : nil
    }

    /// Says that this process has everything ready, and waits for its turn. By then, `dataPlane` has the leases.
    func awaitTurn(_ dataPlane: DataPlane) async throws(HandOverFault) -> HandOver.Turn {
        let end = try LeaseDesk.open(dataPlane)
        let turn = try await HandOver.waiting { [channel] () throws(HandOverFault) in
            try channel.say(.ready, [], [end])
            return try channel.hear(.turn, within: HandOver.readyTime)
        }
        return HandOver.Turn(turn.bytes)
    }

    /// Listens to the predecessor from this process's turn on, until it ends.
    ///
    /// - Parameters:
    ///   - commitment: if the predecessor refuses or ends before it is made, this process ends.
    ///   - whenAsked: called when it passes on a signal.
    func follow(_ commitment: Commitment, whenAsked: @escaping @Sendable (HandOver.Word) -> Void) {
        DispatchQueue(label: "predecessor").async { [self] in
            do throws(HandOverFault) {
                while true {
                    switch try channel.hear(within: HandOver.longestSilence).word {
                    case .replaced: verdict.yield(nil)
                    case let word: whenAsked(word)
                    }
                }
            } catch {
                if commitment.abandon(error.description) {
                    StandardError.line("gateway: \(outcome(of: error))")
                    ProcessLimits.endNow(1)
                }
                verdict.yield(error)
            }
        }
    }

    private func outcome(of fault: HandOverFault) -> String {
        // Signal 0 only asks whether the process exists.
        let isGone = kill(process, 0) != 0 && errno == ESRCH
        return isGone
            ? "the running gateway has ended before it handed over: start one with `gateway run`"
            : "the running gateway goes on: \(fault)"
    }

    /// Says that this process accepts connections, and waits for the predecessor's decision.
    ///
    /// - Throws: why the predecessor goes on. If it has only ended, this process has everything to go on itself.
    func replace() async throws(HandOverFault) {
        // If it does not get this, its decision says why.
        try? await HandOver.waiting { [channel] () throws(HandOverFault) in try channel.say(.serving) }
        for await fault in verdicts {
            if let fault, fault.isRefusal { throw fault }
            return
        }
    }
}
