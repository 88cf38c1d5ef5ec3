public import Basics
import CLinux

/// Opens one connection to a peer that may have several addresses. Tries them in turn.
public final class Connector: EventHandler {
    public enum Outcome {
        /// An open, non-blocking socket.
        case connected(Descriptor, NetworkAddress)
        /// No address answered in time, or the last one failed for this reason.
        case failed(SystemFault)
    }

    private let loop: EventLoop
    private let addresses: [NetworkAddress]
    private let prepare: (Int32, NetworkAddress) -> Void
    private var completion: ((Outcome) -> Void)?
    private let deadline: Int64
    private var next = 0
    private var hasTried = false
    private var last = SystemFault("connect", ETIMEDOUT)
    /// -1 between attempts.
    private var descriptor: Int32 = -1
    private var timer: TimerHeap.ID?

    /// A silent address delays the next one by its share of the time, but by at least this. Milliseconds.
    private static let minimumShare: Int64 = 250
    /// How long to wait for room in the backlog of a Unix socket. Milliseconds.
    private static let backlogWait: Int64 = 10

    /// - Parameters:
    ///   - addresses: at least one.
    ///   - milliseconds: the limit for all attempts together.
    ///   - prepare: sets the options of each socket before it connects.
    ///   - completion: called once, after ``start()`` has returned; never after ``cancel()``.
    public init(
        to addresses: [NetworkAddress],
        within milliseconds: Int64,
        on loop: EventLoop,
        prepare: @escaping (Int32, NetworkAddress) -> Void = { _, _ in },
        completion: @escaping (Outcome) -> Void
    ) {
        precondition(!addresses.isEmpty)
        self.loop = loop
        self.addresses = addresses
        self.prepare = prepare
        self.completion = completion
        deadline = loop.now + milliseconds
    }

    public func start() { attempt() }

    /// Gives up.
    public func cancel() {
        completion = nil
        drop()
    }

    private func attempt() {
        while next < addresses.count {
            let address = addresses[next]
            let left = deadline - loop.now
            guard left > 0 || !hasTried else { break }
            hasTried = true
            guard let number = connect(to: address) else {
                let share = max(left / Int64(addresses.count - next), Self.minimumShare)
                timer = loop.schedule(in: min(share, max(left, 0))) { [self] in timePassed() }
                return
            }
            drop()
            if number == EAGAIN {
                // A Unix socket's backlog is full (connect(2)).
                timer = loop.schedule(in: min(Self.backlogWait, max(left, 0))) { [self] in attempt() }
                return
            }
            last = SystemFault("connect", number)
            // Without free descriptors, another address fails too.
            if SystemFault.isShortage(number) { break }
            next += 1
        }
        finishSoon(.failed(last))
    }

    /// Begins to connect. Returns `nil` on success, otherwise the `errno`.
    private func connect(to address: NetworkAddress) -> Int32? {
        let socket = loop.kernel.socket(address.family)
        guard socket >= 0 else { return Int32(-socket) }
        descriptor = Int32(socket)
        prepare(descriptor, address)
        let result = loop.kernel.connect(descriptor, to: address)
        guard result == 0 || result == -Int(EINPROGRESS) else { return Int32(-result) }
        do throws(SystemFault) {
            // Reports success at once if the connection is open already.
            try loop.register(descriptor, self, for: .writable)
            isRegistered = true
            return nil
        } catch {
            return error.number
        }
    }

    private var isRegistered = false

    public override func ready(_ readiness: Readiness) {
        let number = gateway_take_error(descriptor)
        guard number == 0 else {
            fail(number)
            return
        }
        stopTimer()
        let (connected, address) = (Descriptor(descriptor), addresses[next])
        loop.deregister(descriptor)
        (descriptor, isRegistered) = (-1, false)
        finish(.connected(connected, address))
    }

    private func timePassed() { fail(ETIMEDOUT) }

    private func fail(_ number: Int32) {
        drop()
        last = SystemFault("connect", number)
        next += 1
        attempt()
    }

    private func drop() {
        stopTimer()
        guard descriptor >= 0 else { return }
        if isRegistered { loop.close(descriptor) } else { CLinux.close(descriptor) }
        (descriptor, isRegistered) = (-1, false)
    }

    private func stopTimer() {
        if let timer = timer.take() { loop.cancel(timer) }
    }

    private func finishSoon(_ outcome: Outcome) {
        timer = loop.schedule(in: 0) { [self] in finish(outcome) }
    }

    private func finish(_ outcome: Outcome) {
        timer = nil
        completion.take()?(outcome)
    }
}
