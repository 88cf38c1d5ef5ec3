import Basics
import GatewayConfiguration
import JOSE

/// Upstream servers in the operator API: how they are, and taking them out for maintenance.
extension Exchange {
    /// - `GET /upstreams`: `{"upstreams": [{"name": …, "servers": […]}]}`. A server's `state` is `up`, `down` (with a
    ///   `reason`) or `drained`; `connections` counts its requests and WebSockets in progress.
    /// - `POST /upstreams`: sets the `state` of a `server` of an `upstream` to `drain` or `ready`, and answers in the same
    ///   way. A drained server gets no more requests; those in progress finish. Reloads keep it so, a restart does not.
    func serveUpstreams(_ request: RequestView) {
        guard isOperator(request), allows(method == .get || method == .head || method == .post, "GET, HEAD, POST")
        else { return }
        let names: [ExactText] = method == .post ? ["upstream", "server", "state"] : []
        guard let members = operatorMembers(request.query, named: Set(names)), members.count == names.count else {
            let detail =
                method == .post
                ? "Use members of the query, once each: upstream, server, and state, which is drain or ready."
                : "Leave out the query."
            respond(status: 400, detail: detail)
            return
        }
        if method == .post, let fault = setState(members) {
            respond(status: fault.status, detail: fault.detail)
            return
        }
        let site = worker.site
        answer {
            let snapshot = site.snapshot
            var counts = LoopCounts(snapshot.labels)
            for more in await site.loopCounts() { counts.add(more) }
            // Without the control API.
            let upstreams = snapshot.upstreams.prefix(snapshot.settings.upstreams.count)
            return .success(.object([JSONMember("upstreams", .array(upstreams.map { $0.operatorView(counts) }))]))
        }
    }

    private func setState(_ members: [ExactText: String]) -> OperatorFault? {
        let snapshot = worker.site.snapshot
        let upstream = snapshot.upstreams.prefix(snapshot.settings.upstreams.count).first { upstream in
            members["upstream"].map { upstream.settings.name.hasSameBytes(as: $0) } ?? false
        }
        guard let upstream else { return OperatorFault(status: 404, detail: "There is no such upstream.") }
        let server = upstream.servers.first { server in
            members["server"].map { server.name.hasSameBytes(as: $0) } ?? false
        }
        guard let server else { return OperatorFault(status: 404, detail: "The upstream has no such server.") }
        let isDrained: Bool
        switch members["state"].map({ ExactText($0) }) {
        case "drain": isDrained = true
        case "ready": isDrained = false
        default: return OperatorFault(status: 400, detail: "The state is drain or ready.")
        }
        worker.site.drain(server, of: upstream.settings.name, isDrained)
        return nil
    }
}

extension Upstream {
    fileprivate func operatorView(_ counts: LoopCounts) -> JSONValue {
        let now = MonotonicClock.now()
        let servers = zip(self.servers, settings.servers).map { server, settings in
            var members = [
                JSONMember("address", .string(server.name)), JSONMember("weight", .number(Double(settings.weight))),
                JSONMember("backup", .bool(settings.isBackup)),
                JSONMember("state", .string(server.isDrained ? "drained" : server.isDown(at: now) ? "down" : "up")),
            ]
            if server.isDown(at: now) { members.append(JSONMember("reason", .string(server.reason))) }
            let connections = counts.servers[server.slot * ServerRow.size + ServerRow.activeConnections]
            members.append(JSONMember("connections", .number(Double(connections))))
            return JSONValue.object(members)
        }
        return .object([JSONMember("name", .string(settings.name)), JSONMember("servers", .array(servers))])
    }
}
