public import Basics
import CLinux

/// A listening socket: accepts connections on one event loop and distributes them to all loops in turn.
///
/// One loop accepts for all. Several loops waiting at one socket would wake each other up, or leave everything to one.
public final class Listener: EventHandler {
    /// Serves a connection on the loop that it was assigned to.
    public typealias Serve = @Sendable (_ connection: Descriptor, _ peer: NetworkAddress, EventLoop) -> Void

    private let loop: EventLoop
    private let descriptor: Int32
    private let targets: [Mailbox]
    private let serve: Serve
    private var next = 0
    private var isOpen = true

    /// The most connections accepted in one turn; further ones wait for the next turn.
    private static let acceptsPerTurn = 64
    private static let lastTurns = 64
    /// How long to wait for descriptors or memory. Milliseconds.
    private static let restTime: Int64 = 100

    /// Begins to accept connections.
    ///
    /// - Parameters:
    ///   - descriptor: a listening, non-blocking socket, which the listener takes over.
    ///   - targets: the loops that connections are distributed to.
    public init(
        _ descriptor: Descriptor,
        on loop: EventLoop,
        targets: [Mailbox],
        serve: @escaping Serve
    ) throws(SystemFault) {
        precondition(!targets.isEmpty)
        self.loop = loop
        self.descriptor = descriptor.take()
        self.targets = targets
        self.serve = serve
        super.init()
        do throws(SystemFault) {
            try loop.register(self.descriptor, self, for: .readable)
        } catch {
            CLinux.close(self.descriptor)
            throw error
        }
    }

    /// Stops accepting.
    ///
    /// - Parameter servesBacklog: whether to serve the connections in the backlog, whose clients may have sent a request
    ///   already. Pass false if another process accepts them.
    public func close(servesBacklog: Bool = true) {
        guard isOpen else { return }
        // Ends, even if clients keep coming.
        if servesBacklog { for _ in 0..<Self.lastTurns { guard accept() else { break } } }
        isOpen = false
        // Another process may hold the socket: closing alone would leave it in epoll.
        loop.deregister(descriptor)
        CLinux.close(descriptor)
    }

    public override func ready(_ readiness: Readiness) { _ = accept() }

    /// Accepts connections. Returns whether more may wait.
    private func accept() -> Bool {
        var hasAccepted = false
        for _ in 0..<Self.acceptsPerTurn where isOpen {
            var peer: NetworkAddress?
            let result = loop.kernel.accept(descriptor, from: &peer)
            guard result < 0 else {
                hasAccepted = true
                hand(Descriptor(Int32(result)), peer ?? .unix(path: ""))
                continue
            }
            switch Int32(-result) {
            case EAGAIN:
                return false
            case let number where SystemFault.isShortage(number):
                rest()
                return false
            default:
                // This connection has already failed (accept(2)): continue with the next one.
                continue
            }
        }
        // Every call has failed, and the next one would too.
        if isOpen, !hasAccepted { rest() }
        return hasAccepted
    }

    /// Another descriptor of the socket, to pass to another process.
    public func duplicate() throws(SystemFault) -> Descriptor { try Descriptor.duplicate(of: descriptor) }

    private func hand(_ connection: Descriptor, _ peer: NetworkAddress) {
        let target = targets[next]
        next = next + 1 < targets.count ? next + 1 : 0
        guard target !== loop.mailbox else {
            serve(connection, peer, loop)
            return
        }
        target.post { [serve] loop in serve(connection, peer, loop) }
    }

    /// Leaves connections in the backlog for a moment. The system has no descriptor or memory for another one, and
    /// would report the same connection again and again.
    private func rest() {
        loop.want([], of: descriptor)
        loop.setDeadline(descriptor, in: Self.restTime)
    }

    public override func deadlinePassed() {
        guard isOpen else { return }
        loop.want(.readable, of: descriptor)
    }
}

extension Listener {
    /// Opens a listening socket, which accepts nothing until a ``Listener`` is made from it.
    ///
    /// A TCP socket may bind while connections of an earlier process are in TIME_WAIT.
    ///
    /// - Parameters:
    ///   - backlog: how many connections may wait to be accepted.
    ///   - options: socket options, each with its level; connections inherit them.
    public static func open(
        _ address: NetworkAddress,
        backlog: Int32 = 4096,
        options: [(level: Int32, option: Int32, value: Int32)] = []
    ) throws(SystemFault) -> Descriptor {
        let reuse = [(level: SOL_SOCKET, option: SO_REUSEADDR, value: Int32(1))]
        let (descriptor, number) = try bound(to: address, options: (address.isIP ? reuse : []) + options)
        try check("listen", gateway_listen(number, backlog))
        return descriptor
    }

    /// Takes over a listening socket that another process has opened.
    ///
    /// - Parameter options: socket options for its family, as far as a socket that listens already takes them.
    /// - Throws: ENOTSOCK, EPROTOTYPE or EINVAL if it is no listening stream socket.
    public static func adopt(
        _ number: Int32,
        options: (_ family: Int32) -> [(level: Int32, option: Int32, value: Int32)] = { _ in [] }
    ) throws(SystemFault) -> Descriptor {
        let family = gateway_adopt_listener(number)
        try check("getsockopt", family)
        for (level, option, value) in options(Int32(family)) { _ = gateway_set_option(number, level, option, value) }
        return Descriptor(number)
    }

    /// Opens a socket that is bound to an address and does not listen.
    public static func bind(
        _ address: NetworkAddress,
        options: [(level: Int32, option: Int32, value: Int32)] = []
    ) throws(SystemFault) -> Descriptor { try bound(to: address, options: options).0 }

    private static func bound(
        to address: NetworkAddress,
        options: [(level: Int32, option: Int32, value: Int32)]
    ) throws(SystemFault) -> (Descriptor, Int32) {
        let socket = gateway_socket(address.family)
        guard socket >= 0 else { throw SystemFault("socket", Int32(-socket)) }
        let (descriptor, number) = (Descriptor(Int32(socket)), Int32(socket))
        for (level, option, value) in options {
            try check("setsockopt", gateway_set_option(number, level, option, value))
        }
        // SAFETY: the address is alive during the call.
        try check("bind", unsafe address.withSystemAddress { unsafe gateway_bind(number, $0, $1) })
        return (descriptor, number)
    }

    /// Whether a process listens on a socket file.
    public static func isListening(at path: String) -> Bool {
        guard path.utf8.count <= NetworkAddress.maxPath else { return false }
        let socket = gateway_socket(AF_UNIX)
        guard socket >= 0 else { return false }
        let descriptor = Descriptor(Int32(socket))
        defer { withExtendedLifetime(descriptor) {} }
        // SAFETY: the address is alive during the call.
        let result = unsafe NetworkAddress.unix(path: path).withSystemAddress {
            unsafe gateway_connect(Int32(socket), $0, $1)
        }
        // A full backlog also means that there is a listener.
        return result == 0 || result == -Int(EAGAIN)
    }

    private static func check(_ call: String, _ result: Int) throws(SystemFault) {
        if result < 0 { throw SystemFault(call, Int32(-result)) }
    }
}
