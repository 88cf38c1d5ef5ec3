import Basics
import DataPlane
import Dispatch
import Logging
import UnixSignals

/// The life of a process from when it serves: acts on signals and on those that want its place, until it has drained.
///
/// Nothing here waits for a file or for another process: whatever hangs, the process hears when it is to end.
struct Life {
    /// What a running process acts on.
    enum Event {
        case signal(UnixSignal)
        /// Another process has everything ready to take the place of this one.
        case successorIsReady(Successor)
        case handOverEnded(isReplaced: Bool)
        /// A process that this one has started, in order to be replaced by it, has ended.
        case childEnded(ChildEnd)
        case drained
    }

    let server: Server
    let logs: Logs
    let dataPlane: DataPlane
    let control: Control?
    let running: RunningConfiguration?
    let stateFiles: StateFiles.Marks
    /// The process whose place this one has taken.
    let predecessor: Predecessor?
    let reception: Reception
    let arrivals: AsyncStream<Event>.Continuation
    /// Called when the process begins to drain.
    let whenDraining: (_ isReplaced: Bool) -> Void

    private var handOver: (successor: Successor, task: Task<Void, Never>)?
    /// The process that has taken the place of this one.
    private var replacement: Successor?
    private var isDraining = false
    private var isToldToStop = false
    /// By when the logs must be written, unless the end takes longer; `nil` before it drains.
    private(set) var deadline: DispatchTime?
    /// When SIGHUP and SIGUSR1 came last, as ``MonotonicClock`` counts.
    private var (reloadedAt, reopenedAt): (Int64, Int64) = (.min, .min)

    private var logger: Logger { logs.logger }

    init(
        server: Server,
        logs: Logs,
        dataPlane: DataPlane,
        control: Control?,
        running: RunningConfiguration?,
        stateFiles: StateFiles.Marks,
        predecessor: Predecessor?,
        reception: Reception,
        arrivals: AsyncStream<Event>.Continuation,
        whenDraining: @escaping (_ isReplaced: Bool) -> Void
    ) {
        (self.server, self.logs, self.dataPlane, self.control) = (server, logs, dataPlane, control)
        (self.running, self.reception, self.arrivals) = (running, reception, arrivals)
        (self.stateFiles, self.predecessor) = (stateFiles, predecessor)
        self.whenDraining = whenDraining
    }

    /// Returns once the process has drained.
    mutating func go(on events: AsyncStream<Event>) async {
        for await event in events {
            switch event {
            case .signal(let signal): act(on: signal)
            case .successorIsReady(let successor): handOver(to: successor)
            case .handOverEnded(let isReplaced): endHandOver(isReplaced)
            case .childEnded(let end): tell(of: end)
            case .drained: return
            }
        }
    }

    private mutating func act(on signal: UnixSignal) {
        switch signal {
        case .sighup:
            reloadedAt = MonotonicClock.now()
            if replacement != nil {
                tellReplacement(.reload)
            } else if isDraining {
                logger.notice("reload: not while draining")
            } else {
                running?.reload()
                Task { [reception] in await reception.openAgainIfGone() }
            }
        case .sigusr1:
            reopenedAt = MonotonicClock.now()
            logs.reopen()
            tellReplacement(.reopen)
        case .sigusr2:
            if isDraining {
                logger.notice("no other process takes over: this one is draining")
            } else if handOver != nil {
                logger.notice("SIGUSR2: another process is taking over already")
            } else {
                startSuccessor()
            }
        default:
            if isToldToStop { return cutDrain() }
            isToldToStop = true
            if isDraining {
                return logger.notice("draining already, since another process serves: a second signal ends it at once")
            }
            handOver?.successor.callOff("the running gateway was told to stop")
            drain()
        }
    }

    // MARK: Take-over

    private func startSuccessor() {
        let (server, reception, logger, arrivals) = (server, reception, logger, arrivals)
        Task {
            await reception.openAgainIfGone()
            if let obstacle = reception.obstacle {
                return logger.error("SIGUSR2: nothing can take over from this process: \(obstacle)")
            }
            server.startSuccessor(reception, logger) { arrivals.yield(.childEnded($0)) }
        }
    }

    private mutating func handOver(to successor: Successor) {
        let (server, dataPlane, control, stateFiles) = (server, dataPlane, control, stateFiles)
        let (logger, arrivals) = (logger, arrivals)
        let isDraining = isDraining
        let task = Task {
            if isDraining {
                _ = await successor.refuse(HandOverFault("the running gateway was told to stop"))
                return
            }
            let isReplaced = await server.handOver(to: successor, dataPlane, control, stateFiles, logger)
            arrivals.yield(.handOverEnded(isReplaced: isReplaced))
        }
        if !isDraining { handOver = (successor, task) }
    }

    private mutating func endHandOver(_ isReplaced: Bool) {
        guard let successor = handOver?.successor else { return }
        handOver = nil
        guard isReplaced else { return reception.isFree() }
        replacement = successor
        // What it was asked for after the other process has begun to read its files.
        if reloadedAt >= successor.startedAt { tellReplacement(.reload) }
        if reopenedAt >= successor.startedAt { tellReplacement(.reopen) }
        if !isDraining { drain() }
    }

    private func tellReplacement(_ word: HandOver.Word) {
        guard let replacement else { return }
        Task { await replacement.tell(word) }
    }

    private func tell(of end: ChildEnd) {
        guard replacement == nil, !isDraining else { return }
        let file = server.file.map { " `gateway check \($0.path)` may know it, too." } ?? ""
        logger.error(
            """
            process \(end.process), which was started to take over, has ended \(end), and this one goes on: the reason is on \
            standard error.\(file)
            """
        )
    }

    // MARK: End

    private mutating func drain() {
        isDraining = true
        let isReplaced = replacement != nil
        whenDraining(isReplaced)
        let limit = DispatchTimeInterval.milliseconds(Int(dataPlane.endTime(isReplaced: isReplaced)))
        deadline = .now() + limit + .milliseconds(200)
        // It asks this process about leases, which passes that on.
        let older = isReplaced ? predecessor : nil
        // Bound the wait for anything else that delays the end, such as a disk that hangs.
        DispatchQueue.global().asyncAfter(deadline: .now() + limit) {
            guard let older else { return Self.endSoon() }
            older.whenOver(Self.endSoon)
        }
        // The unit goes on with the other process.
        if !isReplaced { server.manager.tell(.stopping("draining")) }
        let time = dataPlane.drainTime(isReplaced: isReplaced)
        logger.info(
            """
            draining: \(dataPlane.viewerConnections) connections, at most \
            \(time % 1000 == 0 ? "\(time / 1000) s" : "\(time) ms"); \(isReplaced ? "two signals end" : "another signal ends") \
            it at once
            """
        )
        let (dataPlane, control, arrivals, task) = (dataPlane, control, arrivals, handOver?.task)
        Task {
            await dataPlane.drain(isReplaced: isReplaced)
            task?.cancel()
            await task?.value
            await control?.stop()
            if let older { await withCheckedContinuation { over in older.whenOver { over.resume() } } }
            arrivals.yield(.drained)
        }
    }

    private func cutDrain() {
        dataPlane.cutDrain()
        predecessor?.letGo()
    }

    /// Ends the process unless it has ended in a second.
    private static func endSoon() {
        DispatchQueue.global().asyncAfter(deadline: .now() + .seconds(1)) { ProcessLimits.endNow() }
    }
}
