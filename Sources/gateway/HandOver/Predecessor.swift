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
    /// Which keys sign there, see ``Settings/signingMarks(atMost:)``. Empty if its version does not say.
    let marks: [UInt8]
    private let channel: LocalChannel
    private let watch: ProcessWatch?
    /// Left once it has ended, or is not listened to any more.
    private let following = DispatchGroup()
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
        watch = ProcessWatch(of: peer.process)
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
        (sockets, marks) = try Self.hearSockets(channel)
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

    private static func hearSockets(
        _ channel: LocalChannel
    ) throws(HandOverFault) -> (sockets: [InheritedSocket], marks: [UInt8]) {
        var sockets: [InheritedSocket] = []
        while true {
            let (word, message) = try channel.hear(within: HandOver.answerTime)
            guard word != .allSockets else { return (sockets, message.bytes) }
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
    ///
    /// - Returns: `nil` if the predecessor has ended before. Then `dataPlane` knows no leases, as after a restart.
    func awaitTurn(_ dataPlane: DataPlane) async throws(HandOverFault) -> HandOver.Turn? {
        try await HandOver.waiting { [self] () throws(HandOverFault) in
            var desk: LeaseDesk?
            do throws(HandOverFault) {
                desk = try openDesk(dataPlane)
                return HandOver.Turn(try channel.hear(.turn, within: HandOver.readyTime).bytes)
            } catch {
                guard !error.isRefusal, hasEnded else { throw error }
                desk?.awaitEnd()
                dataPlane.forgetLeases()
                return nil
            }
        }
    }

    private func openDesk(_ dataPlane: DataPlane) throws(HandOverFault) -> LeaseDesk {
        let (desk, end) = try LeaseDesk.open(dataPlane)
        try channel.say(.ready, [], [end])
        return desk
    }

    private var hasEnded: Bool { watch?.hasEnded(within: HandOver.endTime) ?? false }

    /// Listens to the predecessor from this process's turn on, until it ends.
    ///
    /// - Parameters:
    ///   - commitment: if the predecessor refuses or ends before it is made, this process ends.
    ///   - whenAsked: called when it passes on a signal.
    func follow(_ commitment: Commitment, whenAsked: @escaping @Sendable (HandOver.Word) -> Void) {
        following.enter()
        DispatchQueue(label: "predecessor").async { [self] in
            defer { following.leave() }
            do throws(HandOverFault) {
                while true {
                    switch try channel.hear(within: HandOver.longestSilence).word {
                    case .replaced: verdict.yield(nil)
                    case let word: whenAsked(word)
                    }
                }
            } catch {
                // Nobody else serves if it has ended.
                let isAlone = !error.isRefusal && hasEnded
                if !isAlone, commitment.abandon(error.description) {
                    StandardError.line("gateway: the running gateway goes on: \(error)")
                    ProcessLimits.endNow(1)
                }
                verdict.yield(error)
            }
        }
    }

    /// Calls `work` once the predecessor has ended, or ``letGo()`` was called.
    func whenOver(_ work: @escaping @Sendable () -> Void) { following.notify(queue: .global(), execute: work) }

    /// Listens to it no more, and answers it about leases no more.
    func letGo() { channel.end() }

    /// Tells it why this process cannot take its place.
    func tell(ofFault text: String) async {
        try? await HandOver.waiting { [channel] () throws(HandOverFault) in
            try channel.say(.refusal, Array(text.utf8.prefix(HandOver.maxText)))
        }
    }

    /// Says that this process accepts connections, and waits for the predecessor's decision.
    ///
    /// - Returns: whether it has decided. If it has ended instead, this process has everything to go on itself.
    /// - Throws: why the predecessor goes on.
    func replace() async throws(HandOverFault) -> Bool {
        // If it does not get this, its decision says why.
        try? await HandOver.waiting { [channel] () throws(HandOverFault) in try channel.say(.serving) }
        for await fault in verdicts {
            if let fault, fault.isRefusal { throw fault }
            return fault == nil
        }
        return false
    }
}
