import Admission
import Basics
import GatewayConfiguration
import Synchronization
import Transport

/// One client's HTTP/2 connection ([RFC 9113](https://www.rfc-editor.org/rfc/rfc9113)).
///
/// Each stream has its own exchange. Their output of one event loop turn is sent together. Incoming frames are handled
/// in `HTTP2Connection+Frames.swift`, output in `HTTP2Connection+Output.swift`.
final class HTTP2Connection: Connection, ServedConnection {
    enum Phase {
        /// The client's first SETTINGS have not arrived.
        case preface
        case open
        /// GOAWAY was written. Further input is read and dropped, so that the GOAWAY is not lost to a reset.
        case lingering
        case closed
    }

    enum Drain {
        case none
        /// The end was announced at this monotonic time. Requests on the way are accepted.
        case announced(Int64)
        /// Accepts no further requests.
        case refusing
    }

    let worker: Worker
    let listener: ListenerRole
    let address: ClientAddress
    let share: AddressShare?
    let isSecure: Bool
    private(set) lazy var session = HTTP2Session(
        owner: self,
        settings: worker.snapshot.settings.http2,
        maxHeaderListSize: worker.snapshot.headLimits.size
    )
    private let place: ConnectionPlace?
    var phase: Phase = .preface

    // Streams by tag; `nil` for a free position.
    var streams: ContiguousArray<HTTP2Stream?> = []
    var freeTags: ContiguousArray<Int> = []
    var openCount = 0
    var spare: ContiguousArray<HTTP2Stream> = []
    var closedStreams = ClosedStreams()

    // The header block being read.
    var requestHead = HTTP2RequestHead()
    var assembled: [UInt8] = []
    var headStream: Int32 = 0
    var headSince: Int64?

    // Abuse.
    var budget: ControlBudget
    var isOverdrawn = false
    /// The error code to end the connection with if the library cannot continue.
    var fault: HTTP2Session.ErrorCode = .protocolError
    var frames = FrameFollower()
    // Output.
    var scheduled: ContiguousArray<HTTP2Stream> = []
    var submitting: ContiguousArray<HTTP2Stream> = []
    var isSendScheduled = false
    var out = ByteBuffer()
    var drainedStreams: ContiguousArray<HTTP2Stream> = []
    var touched: ContiguousArray<HTTP2Stream> = []
    /// Bytes of bodies waiting on all streams.
    var waitingBytes = 0
    private var sentRate = RateWindow()
    /// Measures the remaining output after the last answer is written.
    private var restRate = RateWindow()
    var wantsGoAway = false

    // Time.
    private var slot: Int?
    /// When the deadline in effect passes, in monotonic milliseconds.
    private var dueAt = Int64.max
    private var idleSince: Int64
    /// When the connection is closed at the latest, once that is decided.
    private var closesAt = Int64.max
    private var hasInputEnded = false
    private(set) var isTerminated = false
    /// Whether the client was told that it violates the protocol's limits.
    private var isAbusive = false
    private(set) var drainState: Drain = .none

    private static let lingerTime: Int64 = 2000
    /// How often to check a connection that only waits for its last bytes to be sent.
    private static let unsentCheck: Int64 = 200
    /// How long a client that has closed its sending side is still answered: it may be waiting, or gone.
    private static let halfClosedTime: Int64 = 5000
    /// The time between announcing the end and refusing new requests, for requests that are on the way.
    private static let drainNotice: Int64 = 500

    init(
        worker: Worker,
        listener: ListenerRole,
        address: ClientAddress,
        share: AddressShare? = nil,
        place: ConnectionPlace? = nil,
        isSecure: Bool
    ) {
        self.worker = worker
        self.listener = listener
        self.address = address
        self.share = share
        self.isSecure = isSecure
        budget = ControlBudget(at: worker.clock.monotonic)
        idleSince = worker.clock.monotonic
        self.place = place
        super.init(loop: worker.loop)
    }

    // MARK: Events

    /// Starts the connection: frames may arrive.
    func begin() {
        slot = worker.add(self)
        if listener != .admin { worker.counters.add(.http2Connections) }
        look(in: worker.snapshot.headerTimeout)
        schedule(nil)
        if worker.isDraining { drain() }
    }

    override func received(_ bytes: Span<UInt8>) {
        receive(bytes)
    }

    override func becameWritable() { schedule(nil) }

    override func inputEnded() {
        hasInputEnded = true
        switch phase {
        case .preface: end()
        case .open where openCount == 0: end()
        // Still send what the open windows allow.
        case .open: closesAt = min(closesAt, worker.clock.monotonic + Self.halfClosedTime)
        case .lingering: if unacknowledgedBytes == 0 { end() } else { look(in: 0) }
        case .closed: break
        }
    }

    override func closed() {
        phase = .closed
        forgetStreams()
        if let slot = slot.take() {
            worker.remove(slot: slot)
            if listener != .admin { worker.counters.add(.http2Connections, -1) }
        }
        place?.leave(worker, address)
    }

    override func turnEnded() {
        if isSendScheduled { sendScheduled() }
        super.turnEnded()
    }

    private func forgetStreams() {
        for stream in streams { stream?.closed() }
        streams.removeAll()
        freeTags.removeAll()
        spare.removeAll()
        scheduled.removeAll()
        drainedStreams.removeAll()
        worker.counters.add(.http2Streams, -openCount)
        openCount = 0
    }

    // MARK: Time

    /// Schedules a check of the connection after this time, unless an earlier one is scheduled.
    func look(in time: Int64) {
        let moment = worker.clock.monotonic + max(time, 0)
        guard moment < dueAt else { return }
        dueAt = moment
        setDeadline(in: max(time, 0))
    }

    /// The first stream was opened: check the connection often from now on.
    func becameBusy() { look(in: worker.snapshot.heartbeat) }

    func becameIdle() { idleSince = worker.clock.monotonic }

    override func deadlinePassed() {
        dueAt = .max
        let now = worker.clock.monotonic
        switch phase {
        case .closed:
            return
        case .preface:
            end()
            return
        case .lingering:
            endSending(now)
            return
        case .open:
            break
        }
        guard !isStuck else {
            if openCount == 0 { worker.site.turnedAway.untakenEnd() }
            for stream in streams { stream?.exchange?.clientGone(.slow) }
            sever()
            return
        }
        guard now < closesAt else {
            if isAbusive { sever() } else { end() }
            return
        }
        if let headSince, now - headSince >= worker.snapshot.headerTimeout {
            headBroke(isLate: true)
            terminate(.enhanceYourCalm)
        }
        goOnDraining(now)
        for stream in streams { stream?.heartbeat(now) }
        lookAgain(now)
    }

    /// Closes once the client has received the end of the last answer, or if it takes it too slowly.
    private func endSending(_ now: Int64) {
        let (rest, minimum) = (unacknowledgedBytes, worker.snapshot.minRate)
        if rest == 0 {
            end()
        } else if isAbusive {
            sever()
        } else if restRate.isTooSlow(-rest, minimum: minimum, isWaiting: true, at: now) {
            worker.site.turnedAway.untakenEnd()
            sever()
        } else {
            look(in: Self.unsentCheck)
        }
    }

    private func lookAgain(_ now: Int64) {
        if closesAt < .max { look(in: closesAt - now) }
        if openCount > 0 || headSince != nil || unsentBytes > 0 {
            look(in: worker.snapshot.heartbeat)
        } else if case .none = drainState {
            let left = idleSince + worker.snapshot.idleTimeout - now
            if left <= 0 { terminate(.noError) } else { look(in: left) }
        } else {
            look(in: Self.unsentCheck)
        }
    }

    /// Whether output waits because the client takes it too slowly.
    private var isStuck: Bool {
        sentRate.isTooSlow(
            takenBytes,
            minimum: worker.snapshot.minRate,
            isWaiting: unsentBytes > 0,
            at: worker.clock.monotonic
        )
    }

    // MARK: Ending sessions, draining, closing

    func end(_ endings: [SessionID: Worker.EndedSession]) {
        for stream in streams { stream?.end(endings) }
    }

    var idleness: Idleness? {
        guard phase == .open, openCount == 0, headSince == nil, unsentBytes == 0, !isTerminated else { return nil }
        return Idleness(wasUsed: !streams.isEmpty, since: idleSince)
    }

    func closeIdle() { end() }

    func drain() {
        guard case .none = drainState, phase == .preface || phase == .open else { return }
        drainState = .announced(worker.clock.monotonic)
        session.announceShutdown()
        schedule(nil)
        for stream in streams { stream?.exchange?.drainTunnel() }
        // A client that has sent nothing yet knows of no end, and has as long as always.
        if phase == .open { look(in: Self.drainNotice) }
    }

    private func goOnDraining(_ now: Int64) {
        if case .announced(let since) = drainState {
            guard now - since >= Self.drainNotice else {
                look(in: since + Self.drainNotice - now)
                return
            }
            drainState = .refusing
            wantsGoAway = true
            schedule(nil)
        }
        if case .refusing = drainState, openCount == 0, !wantsGoAway { terminate(.noError) }
    }

    func endDrain() {
        for stream in streams { stream?.exchange?.clientGone(.drain) }
        phase = .closed
        closeAbruptly()
    }

    /// Ends at once, for a client that is too slow or abusive. Keeps nothing for it.
    private func sever() {
        phase = .closed
        reset()
    }

    /// Ends the connection with a GOAWAY, which gets a moment to be sent.
    func terminate(_ code: HTTP2Session.ErrorCode) {
        guard !isTerminated else { return }
        isTerminated = true
        isAbusive = code != .noError
        if isAbusive { headBroke() }
        session.terminate(code)
        closesAt = min(closesAt, worker.clock.monotonic + Self.lingerTime)
        look(in: Self.lingerTime)
        schedule(nil)
    }

    /// Ends the sending side after the last output. Drops further input for a moment.
    func linger() {
        guard phase == .preface || phase == .open else { return }
        // The library ended it because of something it could not read.
        if !isTerminated { headBroke() }
        phase = .lingering
        forgetStreams()
        finishSending()
        // No more input can arrive.
        look(in: hasInputEnded ? 0 : Self.lingerTime)
    }

    private func end() {
        phase = .closed
        close()
    }
}
