import Admission

/// Finds paths below an event that no route with per-event access covers: a viewer of any event could read them.
struct RouteGaps {
    let routes: [RouteSettings]

    /// The gaps at and below the paths that the control API hands out, `/event/{event}` and `/networking/{event}`.
    ///
    /// A route with a literal below an event, such as `/event/{event}/poster.png`, is deliberate and not a gap.
    var atControlledEvents: [String] {
        EventKind.allCases.flatMap { kind -> [String] in
            let path: [RoutePattern.Segment] = [.literal(kind.rawValue), .event]
            let text = "/\(kind.rawValue)/{event}"
            let below = route(path, takesRest: true)
            guard let own = route(path, takesRest: false) ?? below else {
                let open = broader(than: path).map { "\(quoted($0.path.text)) opens it to \($0.access.audience)" }
                return ["no \"token\" route is over \(text), where its events are: \(open ?? "add \(text)/**")"]
            }
            guard own.access == .token else {
                return ["\(quoted(own.path.text)) must be \"token\": it is open to \(own.access.audience)"]
            }
            guard let other = below ?? broader(than: path), other.access != .token || below == nil else { return [] }
            return [gap(below: text, through: other)]
        }
    }

    /// The gaps below `token` routes that end in the event, where another route takes the paths below it.
    var belowEvents: [String] {
        routes.compactMap { route in
            let path = route.path
            guard route.access == .token, !path.takesRest, path.segments.last == .event,
                self.route(path.segments, takesRest: true) == nil, let other = broader(than: path.segments)
            else { return nil }
            return gap(below: path.text, through: other)
        }
    }

    private func gap(below path: String, through other: RouteSettings) -> String {
        "what is below \(path) goes through \(quoted(other.path.text)), open to \(other.access.audience): "
            + "add a \"token\" route \(quoted("\(path)/**"))"
    }

    private func route(_ path: [RoutePattern.Segment], takesRest: Bool) -> RouteSettings? {
        routes.first { $0.path.segments == path && $0.path.takesRest == takesRest }
    }

    /// The longest other route that covers the paths below this one.
    private func broader(than path: [RoutePattern.Segment]) -> RouteSettings? {
        routes.filter { route in
            route.path.takesRest && route.path.segments.count <= path.count && route.path.segments != path
                && zip(route.path.segments, path).allSatisfy { $0 == $1 || $0 == .event }
        }.max { $0.path.segments.count < $1.path.segments.count }
    }
}

extension Access {
    /// The viewers that a route lets in, in words.
    fileprivate var audience: String {
        switch self {
        case .token: "viewers of the event that it names"
        case .session: "the viewers of every event and company"
        case .public: "anyone"
        }
    }
}
