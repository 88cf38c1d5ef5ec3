package import Admission
package import Basics
import Dispatch
package import GatewayConfiguration
import Glibc
package import JOSE
package import Logging
import Synchronization
import Transport

/// The request path as a whole: event loops and listeners, and the two operations on them, reload and drain.
package final class DataPlane: Sendable {
    let site: Site
    private let isDrainCut = Atomic<Bool>(false)
    let threads: [EventLoopThread]
    let workers: [ObjectIdentifier: Confined<Worker>]
    let logger: Logger
    /// The open listeners.
    let listeners = Mutex<[OpenListener]>([])
    /// Where a process that takes this one's place connects.
    let door = Mutex<Confined<Listener>?>(nil)
    let security: ListenerSecurity
    let memory = Mutex(MemoryReturn())
    let readiness = Atomic<Bool>(true)
    /// Seconds since 1970.
    let certificatesCheckedAt = Atomic<Int64>(0)

    /// The keys that a process keeps on disk between starts.
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
        version: String,
        keySetStore: KeySetStore? = nil,
        loopCount: Int? = nil
    ) throws {
        let loopCount = loopCount ?? (settings.threads > 0 ? settings.threads : Processors.available)
        self.logger = logger
        security = try ListenerSecurity(settings)
        site = Site(
            snapshot: Snapshot(settings: settings, previous: nil),
            directory: directory,
            cookieKey: keys.cookie,
            assertionKey: keys.assertion,
            accessLog: accessLog,
            logger: logger,
            descriptors: DescriptorBudget(
                descriptors: descriptors,
                loops: loopCount,
                hasControl: settings.control.enabled
            ),
            keySetStore: keySetStore,
            version: version
        )
        let made = Mutex<[Confined<Worker>]>([])
        let isReady = DispatchSemaphore(value: 0)
        let site = site
        var threads: [EventLoopThread] = []
        for number in 0..<loopCount {
            let thread = try EventLoopThread(name: "loop \(number)") { loop in
                let worker = Worker(loop: loop, site: site, isFirst: number == 0)
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
        site.runOnFirstWorker { $0.adoptChores() }
        site.spans.adopt(settings.tracing)
    }

    struct OpenListener {
        let listener: Confined<Listener>
        let address: ListenAddress
        let role: ListenerRole
        /// Of a Unix socket.
        let file: SocketFile.Identity?
    }

    /// Opens every listener; those of viewers accept nobody before key sets were fetched or could not be. Returns a
    /// line for each with its address, in the form of the configuration.
    ///
    /// - Parameters:
    ///   - given: descriptors of sockets that systemd has opened, by name.
    ///   - inherited: sockets of the process whose place this one takes. What no listener needs is closed.
    ///   - takesOver: whether another process still serves: the admin listener then waits as those of viewers do.
    ///   - whenReady: called when all is bound and fetched, before a viewer is accepted. If it throws, none is.
    package func listen(
        given: [ExactText: [Int32]] = [:],
        inherited: [InheritedSocket] = [],
        takesOver: Bool = false,
        whenReady: () async throws -> Void = {}
    ) async throws -> [String] {
        let settings = site.snapshot.settings
        var inherited = inherited
        var lines: [String] = []
        // Start accepting only once every listener is bound: a client that reaches one can reach all.
        var bound: [(socket: HeldSocket, role: ListenerRole)] = []
        for (index, socket) in settings.sockets.enumerated() {
            let role = index == settings.listeners.count ? .admin : ListenerRole.viewers(UInt16(index))
            let sockets = try inherit(socket, from: &inherited) ?? open(socket, given: given)
            for held in sockets {
                bound.append((held, role))
                let verb = role == .admin ? "admin listens" : "listening"
                lines.append("\(verb) on \(held.place)")
            }
        }
        for left in inherited {
            // Now, although others may hold the object: clients must not wait at a socket that nobody serves.
            _ = Descriptor(left.descriptor.take())
            lines.append("no longer listening on \(left.address), which the configuration does not name")
        }
        if !takesOver {
            for (socket, role) in bound where role == .admin { try await accept(socket, role: role) }
        }
        let urls = settings.companies.flatMap(\.keySetURLs)
        await fetchKeySets(trying: [], awaiting: urls)
        try await whenReady()
        for (socket, role) in bound where role != .admin || takesOver { try await accept(socket, role: role) }
        return lines
    }

    /// Takes the sockets that another process has opened for the same address.
    ///
    /// - Returns: `nil` if it has opened none.
    private func inherit(
        _ socket: ListeningSocket,
        from inherited: inout [InheritedSocket]
    ) throws(ListenFault) -> [HeldSocket]? {
        let theirs = inherited.filter { $0.isFor(socket.address) }
        guard let first = theirs.first else { return nil }
        // Several sockets of systemd's are one listener. Others are one each, even with the same address: that of port 0.
        var taken = [first]
        if case .systemd = socket.address { taken = theirs }
        inherited.removeAll { one in taken.contains { $0.descriptor === one.descriptor } }
        let held = try taken.map { one throws(ListenFault) in
            HeldSocket(address: socket.address, descriptor: try Self.adopt(socket, one.descriptor.take()))
        }
        try SocketFile.permit(socket)
        return held
    }

    /// Opens the sockets of a listener.
    private func open(
        _ socket: ListeningSocket,
        given: [ExactText: [Int32]]
    ) throws(ListenFault) -> [HeldSocket] {
        if case .systemd(let name) = socket.address {
            return try Self.adopt(socket, given: given, name).map {
                HeldSocket(address: socket.address, descriptor: $0)
            }
        }
        let descriptor = try Self.bind(socket)
        try SocketFile.permit(socket)
        return [HeldSocket(address: socket.address, descriptor: descriptor)]
    }

    /// Takes over the sockets with a name that systemd has opened.
    private static func adopt(
        _ socket: ListeningSocket,
        given: [ExactText: [Int32]],
        _ name: String
    ) throws(ListenFault) -> [Descriptor] {
        let place = "\(socket.place).address"
        guard let numbers = given[ExactText(name)] else {
            let names = given.keys.map(\.text).sorted().joined(separator: ", ")
            let reason = """
                systemd has passed no socket of this name (FileDescriptorName= of the .socket unit), but \
                \(names.isEmpty ? "none at all" : names)
                """
            throw ListenFault(place: place, address: socket.address, reason: reason)
        }
        return try numbers.map { number throws(ListenFault) in try adopt(socket, number) }
    }

    /// Takes over a listening socket that another process has opened.
    private static func adopt(_ socket: ListeningSocket, _ number: Int32) throws(ListenFault) -> Descriptor {
        do throws(SystemFault) {
            return try Listener.adopt(number, options: SocketOptions.listener(of:))
        } catch {
            throw ListenFault(place: "\(socket.place).address", address: socket.address, error)
        }
    }

    /// Fetches key sets.
    ///
    /// - Parameters:
    ///   - tried: fetched beside those in use, if they are new, until the trial ends.
    ///   - awaited: those to wait for: returns once each was fetched or could not be, and every event loop has the keys.
    ///   - again: whether to fetch those again that are in use.
    /// - Returns: what is wrong with sets.
    @discardableResult
    func fetchKeySets(
        trying tried: [KeySetURL],
        awaiting awaited: [KeySetURL],
        again: Bool = false
    ) async -> [KeySetURL: String] {
        guard !tried.isEmpty || !awaited.isEmpty else { return [:] }
        let faults = await Reply<[KeySetURL: String]>.wait { reply in
            site.runOnFirstWorker { worker in
                guard let sets = worker.keySets else { return reply.give([:]) }
                if again { sets.fetchAgain() }
                sets.adopt(worker.snapshot.keySetURLs, trying: tried)
                sets.afterFirstFetch(of: awaited) { reply.give(sets.faults) }
            }
        }
        // What the fetch has posted to the loops was posted before.
        await answer()
        return faults ?? [:]
    }

    /// Opens a listening socket.
    private static func bind(_ socket: ListeningSocket) throws(ListenFault) -> Descriptor {
        let place = "\(socket.place).address"
        let wanted = try resolve(socket.address, place: place)
        do throws(SystemFault) {
            guard case .unix(let path) = wanted else {
                return try Listener.open(wanted, options: SocketOptions.listener(of: wanted.family))
            }
            try SocketFile.makeRoom(at: path)
            // Prevent connections before ``SocketFile/permit(_:)`` sets the mode.
            let mask = umask(0o177)
            defer { _ = umask(mask) }
            return try Listener.open(wanted)
        } catch {
            throw ListenFault(place: place, address: socket.address, error)
        }
    }

    private static func resolve(
        _ address: ListenAddress,
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
        case .systemd:
            preconditionFailure("systemd has opened it")
        }
    }

    /// Starts accepting connections on a listening socket.
    private func accept(_ socket: HeldSocket, role: ListenerRole) async throws {
        let mailboxes = threads.map(\.mailbox)
        let opened = await mailboxes[0].run { [self] loop in
            Result { () throws(SystemFault) in
                let listener = try Listener(socket.descriptor, on: loop, targets: mailboxes) {
                    [self] connection, peer, loop in
                    serve(connection, of: peer, on: loop, role: role)
                }
                return Confined(listener, to: loop.mailbox)
            }
        }
        // The loops end only when the process does.
        guard let confined = try opened?.get() else { return }
        var file: SocketFile.Identity?
        if case .unix(let path) = socket.address { file = SocketFile.Identity(path) }
        let open = OpenListener(listener: confined, address: socket.address, role: role, file: file)
        listeners.withLock { $0.append(open) }
    }

    /// What only the data plane can judge in a configuration: certificates that OpenSSL does not accept, and texts and
    /// templates of pages. Lines such as `listener[0].certificate: …`.
    package static func problems(in settings: Settings) -> [String] {
        let ofPages = Pages.problems(in: settings.pages)
        do {
            _ = try ListenerSecurity(settings)
            return ofPages
        } catch {
            return error.problems + ofPages
        }
    }

    /// Why OpenSSL would not present a certificate. Returns `nil` if it would.
    package static func fault(of certificate: CertifiedKey) -> String? { TLSClientContext.fault(of: certificate) }

    /// How many clients may be connected, and why, worded for the operator.
    package var connectionLimit: String {
        let (limits, budget) = (site.snapshot.settings.limits, site.descriptors)
        let count = budget.connections(of: limits.connections)
        guard count < limits.connections else { return "up to \(count) connections" }
        return """
            up to \(count) connections, not the \(limits.connections) of limits.connections: the system allows \
            \(budget.capacity + budget.reserve) descriptors, each connection may need two, and \(budget.reserve) are kept back
            """
    }

    /// Returns once every event loop has had a turn.
    package func answer() async {
        for thread in threads { _ = await thread.mailbox.run { _ in } }
    }

    /// How many connections viewers have.
    package var viewerConnections: Int { site.viewerConnections }

    /// How long the export of the last spans may take, in milliseconds.
    private static let lastExportTime: Int64 = 1000

    /// The most time that a drain waits for connections, in milliseconds.
    package func drainTime(isReplaced: Bool) -> Int64 {
        let settings = site.snapshot.settings
        return (isReplaced ? settings.drainTimeout : settings.drainDelay + settings.drainTimeout).milliseconds
    }

    /// The most time that ``drain(isReplaced:)`` may take, in milliseconds.
    package func endTime(isReplaced: Bool) -> Int64 {
        let exporting = site.snapshot.settings.tracing.endpoint == nil ? 0 : Self.lastExportTime
        return drainTime(isReplaced: isReplaced) + exporting
    }

    /// Ends gracefully: readiness fails; after `drain_delay`, viewers' listeners close and exchanges finish. Returns
    /// when nothing is left, the time is up, or ``cutDrain()`` was called. Until then, the admin listener reports the
    /// state.
    ///
    /// - Parameter isReplaced: whether another process accepts connections on the same sockets. Then nothing fails:
    ///   this process stops accepting at once, and clients with an open connection are told to make another with the
    ///   answer to their next request.
    package func drain(isReplaced: Bool = false) async {
        let settings = site.snapshot.settings
        await closeDoor()
        if isReplaced {
            await closeListeners(servingBacklog: false) { _ in true }
        } else {
            site.announceDrain()
            await wait(atMost: settings.drainDelay) { false }
            await closeListeners { $0 != .admin }
        }
        site.drain(isReplaced: isReplaced)
        // By then, the loops have counted the connections that were accepted last.
        await answer()
        await wait(atMost: settings.drainTimeout) {
            isReplaced ? site.connections == 0 : site.viewerConnections == 0
        }
        let left = site.viewerConnections
        if left > 0 { logger.notice("connections cut at the end of the drain: \(left)") }
        await closeListeners { $0 == .admin }
        site.forEachWorker { $0.closeAll() }
        for thread in threads { thread.stop() }
        for thread in threads { thread.join() }
        await site.spans.finish(within: Self.lastExportTime)
        site.accessLog.stop()
    }

    private func wait(atMost time: Duration, until isOver: () -> Bool) async {
        let deadline = ContinuousClock.now + time
        while ContinuousClock.now < deadline, !isDrainCut.load(ordering: .relaxed), !isOver() {
            try? await Task.sleep(for: .milliseconds(20))
        }
    }

    /// Ends a drain at once, for an operator who does not want to wait.
    package func cutDrain() { isDrainCut.store(true, ordering: .relaxed) }

    /// Closes listeners. Whoever waits in the backlog of a socket that another process holds is served there.
    private func closeListeners(servingBacklog: Bool = true, where isMeant: (ListenerRole) -> Bool) async {
        let open = listeners.withLock { listeners in
            let open = listeners.filter { isMeant($0.role) }
            listeners.removeAll { isMeant($0.role) }
            return open
        }
        for one in open {
            let isKept = if case .systemd = one.address { true } else { !servingBacklog }
            _ = await one.listener.mailbox.run { _ in one.listener.value.close(servesBacklog: !isKept) }
            if case .unix(let path) = one.address, let file = one.file { SocketFile.remove(path, file) }
        }
    }
}
