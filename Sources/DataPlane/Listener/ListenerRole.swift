/// The listener that a client has connected to.
enum ListenerRole: Sendable, Equatable {
    /// One for viewers, by its number in the configuration: routes and own endpoints.
    case viewers(UInt16)
    /// For operators and load balancers: health and live sessions.
    case admin

    /// The number of a viewers' listener in the configuration; `nil` for the admin listener.
    var index: Int? {
        switch self {
        case .viewers(let index): Int(index)
        case .admin: nil
        }
    }
}
