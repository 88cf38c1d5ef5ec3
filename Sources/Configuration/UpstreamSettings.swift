package import JOSE

package struct UpstreamSettings: Sendable, Equatable {
    package var name: String
    package var servers: [UpstreamServerSettings]
    package var balance: Balance = .least
    package var host: UpstreamHost = .preserve
    /// The file from which `authorities` were read.
    package var caFile: String?
    /// The authorities that must have signed the certificates of https servers; `nil` for those that the system trusts.
    package var authorities: TrustedAuthorities?
    package var certificate: String?
    package var key: String?
    /// The content of the two files, for https servers that ask who the gateway is.
    package var certifiedKey: CertifiedKey?
    /// The name that https servers must prove; `nil` for that in their address.
    package var serverName: String?
    /// `nil` if the servers are not checked.
    package var health: HealthSettings?
    package var ejection = EjectionSettings()
    /// How long a server that comes back takes to get its whole share of requests again.
    package var slowStart: Duration = .seconds(10)
    /// How often a request may be sent once more.
    package var retries = 3
    /// Retries for a hundred requests of an event loop in the last seconds.
    package var maxRetryPercent = 20
    /// How long the addresses of a server's name are used without resolving it again.
    package var resolveInterval: Duration = .seconds(30)
    /// Requests and sockets in progress with each server, all event loops together; 0: any number.
    package var maxConnections = 0
    /// Requests that wait for one of those, all event loops together.
    package var maxWaiting = 1000
    package var waitTimeout: Duration = .seconds(5)
    package var connectTimeout: Duration = .seconds(2)
    /// The time until the response head.
    package var responseTimeout: Duration = .seconds(60)
    /// Per event loop. Idle connections are closed by time (``UpstreamPool.idleLifetime``). If a busy loop exceeded
    /// this number, it would close and reopen connections all the time.
    package var maxIdlePerServer = 4096
}

/// How an upstream's server is chosen for a request.
package enum Balance: String, Sendable, CaseIterable {
    /// The one with the fewest open exchanges for its weight.
    case least
    /// Each in turn, as often as its weight says.
    case roundRobin = "round_robin"
    /// The same one for a registration or user, or for a client address on public routes.
    case hash
}

/// What an upstream sees in `Host`.
package enum UpstreamHost: Sendable, Equatable {
    /// What the client sent.
    case preserve
    /// The chosen server's own name.
    case upstream
    /// This name, with a port if one was given.
    case name(String)
}

/// How the servers of an upstream are checked.
package struct HealthSettings: Sendable, Equatable {
    /// What each check requests, with GET.
    package var path: String
    /// From one check to the next.
    package var interval: Duration = .seconds(2)
    /// How long a check may take.
    package var timeout: Duration = .seconds(2)
    /// Good checks in a row that bring a server back.
    package var rise = 2
    /// Failed checks in a row that take a server out.
    package var fall = 3
    /// The statuses of a good answer.
    package var status: ClosedRange<Int> = 200...399

    package init(path: String) { self.path = path }
}

/// When a server is left out because of how it treats requests.
package struct EjectionSettings: Sendable, Equatable {
    /// Failures in a row; 0: never.
    package var after = 5
    /// How long the first time.
    package var time: Duration = .seconds(30)
    /// The longest time, to which it grows if the server fails again and again.
    package var maxTime: Duration = .seconds(300)
    /// How many of the servers at most, in percent. At least one may be, and one always stays.
    package var maxPercent = 50
    /// Whether a status of 500 or more is a failure.
    package var countsErrors = false
}

package struct UpstreamServerSettings: Sendable, Equatable {
    package var isSecure: Bool
    package var address: SocketAddress
    /// The server's share of requests, compared with the others'.
    package var weight = 1
    /// Whether it serves only while no other server is up.
    package var isBackup = false

    package init(isSecure: Bool, address: SocketAddress) { (self.isSecure, self.address) = (isSecure, address) }
}
