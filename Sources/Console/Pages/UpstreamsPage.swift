import Basics
import DataPlane

/// The servers of each upstream, and taking them out for maintenance.
struct UpstreamsPage {
    let upstreams: [Vitals.UpstreamEntry]
    let visitor: Visitor

    var html: HTML {
        let rows = upstreams.flatMap { upstream in
            upstream.servers.map { server -> [HTML] in
                let isDrained = server.state == .drained
                let action: HTML =
                    visitor.mayAct
                    ? """
                    <form method="post" action="/console/upstreams">\(Page.key(visitor))\
                    <input type="hidden" name="upstream" value="\(upstream.name)">\
                    <input type="hidden" name="server" value="\(server.name)">\
                    <button name="state" value="\(isDrained ? "ready" : "drain")">\(isDrained ? "Return to service" : "Drain")</button></form>
                    """ : ""
                return [
                    OutsideText.html(upstream.name), OutsideText.html(server.name),
                    "<span class=\"state\" data-state=\"\(server.state.rawValue)\">\(server.state.rawValue)</span> \(OutsideText.html(server.reason))",
                    "\(Numbers.text(server.active))", "\(Numbers.text(server.statuses.reduce(0, +)))", action,
                ]
            }
        }
        let columns = ["Upstream", "Server", "State", "In progress", "Responses", ""]
        return """
            <p>A drained server gets no new requests; those in progress finish. It stays drained across reloads, but not across a restart.</p>
            \(Table(caption: "Upstream servers", columns: columns, rows: rows).html)
            """
    }
}
