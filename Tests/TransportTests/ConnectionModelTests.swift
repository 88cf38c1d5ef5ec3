import CLinux
import TestSupport
import Testing

@testable import Transport

@Suite("Connections against a model")
struct ConnectionModelTests {
    @Test("Any order of sends, ends, pauses, hand-overs and faults keeps a connection's promises", arguments: 0..<30)
    func inTheClear(seed: UInt64) throws {
        try ConnectionModel(seed, contexts: nil).run(steps: 300)
    }

    @Test("… also over TLS", arguments: 0..<20)
    func overTLS(seed: UInt64) throws {
        try ConnectionModel(seed, contexts: TestContexts()).run(steps: 300)
    }
}

/// Several connections of one loop, their peers, and the promises to check:
///
/// - Bytes arrive in order; all of them, unless the connection broke or was closed.
/// - An end is reported once, after the last byte; a failure once; `closed` once, and nothing afterwards.
/// - Nothing is reported during a call, while reading is paused, or to an object that has handed its connection over.
/// - An idle loop reports nothing.
private final class ConnectionModel {
    let kernel = TestKernel()
    let loop: EventLoop
    var random: SplitMix64
    private let contexts: TestContexts?
    private var lanes: [Lane] = []
    /// Whether a call to a connection is in progress.
    private var isActing = false
    /// Whether callbacks cause nothing more.
    private var isQuiet = false
    private let seed: UInt64
    /// Whether connections break and are closed early.
    let isRough: Bool
    private static let maxLanes = 10

    init(_ seed: UInt64, contexts: TestContexts?) throws {
        self.seed = seed
        isRough = seed % 3 == 0
        random = SplitMix64(seed: seed)
        self.contexts = contexts
        kernel.clock = 1_000
        loop = try EventLoop(kernel: kernel)
    }

    deinit { loop.end() }

    private func chance(_ count: UInt64) -> Bool { random.next() % count == 0 }

    func expect(_ holds: Bool, _ promise: String) {
        if !holds { Issue.record("\(promise) (seed \(seed))") }
    }

    // MARK: The run

    func run(steps: Int) throws {
        for _ in 0..<3 { try addLane() }
        for _ in 0..<steps {
            makeFaults()
            switch random.next() % 8 {
            case 0..<3: actOfPeer()
            case 3..<6: actOfConnection()
            case 6:
                kernel.clock! += Int64(random.next() % 200)
                loop.turn(waitingAtMost: 0)
            default: loop.turn(waitingAtMost: 0)
            }
            if chance(20) { settle() }
        }
        finish()
    }

    private func makeFaults() {
        kernel.sends = (0..<3).map { _ in fault(upTo: 9_000) }
        kernel.receives = (0..<3).map { _ in fault(upTo: 70_000) }
    }

    private func fault(upTo count: UInt64) -> TestKernel.Result {
        switch random.next() % 80 {
        case 0 where isRough: .fails(ECONNRESET)
        case 1 where isRough: .fails(EPIPE)
        case 2..<12: .fails(EAGAIN)
        case 12..<20: .fails(EINTR)
        default: .atMost(Int(random.next() % count) + 1)
        }
    }

    /// Runs turns until nothing is reported any more.
    private func settle() {
        (kernel.sends, kernel.receives) = ([], [])
        isQuiet = true
        defer { isQuiet = false }
        for _ in 0..<500 {
            let count = kernel.eventCount
            loop.turn(waitingAtMost: 1)
            if kernel.eventCount == count, kernel.lastWait == 1 { return }
        }
        expect(false, "a loop with nothing to do reports nothing")
    }

    /// Moves everything that is on its way.
    private func exchange() {
        isQuiet = true
        for _ in 0..<200 {
            let moved = lanes.reduce(0) { $0 + $1.movedBytes }
            for lane in lanes { lane.read() }
            settle()
            if lanes.reduce(0, { $0 + $1.movedBytes }) == moved { break }
        }
    }

    private func finish() {
        for lane in lanes {
            lane.owner.resumeReading()
            lane.finish()
        }
        exchange()
        for lane in lanes where lane.owner.isOpen {
            expect(lane.owner.hasEnded, "an end is told")
        }
        kernel.clock! += 20_000
        settle()
        for lane in lanes where lane.owner.isOpen {
            expect(!lane.awaitsDeadline, "a deadline is told")
            isActing = true
            lane.owner.finishSending()
            isActing = false
            lane.isFinished = true
        }
        exchange()
        for lane in lanes { lane.check(self) }
        for lane in lanes {
            isActing = true
            lane.owner.close()
            isActing = false
        }
        settle()
        for lane in lanes {
            expect(lane.owner.isClosed, "a close is told")
            expect(lane.isPeerGone || lane.socket.isOver, "a descriptor is closed")
        }
        var left = 0
        loop.forEachHandler { _ in left += 1 }
        expect(left == 0, "no descriptor is left")
        for lane in lanes { lane.owner.model = nil }
    }

    private func addLane() throws {
        let lane = try Lane(self, contexts, isTCP: contexts == nil && chance(2))
        lanes.append(lane)
    }

    // MARK: Actions of peers

    private func bytes() -> [UInt8] {
        let count = chance(12) ? random.next() % 120_000 : random.next() % 3_000
        let first = random.next()
        return (0..<count).map { UInt8(truncatingIfNeeded: first &+ $0) }
    }

    private func actOfPeer() {
        let lane = lanes[Int(random.next() % UInt64(lanes.count))]
        guard !lane.isPeerGone else { return }
        switch random.next() % 60 {
        case 0 where isRough || chance(4): lane.leave(resets: false)
        case 1 where isRough: lane.leave(resets: true)
        case 2 where isRough || chance(4): lane.finish()
        case 3 where isRough || chance(8): lane.truncate()
        case 4 where isRough || chance(8): lane.garble()
        case 5..<30: lane.sendFromPeer(bytes())
        case 30..<40: lane.read(atMost: Int(random.next() % 5_000) + 1)
        default: lane.read()
        }
    }

    // MARK: Actions of connections

    private func actOfConnection() {
        let lane = lanes[Int(random.next() % UInt64(lanes.count))]
        isActing = true
        defer { isActing = false }
        let owner = lane.owner
        switch random.next() % 60 {
        case 0 where isRough || chance(8): owner.close()
        case 1 where isRough: owner.closeAbruptly()
        case 2 where isRough: owner.reset()
        case 3 where isRough || chance(4):
            if lane.takesBytes { lane.isFinished = true }
            owner.finishSending()
        case 5..<10: owner.pauseReading()
        case 10..<16: owner.resumeReading()
        case 16..<20:
            if owner.isOpen, !lane.hasFailed { lane.handOver(self) }
        case 20..<24:
            owner.setDeadline(in: Int64(random.next() % 500))
            if owner.isOpen, !lane.hasFailed { lane.awaitsDeadline = true }
        case 24: if lanes.count < Self.maxLanes { try? addLane() }
        case 25..<40:
            guard owner.unsentBytes < 1 << 20 else { return }
            let (first, second) = (bytes(), bytes())
            if lane.takesBytes { lane.sent += first + second }
            owner.send(first, second)
        default:
            guard owner.unsentBytes < 1 << 20 else { return }
            let bytes = bytes()
            if lane.takesBytes { lane.sent += bytes }
            owner.send(bytes.span, more: chance(4))
        }
    }

    /// Handles a callback of a connection, which may do anything.
    func told(_ connection: ModelledConnection) {
        expect(!isActing, "nothing is told from within a call")
        expect(!connection.isGone, "nothing is told to whoever has handed over")
        expect(!connection.isClosed, "nothing is told after a close")
        if !isQuiet, chance(3) { actOfConnection() }
    }
}

/// One connection, and its peer.
private final class Lane {
    let socket: Peer
    let isTCP: Bool
    let tls: TLSFarEnd?
    private(set) var owner: ModelledConnection
    /// What the connection was given to send, and what it has received.
    var sent: [UInt8] = []
    var received: [UInt8] = []
    private var sentByPeer: [UInt8] = []
    private var readByPeer: [UInt8] = []
    var isFinished = false
    var isSecured = false
    var hasFailed = false
    var awaitsDeadline = false
    private(set) var isPeerGone = false
    private(set) var hasPeerEnded = false
    private var isGarbled = false
    private var isTruncated = false

    init(_ model: ConnectionModel, _ contexts: TestContexts?, isTCP: Bool) throws {
        let (served, socket) = isTCP ? try Peer.connectedPair() : try Peer.pair()
        (self.socket, self.isTCP) = (socket, isTCP)
        owner = ModelledConnection(loop: model.loop)
        tls = try contexts.map { TLSFarEnd(socket, try $0.clientStream()) }
        isSecured = contexts == nil
        (owner.lane, owner.model) = (self, model)
        try owner.open(served, tls: contexts?.serverStream())
    }

    var movedBytes: Int { received.count + readByPeer.count + owner.takenBytes + (tls?.movedBytes ?? 0) }

    var takesBytes: Bool { owner.isOpen && isSecured && !isFinished }

    func handOver(_ model: ConnectionModel) {
        let former = owner
        owner = ModelledConnection(loop: model.loop)
        (owner.lane, owner.model, owner.hasEnded) = (self, model, former.hasEnded)
        former.handOver(to: owner)
        former.isGone = true
        model.expect(!former.isOpen && owner.isOpen, "a connection that is handed over is open on the other side")
    }

    /// Whether the peer has done something that breaks a connection.
    var mayFail: Bool { isPeerGone || isGarbled || isTruncated }

    // MARK: The peer

    func sendFromPeer(_ bytes: [UInt8]) {
        guard !hasPeerEnded, !isPeerGone else { return }
        guard let tls else {
            sentByPeer += bytes.prefix(socket.send(bytes))
            return
        }
        guard tls.isOpen, !tls.hasUnsent else { return }
        sentByPeer += bytes
        tls.send(bytes)
    }

    func read(atMost limit: Int = .max) {
        guard !isPeerGone else { return }
        if let tls {
            tls.run(atMost: limit)
            if hasPeerEnded, !tls.hasUnsent { socket.finishSending() }
        } else {
            readByPeer += socket.readAvailable(atMost: limit)
        }
    }

    func finish() {
        guard !hasPeerEnded, !isPeerGone else { return }
        hasPeerEnded = true
        if let tls, !tls.isOpen { isTruncated = true }
        tls?.end()
        if tls?.hasUnsent ?? false { return }
        socket.finishSending()
    }

    /// Ends without close_notify.
    func truncate() {
        if tls == nil { hasPeerEnded = true } else { isTruncated = true }
        socket.finishSending()
    }

    func garble() {
        guard let tls, !isPeerGone, !tls.hasUnsent else { return }
        isGarbled = true
        tls.put([23, 3, 3, 0, 17] + [UInt8](repeating: 9, count: 17))
    }

    func leave(resets: Bool) {
        isPeerGone = true
        if tls == nil { hasPeerEnded = true }
        if resets { socket.reset() } else { socket.close() }
    }

    // MARK: The end

    func check(_ model: ConnectionModel) {
        let read = tls?.bytes ?? readByPeer
        model.expect(sentByPeer.starts(with: received), "bytes come in order")
        model.expect(sent.starts(with: read), "bytes go in order")
        if owner.hasEnded, !hasFailed {
            model.expect(received == sentByPeer, "an end comes behind the last byte")
            model.expect(hasPeerEnded, "an end is the peer's")
        }
        if owner.isOpen, !isPeerGone { model.expect(read == sent, "every byte goes out before the end") }
        if let tls, tls.isEnded { model.expect(read == sent, "close_notify goes behind the last byte") }
        if let tls, !isGarbled { model.expect(tls.fault == nil || hasFailed, "records are whole") }
    }
}

private final class ModelledConnection: Connection {
    weak var lane: Lane?
    unowned(safe) var model: ConnectionModel?
    var hasEnded = false
    var isGone = false
    private(set) var isClosed = false

    private func note(_ holds: Bool, _ promise: String) {
        model?.expect(holds, promise)
        model?.expect(!(lane?.hasFailed ?? false) || isClosing, "nothing but `closed` is told after a failure")
        model?.told(self)
    }

    private var isClosing = false

    override func secured(_ tls: TLSStream) {
        lane?.isSecured = true
        note(true, "")
    }

    override func received(_ bytes: Span<UInt8>) {
        // SAFETY: the span is alive during the call.
        unsafe bytes.withUnsafeBufferPointer { unsafe lane?.received += $0 }
        // Over TLS, what was read at once is delivered in several pieces.
        let isPaused = isReadPaused && lane?.tls == nil
        note(
            !bytes.isEmpty && !hasEnded && !isPaused && isOpen,
            "bytes come while the connection reads, before its end"
        )
    }

    override func inputEnded() {
        let isFirst = !hasEnded
        hasEnded = true
        note(isFirst, "an end is told once")
    }

    override func becameWritable() { note(isWritable, "a connection that became writable is") }

    override func deadlinePassed() {
        lane?.awaitsDeadline = false
        note(isOpen, "a deadline is an open connection's")
    }

    override func failed(_ fault: ConnectionFault) {
        let isFirst = lane?.hasFailed == false
        model?.expect(lane?.mayFail ?? false || model?.isRough ?? false, "a failure has a cause: \(fault)")
        isClosing = true
        lane?.hasFailed = true
        note(isFirst, "a failure is told once")
        isClosing = false
    }

    override func closed() {
        isClosing = true
        note(!isOpen, "a closed connection is not open")
        isClosed = true
    }
}
