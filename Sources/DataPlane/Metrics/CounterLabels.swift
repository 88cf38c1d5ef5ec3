import Basics

/// What the counters of a configuration are labelled with. All of it is text of the configuration, so that nothing from
/// outside becomes a label and the number of series is bounded.
struct CounterLabels: Sendable {
    /// The paths of routes as configured, after ``ownRoutes``.
    let routes: CounterSlots<ExactText>
    let upstreams: CounterSlots<ExactText>
    let servers: CounterSlots<Server>

    /// A server of an upstream, each by its name.
    struct Server: Hashable {
        let upstream: ExactText
        let name: ExactText
    }

    /// Labels of requests without a route in the configuration, by slot. Configured paths begin with a slash.
    private static let ownRoutes: [ExactText] = ["none", "gateway", "admin"]
    /// The slot of requests that are malformed or match no route.
    static let noRoute = 0
    /// The slot of requests for the gateway's own endpoints.
    static let ownEndpoint = 1
    /// The slot of requests to the admin listener.
    static let admin = 2

    /// - Parameter previous: the labels of the configuration before a reload.
    init(routes: [String], upstreams: [(name: String, servers: [String])], previous: CounterLabels?) {
        self.routes = CounterSlots(Self.ownRoutes + routes.map { ExactText($0) }, previous: previous?.routes)
        self.upstreams = CounterSlots(upstreams.map { ExactText($0.name) }, previous: previous?.upstreams)
        let servers = upstreams.flatMap { upstream in
            upstream.servers.map { Server(upstream: ExactText(upstream.name), name: ExactText($0)) }
        }
        self.servers = CounterSlots(servers, previous: previous?.servers)
    }
}
