import CLinux

/// One thread's connections, timers and messages.
///
/// A turn waits for events and passes each to its descriptor's handler. Then it runs due timers, messages from other
/// threads, and work that handlers have deferred to the turn's end. Everything here belongs to the loop's thread; other
/// threads use its ``mailbox``.
///
/// Events are level-triggered: what a handler leaves undone is reported again in the next turn. A descriptor may be
/// given up, closed and reused at any moment of a turn: events carry the generation of their descriptor's slot, so
/// those reported for an earlier use are ignored. Handlers are released at the end of the turn at the earliest, so none
/// disappears while it is being called.
@safe public final class EventLoop {
    public let kernel: Kernel
    public let mailbox: Mailbox
    /// Monotonic milliseconds, read once per turn.
    public private(set) var now: Int64
    private let epoll: Int32
    /// By descriptor.
    private var slots: ContiguousArray<Slot> = []
    private var deadlines: DeadlineTable
    private var timers = TimerHeap()
    private let events: UnsafeMutableBufferPointer<epoll_event>
    private let memory: UnsafeMutableRawBufferPointer
    private var putOff: ContiguousArray<EventHandler> = []
    private var ending: ContiguousArray<EventHandler> = []
    private var reports: ContiguousArray<(descriptor: Int32, generation: UInt32, readiness: Readiness)> = []
    private var released: ContiguousArray<EventHandler> = []
    private var due: ContiguousArray<Int> = []
    private var isInTurn = false
    private var isStopped = false

    private struct Slot {
        var handler: EventHandler?
        var generation: UInt32 = 0
    }

    /// Events fetched at once. With more, the first answers would wait for the work on the last events.
    private static let eventsPerTurn = 128
    /// The most bytes that one read takes; room for several full TLS records.
    public static let receiveSize = 64 << 10
    /// After this many rounds, work that is repeatedly deferred to the end of a turn continues in the next turn.
    private static let roundsAtEnd = 8

    /// A loop for the calling thread.
    public convenience init(kernel: Kernel = Kernel()) throws(SystemFault) {
        self.init(try Mailbox(), epoll: try Self.openPoller(), kernel: kernel)
    }

    /// - Parameter epoll: made by ``openPoller()``.
    init(_ mailbox: Mailbox, epoll: Descriptor, kernel: Kernel = Kernel()) {
        self.kernel = kernel
        self.mailbox = mailbox
        self.epoll = epoll.take()
        now = kernel.monotonic()
        deadlines = DeadlineTable(origin: now)
        unsafe events = .allocate(capacity: Self.eventsPerTurn)
        unsafe events.initialize(repeating: epoll_event())
        unsafe memory = .allocate(byteCount: Self.receiveSize, alignment: 64)
        mailbox.adopt()
        do throws(SystemFault) {
            try control(EPOLL_CTL_ADD, mailbox.descriptor, .readable, generation: 0)
        } catch {
            preconditionFailure("a new epoll instance takes no descriptor: \(error)")
        }
    }

    /// Creates the epoll descriptor that an event loop waits with.
    static func openPoller() throws(SystemFault) -> Descriptor {
        let result = gateway_epoll_create()
        guard result >= 0 else { throw SystemFault("epoll_create1", Int32(-result)) }
        return Descriptor(Int32(result))
    }

    deinit {
        mailbox.close()
        CLinux.close(epoll)
        // SAFETY: allocated in `init`; nothing else holds them, since spans over the memory cannot outlive the loop.
        unsafe events.deallocate()
        unsafe memory.deallocate()
    }

    // MARK: Descriptors

    /// Registers an open descriptor: `handler` is called when it is ready for what is wanted.
    public func register(
        _ descriptor: Int32,
        _ handler: EventHandler,
        for wanted: Readiness
    ) throws(SystemFault) {
        let index = Int(descriptor)
        while slots.count <= index { slots.append(Slot()) }
        precondition(slots[index].handler == nil, "the descriptor is registered already")
        try control(EPOLL_CTL_ADD, descriptor, wanted, generation: slots[index].generation)
        slots[index].handler = handler
    }

    /// Changes the readiness that the handler of a registered descriptor is told about.
    public func want(_ wanted: Readiness, of descriptor: Int32) {
        do throws(SystemFault) {
            try control(EPOLL_CTL_MOD, descriptor, wanted, generation: slots[Int(descriptor)].generation)
        } catch {
            preconditionFailure("a registered descriptor was closed behind the loop's back: \(error)")
        }
    }

    /// Moves a registered descriptor to another handler. Its deadline stays.
    public func hand(_ descriptor: Int32, to handler: EventHandler) {
        if let former = slots[Int(descriptor)].handler { released.append(former) }
        slots[Int(descriptor)].handler = handler
    }

    /// Deregisters a descriptor and closes it.
    public func close(_ descriptor: Int32) {
        forget(descriptor)
        // Closing also removes it from epoll, which no other process holds: one that
        // another process may hold is deregistered first.
        CLinux.close(descriptor)
    }

    /// Deregisters a descriptor without closing it.
    public func deregister(_ descriptor: Int32) {
        forget(descriptor)
        _ = gateway_epoll_control(epoll, EPOLL_CTL_DEL, descriptor, 0, 0)
    }

    /// Reports readiness discovered by a call to the descriptor's handler, at the end of the turn.
    public func report(_ readiness: Readiness, of descriptor: Int32) {
        reports.append((descriptor, slots[Int(descriptor)].generation, readiness))
    }

    private func forget(_ descriptor: Int32) {
        let index = Int(descriptor)
        guard let handler = slots[index].handler.take() else { return }
        slots[index].generation &+= 1
        deadlines.clear(index)
        released.append(handler)
    }

    /// Calls `body` with the handler of each registered descriptor.
    public func forEachHandler(_ body: (EventHandler) -> Void) {
        for index in slots.indices {
            if let handler = slots[index].handler { body(handler) }
        }
    }

    private func control(
        _ operation: Int32,
        _ descriptor: Int32,
        _ wanted: Readiness,
        generation: UInt32
    ) throws(SystemFault) {
        let key = UInt64(UInt32(descriptor)) | UInt64(generation) << 32
        let result = gateway_epoll_control(epoll, operation, descriptor, wanted.rawValue, key)
        guard result >= 0 else { throw SystemFault("epoll_ctl", Int32(-result)) }
    }

    // MARK: Receiving

    /// Receives into the loop's own memory, which the next call overwrites. Returns the number of bytes, or minus `errno`.
    public func receive(from socket: Int32) -> Int { unsafe kernel.receive(socket, into: memory) }

    /// The first bytes of what was last received.
    @_lifetime(borrow self)
    public func received(_ count: Int) -> Span<UInt8> {
        // SAFETY: the loop owns the memory, and the kernel has written the bytes.
        let bytes = unsafe Span<UInt8>(_unsafeBytes: UnsafeRawBufferPointer(rebasing: memory[..<count]))
        return unsafe _overrideLifetime(bytes, borrowing: self)
    }

    /// Memory shared by the loop's TLS connections.
    private(set) lazy var tlsScratch = TLSScratch()

    // MARK: Time

    /// Sets the deadline of a registered descriptor, replacing any earlier one. The handler is told up to
    /// ``DeadlineTable/tick`` milliseconds late.
    public func setDeadline(_ descriptor: Int32, in milliseconds: Int64) {
        deadlines.set(Int(descriptor), at: moment(in: milliseconds))
    }

    public func clearDeadline(_ descriptor: Int32) { deadlines.clear(Int(descriptor)) }

    /// Runs `action` once, after the time has passed.
    @discardableResult
    public func schedule(in milliseconds: Int64, _ action: @escaping () -> Void) -> TimerHeap.ID {
        timers.add(at: moment(in: milliseconds), action)
    }

    private func moment(in milliseconds: Int64) -> Int64 {
        let (moment, isTooFar) = now.addingReportingOverflow(milliseconds)
        return isTooFar ? .max : moment
    }

    public func cancel(_ timer: TimerHeap.ID) { timers.cancel(timer) }

    // MARK: Turns

    /// Calls the handler's ``EventHandler/turnEnded()`` at the end of the turn, once per call of this method.
    public func atEndOfTurn(_ handler: EventHandler) { putOff.append(handler) }

    /// Takes turns until ``stop()``.
    public func run() { while !isStopped { turn() } }

    /// Ends ``run()`` with this turn.
    public func stop() { isStopped = true }

    /// Closes every registered descriptor without a callback, and drops timers and messages. The loop cannot be used
    /// afterwards. A loop on which this is not called is never freed, because it and its handlers refer to each other.
    public func end() {
        mailbox.close()
        for index in slots.indices where slots[index].handler != nil { close(Int32(index)) }
        timers = TimerHeap()
        (putOff, reports, released) = ([], [], [])
    }

    /// Runs one turn.
    ///
    /// - Parameter milliseconds: the longest wait for an event; `nil` for no limit.
    public func turn(waitingAtMost milliseconds: Int32? = nil) {
        precondition(!isInTurn, "a turn is not to be taken from within one")
        isInTurn = true
        let count = unsafe kernel.wait(epoll, events, milliseconds: waitTime(atMost: milliseconds))
        now = kernel.monotonic()
        if count > 1 { dispatchFirst(count) }
        for index in 0..<max(count, 0) where unsafe events[index].events != 0 {
            unsafe dispatch(events.baseAddress! + index)
        }
        runDue()
        endTurn()
        isInTurn = false
    }

    /// Dispatches the events of handlers that are told first, and clears these events.
    private func dispatchFirst(_ count: Int) {
        for index in 0..<count {
            // SAFETY: the event is one of those that the kernel has just written.
            let descriptor = unsafe Int(Int32(truncatingIfNeeded: gateway_epoll_key(events.baseAddress! + index)))
            guard descriptor < slots.count, slots[descriptor].handler?.isToldFirst ?? false else { continue }
            unsafe dispatch(events.baseAddress! + index)
            unsafe events[index].events = 0
        }
    }

    private func dispatch(_ event: UnsafePointer<epoll_event>) {
        // SAFETY: the event is one of those that the kernel has just written.
        let (key, readiness) = unsafe (gateway_epoll_key(event), gateway_epoll_readiness(event))
        let descriptor = Int32(truncatingIfNeeded: key)
        guard descriptor != mailbox.descriptor else {
            for message in mailbox.take() { message(self) }
            return
        }
        let slot = slots[Int(descriptor)]
        guard slot.generation == UInt32(truncatingIfNeeded: key >> 32) else { return }
        slot.handler?.ready(Readiness(rawValue: readiness))
    }

    private func runDue() {
        if let first = deadlines.earliest, first <= now {
            deadlines.findDue(at: now, into: &due)
            // An earlier callback may have closed this descriptor or moved its deadline.
            for index in due where deadlines.takeDue(index, at: now) { slots[index].handler?.deadlinePassed() }
            due.removeAll(keepingCapacity: true)
        }
        // Leave timers added meanwhile to the next turn, so that they do not delay events.
        let newest = timers.newest
        while let action = timers.takeDue(at: now, upTo: newest) { action() }
    }

    private func endTurn() {
        for _ in 0..<Self.roundsAtEnd where hasWorkLeft {
            swap(&putOff, &ending)
            for handler in ending { handler.turnEnded() }
            ending.removeAll(keepingCapacity: true)
            let found = reports
            reports.removeAll(keepingCapacity: true)
            for (descriptor, generation, readiness) in found {
                let slot = slots[Int(descriptor)]
                if slot.generation == generation { slot.handler?.ready(readiness) }
            }
        }
        // Releasing a handler may give up others.
        while !released.isEmpty {
            let handlers = released
            released = []
            withExtendedLifetime(handlers) {}
        }
    }

    private var hasWorkLeft: Bool { !putOff.isEmpty || !reports.isEmpty }

    private func waitTime(atMost limit: Int32?) -> Int32 {
        guard !hasWorkLeft else { return 0 }
        var left = Int64.max
        if let first = deadlines.earliest { left = first - now }
        if let first = timers.earliest { left = min(left, first - now) }
        if let limit { left = min(left, Int64(limit)) }
        return left == .max ? -1 : Int32(clamping: max(left, 0))
    }
}
