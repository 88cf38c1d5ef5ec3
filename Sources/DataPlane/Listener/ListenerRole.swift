/// What a listener is for.
enum ListenerRole: Sendable {
    /// Viewers: routes and own endpoints.
    case viewers
    /// Operators and load balancers: health and live sessions.
    case admin
}
