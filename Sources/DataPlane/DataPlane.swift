package import Admission
import Dispatch
package import GatewayConfiguration
import Glibc
package import JOSE
package import Logging
import Synchronization
import Transport

/// The request path as a whole: event loops, listeners, and the two things that happen to them while they run, reload
/// and drain.
package final class DataPlane: Sendable {
    let site: Site
    private let threads: [EventLoopThread]
    private let workers: [ObjectIdentifier: Confined<Worker>]
    let logger: Logger
    /// The listeners that are open.
    private let listeners = Mutex<[(listener: Confined<Listener>, role: ListenerRole)]>([])
    let security: ListenerSecurity
    let generation = Mutex<UInt64>(1)
    let memory = Mutex(MemoryReturn())
    let readiness = Atomic<Bool>(true)
    /// Seconds since 1970.
    let certificatesCheckedAt = Atomic<Int64>(0)

    /// What a process keeps on disk between starts.
    package struct Keys: Sendable {
        package var cookie: [UInt8]
        package var assertion: Key
        package init(cookie: [UInt8], assertion: Key) {
            self.cookie = cookie
            self.assertion = assertion
        }
    }

    package init(
        settings: Settings,
        keys: Keys,
        directory: DirectoryView,
        accessLog: LogOutput,
        logger: Logger,
        descriptors: Int,
        loopCount: Int? = nil
    ) throws {
        let loopCount = loopCount ?? (settings.threads > 0 ? settings.threads : Processors.available)
        self.logger = logger
        security = try ListenerSecurity(settings.listeners)
        site = Site(
            snapshot: Snapshot(settings: settings, generation: 1, previous: nil),
            directory: directory,
            cookieKey: keys.cookie,
            assertionKey: keys.assertion,
            accessLog: accessLog,
            logger: logger,
            descriptors: DescriptorBudget(
                descriptors: descriptors,
                loops: loopCount,
                hasControl: settings.control.enabled
            )
        )
        let made = Mutex<[Confined<Worker>]>([])
        let isReady = DispatchSemaphore(value: 0)
        let site = site
        var threads: [EventLoopThread] = []
        for number in 0..<loopCount {
            let thread = try EventLoopThread(name: "loop \(number)") { loop in
                let worker = Worker(loop: loop, site: site)
                worker.start()
                site.register(worker)
                made.withLock { $0.append(Confined(worker, to: loop.mailbox)) }
                isReady.signal()
            }
            isReady.wait()
            threads.append(thread)
        }
        self.threads = threads
        workers = Dictionary(uniqueKeysWithValues: made.withLock { $0 }.map { (ObjectIdentifier($0.mailbox), $0) })
    }

    /// Opens every listener and says where, a line each, as the configuration writes addresses.
    package func listen() async throws -> [String] {
        let settings = site.snapshot.settings
        var lines: [String] = []
        // Accept only once every listener is bound: a client that gets an answer from one gets one from all.
        var bound: [Descriptor] = []
        for (index, socket) in settings.sockets.enumerated() {
            let (descriptor, address) = try Self.bind(socket)
            try SocketFile.permit(socket)
            bound.append(descriptor)
            let isAdmin = index == settings.listeners.count
            lines.append("\(isAdmin ? "admin listens" : "listening") on \(address.text)")
        }
        for (index, descriptor) in bound.enumerated() {
            let isAdmin = index == settings.listeners.count
            try await accept(descriptor, role: isAdmin ? .admin : .viewers, listener: isAdmin ? nil : index)
        }
        return lines
    }

    /// Opens a listening socket.
    ///
    /// - Returns: the socket, and where it is: port 0 has become another.
    private static func bind(
        _ socket: ListeningSocket
    ) throws(ListenFault) -> (Descriptor, GatewayConfiguration.SocketAddress) {
        let place = "\(socket.place).address"
        let wanted = try resolve(socket.address, place: place)
        do throws(SystemFault) {
            let descriptor: Descriptor
            if case .unix(let path) = wanted {
                try SocketFile.makeRoom(at: path)
                // Nobody else may connect before ``SocketFile/permit(_:)``.
                let mask = umask(0o177)
                defer { _ = umask(mask) }
                descriptor = try Listener.open(wanted)
            } else {
                descriptor = try Listener.open(wanted, options: SocketOptions.listener(of: wanted.family))
            }
            guard case .tcp(let host, _) = socket.address, let port = descriptor.localPort else {
                return (descriptor, socket.address)
            }
            return (descriptor, .tcp(host: host, port: Int(port)))
        } catch {
            throw ListenFault(place: place, address: socket.address, error)
        }
    }

    private static func resolve(
        _ address: GatewayConfiguration.SocketAddress,
        place: String
    ) throws(ListenFault) -> NetworkAddress {
        switch address {
        case .unix(let path):
            return .unix(path: path)
        case .tcp(let host, let port):
            if let address = NetworkAddress(ip: host, port: UInt16(port)) { return address }
            guard case .found(let addresses) = Resolver.askSystem(host, UInt16(port)) else {
                throw ListenFault(place: place, address: address, reason: "no such host")
            }
            return addresses[0]
        }
    }

    /// Has a listening socket's connections served.
    private func accept(_ descriptor: Descriptor, role: ListenerRole, listener: Int?) async throws {
        let mailboxes = threads.map(\.mailbox)
        let opened = await withCheckedContinuation {
            (continuation: CheckedContinuation<Result<Confined<Listener>, SystemFault>, Never>) in
            mailboxes[0].post { [self] loop in
                do throws(SystemFault) {
                    let listener = try Listener(descriptor, on: loop, targets: mailboxes) {
                        [self] connection, peer, loop in
                        serve(connection, of: peer, on: loop, role: role, listener: listener)
                    }
                    continuation.resume(returning: .success(Confined(listener, to: loop.mailbox)))
                } catch {
                    continuation.resume(returning: .failure(error))
                }
            }
        }
        let confined = try opened.get()
        listeners.withLock { $0.append((confined, role)) }
    }

    /// Serves a connection that was accepted.
    private func serve(
        _ descriptor: Descriptor,
        of peer: NetworkAddress,
        on loop: EventLoop,
        role: ListenerRole,
        listener: Int?
    ) {
        guard let worker = workers[ObjectIdentifier(loop.mailbox)]?.value else { return }
        worker.clock.refresh()
        let address = ClientAddress(peer)
        guard let (place, share) = count(role: role, address: address, worker) else { return }
        do throws(SystemFault) {
            guard let context = listener.flatMap({ security.context($0) }) else {
                let connection = ClientConnection(
                    worker: worker,
                    listener: role,
                    address: address,
                    share: share,
                    place: place
                )
                try connection.open(descriptor.take())
                connection.begin()
                return
            }
            guard let stream = context.stream() else {
                place.leave()
                return
            }
            let handshake = ServerHandshake(
                worker: worker,
                listener: role,
                address: address,
                share: share,
                place: place
            ) { [logger, site] fault in
                site.turnedAway.failedHandshake(fault)
                logger.debug("TLS handshake with \(String(decoding: address.text, as: UTF8.self)): \(fault)")
            }
            try handshake.open(descriptor.take(), tls: stream)
            handshake.setDeadline(in: worker.snapshot.headerTimeout)
        } catch {
            place.leave()
        }
    }

    /// Counts a connection until it gives up its place.
    ///
    /// - Returns: its place, and what it shares with others of its address, nil where that is not counted. Nil: it is past
    ///   the limits.
    private func count(
        role: ListenerRole,
        address: ClientAddress,
        _ worker: Worker
    ) -> (ConnectionPlace, AddressShare?)? {
        let limits = worker.snapshot.settings.limits
        var share: AddressShare?
        let isCounted = role == .viewers && address.isCounted(limits)
        // First, so that nobody makes others close beyond their own limit.
        if isCounted {
            share = site.connectionCounts.enter(address.hash, limit: limits.connectionsPerAddress)
            guard share != nil else {
                site.turnedAway.pastLimit(of: address)
                return nil
            }
        }
        guard site.enter(role, limit: limits.connections, makesRoom: worker.closeIdleClient) else {
            if isCounted { site.connectionCounts.leave(address.hash) }
            site.turnedAway.pastTotal()
            return nil
        }
        return (ConnectionPlace(site, role, countedAddress: isCounted ? address.hash : nil), share)
    }

    /// What OpenSSL does not take of a configuration's certificates, each as `listener[0].certificate: …`.
    package static func problems(in settings: Settings) -> [String] {
        do {
            _ = try ListenerSecurity(settings.listeners)
            return []
        } catch {
            return error.problems
        }
    }

    /// How many clients may be connected, and why, in the operator's words.
    package var connectionLimit: String {
        let (limits, budget) = (site.snapshot.settings.limits, site.descriptors)
        let count = budget.connections(of: limits.connections)
        guard count < limits.connections else { return "up to \(count) connections" }
        return """
            up to \(count) connections, not the \(limits.connections) of limits.connections: the system allows \
            \(budget.capacity + budget.reserve) descriptors, each connection may need two, and \(budget.reserve) are kept back
            """
    }

    /// How long a drain may take, in milliseconds.
    package var drainTime: Int64 { site.snapshot.settings.drainTimeout.milliseconds }

    /// Ends well: readiness fails, viewers' listeners close, exchanges finish. Returns when nothing is left or the time is
    /// over. Until then the admin listener says how it stands.
    package func drain() async {
        let limit = site.snapshot.settings.drainTimeout
        site.drain()
        await closeListeners(of: .viewers)
        let deadline = ContinuousClock.now + limit
        while site.viewerConnections > 0, ContinuousClock.now < deadline {
            try? await Task.sleep(for: .milliseconds(20))
        }
        let left = site.viewerConnections
        if left > 0 { logger.notice("cut \(left) connections at the end of drain_timeout") }
        await closeListeners(of: .admin)
        site.forEachWorker { $0.closeAll() }
        for thread in threads { thread.stop() }
        for thread in threads { thread.join() }
        site.accessLog.stop()
    }

    /// Now, in milliseconds since 1970.
    package static func now() -> Milliseconds { Clock().wall }

    /// Now, as logs have it: UTC with milliseconds.
    package static func timestamp() -> String { timestamp(Clock().wall) }

    /// A moment in milliseconds since 1970, as logs have it.
    package static func timestamp(_ moment: Milliseconds) -> String { Timestamp.text(moment) }

    private func closeListeners(of role: ListenerRole) async {
        let open = listeners.withLock { listeners in
            let open = listeners.filter { $0.role == role }
            listeners.removeAll { $0.role == role }
            return open
        }
        for (listener, _) in open {
            await withCheckedContinuation { continuation in
                let isPosted = listener.mailbox.post { _ in
                    listener.value.close()
                    continuation.resume()
                }
                if !isPosted { continuation.resume() }
            }
        }
    }
}
