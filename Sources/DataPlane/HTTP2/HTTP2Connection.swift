import Admission
import GatewayConfiguration
import Synchronization
import Transport

/// One client's HTTP/2 connection ([RFC 9113](https://www.rfc-editor.org/rfc/rfc9113)).
///
/// Each stream has an exchange of its own. What they write in one turn of the event loop goes out together. What frames
/// do is in `HTTP2Connection+Frames.swift`, the way out in `HTTP2Connection+Output.swift`.
final class HTTP2Connection: Connection, ServedConnection {
    enum Phase {
        /// The client's first SETTINGS have not come.
        case preface
        case open
        /// GOAWAY is written; what still comes is read and dropped, so that it is not lost to a reset.
        case lingering
        case closed
    }

    enum Drain {
        case none
        /// The end is announced, since a monotonic time; requests on their way are taken.
        case announced(Int64)
        /// No further requests are taken.
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

    // Streams by their tag; free places are nil.
    var streams: ContiguousArray<HTTP2Stream?> = []
    var freeTags: ContiguousArray<Int> = []
    var openCount = 0
    var spare: ContiguousArray<HTTP2Stream> = []
    var closedStreams = ClosedStreams()

    // The header block that is being read.
    var requestHead = HTTP2RequestHead()
    var assembled: [UInt8] = []
    var headStream: Int32 = 0
    var headSince: Int64?

    // Abuse.
    var budget: ControlBudget
    var isOverdrawn = false
    /// What the connection is ended for when the library says that it cannot go on.
    var fault: HTTP2Session.ErrorCode = .protocolError
    var frames = FrameFollower()
    // Output.
    var scheduled: ContiguousArray<HTTP2Stream> = []
    var submitting: ContiguousArray<HTTP2Stream> = []
    var isSendScheduled = false
    var out = ByteBuffer()
    var drainedStreams: ContiguousArray<HTTP2Stream> = []
    var touched: ContiguousArray<HTTP2Stream> = []
    /// Bytes of bodies that wait on all streams.
    var waitingBytes = 0
    private var sentRate = RateWindow()
    /// Of what is left once everything is said.
    private var restRate = RateWindow()
    var wantsGoAway = false

    // Time.
    private var slot: Int?
    /// When the deadline that is set passes; monotonic milliseconds.
    private var dueAt = Int64.max
    private var idleSince: Int64
    /// When the connection is closed at the latest, once that is settled.
    private var closesAt = Int64.max
    private var hasInputEnded = false
    private(set) var isTerminated = false
    /// The client was told that it sends what nobody may.
    private var isAbusive = false
    private(set) var drainState: Drain = .none

    private static let lingerTime: Int64 = 2000
    /// How often a connection that only waits for its last octets to go out is looked at.
    private static let unsentCheck: Int64 = 200
    /// A client that has closed its sending side is still answered for this long: it may wait, or be gone.
    private static let halfClosedTime: Int64 = 5000
    /// Between the announcement of the end and the end of new requests: time for requests that are on their way.
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

    /// The connection is open: frames may come.
    func begin() {
        slot = worker.add(self)
        look(in: worker.snapshot.headerTimeout)
        schedule(nil)
        if worker.isDraining { drain() }
    }

    override func received(_ bytes: Span<UInt8>) {
        worker.clock.refresh()
        receive(bytes)
    }

    override func becameWritable() { schedule(nil) }

    override func inputEnded() {
        hasInputEnded = true
        switch phase {
        case .preface: end()
        case .open where openCount == 0: end()
        // What the windows that are open let through is still sent.
        case .open: closesAt = min(closesAt, worker.clock.monotonic + Self.halfClosedTime)
        case .lingering: if unacknowledgedBytes == 0 { end() } else { look(in: 0) }
        case .closed: break
        }
    }

    override func closed() {
        worker.clock.refresh()
        phase = .closed
        forgetStreams()
        if let slot = slot.take() { worker.remove(slot: slot) }
        place?.leave()
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
        openCount = 0
    }

    // MARK: Time

    /// Has the connection looked at when this much time has passed, or earlier.
    func look(in time: Int64) {
        let moment = worker.clock.monotonic + max(time, 0)
        guard moment < dueAt else { return }
        dueAt = moment
        setDeadline(in: max(time, 0))
    }

    /// The first of some streams was opened: from now on the connection is looked at often.
    func becameBusy() { look(in: worker.snapshot.heartbeat) }

    func becameIdle() { idleSince = worker.clock.monotonic }

    override func deadlinePassed() {
        worker.clock.refresh()
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

    /// Closes once the client has the end of the last answer, or takes it too slowly.
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

    /// Whether what was written waits for a client that takes it too slowly.
    private var isStuck: Bool {
        sentRate.isTooSlow(
            takenBytes,
            minimum: worker.snapshot.minRate,
            isWaiting: unsentBytes > 0,
            at: worker.clock.monotonic
        )
    }

    // MARK: Sessions that end, drain, close

    func end(_ reasons: [SessionID: Refusal]) {
        for stream in streams { stream?.end(reasons) }
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
        look(in: Self.drainNotice)
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

    /// Ends at once, for a client that is too slow or sends what nobody may: nothing is kept for it.
    private func sever() {
        phase = .closed
        reset()
    }

    /// Ends the connection with a GOAWAY, which gets a moment to go out.
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

    /// Everything is said: the sending side ends, and what still comes is dropped for a moment.
    func linger() {
        guard phase == .preface || phase == .open else { return }
        // The library has ended it for what it could not read.
        if !isTerminated { headBroke() }
        phase = .lingering
        forgetStreams()
        finishSending()
        // Nothing more comes that could be dropped.
        look(in: hasInputEnded ? 0 : Self.lingerTime)
    }

    private func end() {
        phase = .closed
        close()
    }
}
