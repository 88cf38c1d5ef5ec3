import Basics
import GatewayConfiguration
import Synchronization
import Transport

/// A group of interchangeable servers.
final class Upstream: Sendable {
    let settings: UpstreamSettings
    let servers: [UpstreamServer]
    let responseTimeout: Int64
    let host: HostLine
    /// How to verify https servers. `nil` if there are none.
    let security: TLSClientContext?
    /// The place of its counters.
    let slot: Int

    /// - Parameter labels: include its name and those of its servers.
    init(_ settings: UpstreamSettings, _ labels: CounterLabels) {
        self.settings = settings
        slot = labels.upstreams[ExactText(settings.name)]
        security =
            settings.servers.contains { $0.isSecure } ? TLSClientContext(authorities: settings.authorities) : nil
        servers = settings.servers.map { server in
            let label = CounterLabels.Server(upstream: ExactText(settings.name), name: ExactText(server.address.text))
            return UpstreamServer(
                server,
                connectTimeout: settings.connectTimeout,
                hostLine: settings.host == .upstream ? HostLine.bytes(server.authority ?? "") : [],
                slot: labels.servers[label]
            )
        }
        host =
            switch settings.host {
            case .preserve: .client
            case .upstream: .server
            case .name(let name): .fixed(HostLine.bytes(name))
            }
        responseTimeout = settings.responseTimeout.milliseconds
    }

    /// Whether any server may be tried.
    func hasHealthyServer(at now: Int64) -> Bool { servers.contains { $0.isHealthy(at: now) } }
}

/// The `Host` line of requests to an upstream.
enum HostLine: Sendable {
    /// The client's own authority.
    case client
    /// The chosen server's ``UpstreamServer/hostLine``, added once the server is known.
    case server
    case fixed([UInt8])

    static func bytes(_ authority: String) -> [UInt8] { Array("Host: \(authority)\r\n".utf8) }
}

/// One server of an upstream, with its health as known to all event loops.
final class UpstreamServer: Sendable {
    enum Target: Sendable {
        case address(NetworkAddress)
        case name(String, UInt16)
    }

    let target: Target
    /// The TLS peer. `nil` for plaintext.
    let peer: TLSPeer?
    /// In milliseconds.
    let connectTimeout: Int64
    /// The server's name in the log.
    let name: String
    /// The server as `Host` names it. Empty for a Unix socket.
    let authority: String
    /// The `Host` line of requests to it. Empty if they have one already.
    let hostLine: [UInt8]
    /// The place of its counters. 0 if it serves no requests.
    let slot: Int
    /// Skip the server until this time, in monotonic milliseconds. The pause doubles with each failure in a row.
    private let failedUntil = Atomic<Int64>(0)
    private let failures = Atomic<Int>(0)
    private let lastFault = Mutex<ConnectFault>(.failed)
    private let passesChecks = Atomic<Bool>(true)
    /// Why the server does not pass its checks. `nil` if it does, or if there are none.
    private let checkFault = Mutex<HealthFault?>(nil)
    private let wasSaidDown = Atomic<Bool>(false)
    /// Why TLS with the server last failed, until that is reported.
    private let unsaidFault = Mutex<TLSFault?>(nil)
    private let saidFault = Mutex<TLSFault?>(nil)

    init(_ server: UpstreamServerSettings, connectTimeout: Duration, hostLine: [UInt8] = [], slot: Int = 0) {
        self.slot = slot
        self.hostLine = hostLine
        authority = server.authority ?? ""
        self.connectTimeout = connectTimeout.milliseconds
        peer = server.isSecure ? TLSPeer(server.address) : nil
        name = server.address.text
        target =
            switch server.address {
            case .tcp(let host, let port):
                NetworkAddress(ip: host, port: UInt16(port)).map { .address($0) } ?? .name(host, UInt16(port))
            case .unix(let path): .address(.unix(path: path))
            }
    }

    func isHealthy(at now: Int64) -> Bool {
        passesChecks.load(ordering: .relaxed) && failedUntil.load(ordering: .relaxed) <= now
    }

    /// Records the result of the server's checks.
    ///
    /// - Parameter fault: `nil` if the server is well.
    func checked(_ fault: HealthFault?) {
        checkFault.withLock { $0 = fault }
        passesChecks.store(fault == nil, ordering: .relaxed)
        if fault == nil { succeeded() }
    }

    /// Whether the last attempt to connect or the last checks have failed.
    var isDown: Bool { !passesChecks.load(ordering: .relaxed) || failures.load(ordering: .relaxed) != 0 }

    func succeeded() {
        if failures.load(ordering: .relaxed) != 0 {
            failures.store(0, ordering: .relaxed)
            failedUntil.store(0, ordering: .relaxed)
            saidFault.withLock { $0 = nil }
        }
    }

    /// Records why TLS with the server failed.
    func distrusts(_ fault: TLSFault) { unsaidFault.withLock { $0 = fault } }

    /// Why TLS with the server has begun to fail. Returns `nil` if that was reported before.
    func takeFault() -> TLSFault? {
        let fault = unsaidFault.withLock { fault in
            defer { fault = nil }
            return fault
        }
        guard let fault else { return nil }
        return saidFault.withLock { said in
            defer { said = fault }
            return said == fault ? nil : fault
        }
    }

    /// Unreported news of the server: it went down or came back.
    enum News: Equatable {
        /// Why, for the log.
        case down(String)
        case up
    }

    /// The news to report. Returns `nil` if nothing has changed.
    func takeNews() -> News? {
        let checkFault = checkFault.withLock { $0 }
        let isDown = isDown
        guard wasSaidDown.exchange(isDown, ordering: .relaxed) != isDown else { return nil }
        guard isDown else { return .up }
        return .down(checkFault.map { "health check: \($0)" } ?? lastFault.withLock { $0.rawValue })
    }

    func failed(_ fault: ConnectFault, at now: Int64) {
        lastFault.withLock { $0 = fault }
        let count = failures.wrappingAdd(1, ordering: .relaxed).newValue
        let pause = min(Int64(250) << Int64(min(count, 6)), 10_000)
        failedUntil.store(now + pause, ordering: .relaxed)
    }
}

extension TLSPeer {
    fileprivate convenience init(_ address: GatewayConfiguration.SocketAddress) {
        switch address {
        case .tcp(let host, _): self.init(host: host)
        // The configuration does not allow https over a Unix socket.
        case .unix(let path): self.init(.name(path))
        }
    }
}
