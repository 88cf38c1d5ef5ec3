import GatewayConfiguration
import Synchronization
import Transport

/// A group of servers that serve the same.
final class Upstream: Sendable {
    let settings: UpstreamSettings
    let servers: [UpstreamServer]
    let responseTimeout: Int64
    /// How https servers are verified; nil where there are none.
    let security: TLSClientContext?

    init(_ settings: UpstreamSettings) {
        self.settings = settings
        security =
            settings.servers.contains { $0.isSecure } ? TLSClientContext(authorities: settings.authorities) : nil
        servers = settings.servers.map { UpstreamServer($0, connectTimeout: settings.connectTimeout) }
        responseTimeout = settings.responseTimeout.milliseconds
    }

    /// Whether any server may be tried.
    func hasHealthyServer(at now: Int64) -> Bool { servers.contains { $0.isHealthy(at: now) } }
}

/// One server of an upstream, with what all event loops know of its health.
final class UpstreamServer: Sendable {
    enum Target: Sendable {
        case address(NetworkAddress)
        case name(String, UInt16)
    }

    let target: Target
    /// Whom TLS is spoken with; nil: clear text.
    let peer: TLSPeer?
    /// Milliseconds.
    let connectTimeout: Int64
    /// The server's name in the log.
    let name: String
    /// Monotonic milliseconds until which the server is passed over; it doubles with each failure in a row.
    private let failedUntil = Atomic<Int64>(0)
    private let failures = Atomic<Int>(0)
    private let lastFault = Mutex<ConnectFault>(.failed)
    private let wasSaidDown = Atomic<Bool>(false)
    /// Why TLS with the server failed last, until it has been said.
    private let unsaidFault = Mutex<TLSFault?>(nil)
    private let saidFault = Mutex<TLSFault?>(nil)

    init(_ server: UpstreamServerSettings, connectTimeout: Duration) {
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

    func isHealthy(at now: Int64) -> Bool { failedUntil.load(ordering: .relaxed) <= now }

    func succeeded() {
        if failures.load(ordering: .relaxed) != 0 {
            failures.store(0, ordering: .relaxed)
            failedUntil.store(0, ordering: .relaxed)
            saidFault.withLock { $0 = nil }
        }
    }

    /// Remembers why TLS with the server failed.
    func distrusts(_ fault: TLSFault) { unsaidFault.withLock { $0 = fault } }

    /// Why TLS with the server has begun to fail; nothing when that was said before.
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

    /// Whether the server has gone down or come back, where that has not been said.
    enum News: Equatable {
        case down(ConnectFault)
        case up
    }

    /// What is to be said of the server; nil: it is as it was.
    func takeNews() -> News? {
        let isDown = failures.load(ordering: .relaxed) != 0
        guard wasSaidDown.exchange(isDown, ordering: .relaxed) != isDown else { return nil }
        return isDown ? .down(lastFault.withLock { $0 }) : .up
    }

    func failed(_ fault: ConnectFault, at now: Int64) {
        lastFault.withLock { $0 = fault }
        let count = failures.wrappingAdd(1, ordering: .relaxed).newValue
        let pause = min(Int64(250) << Int64(min(count, 6)), 10_000)
        failedUntil.store(now + pause, ordering: .relaxed)
    }
}
