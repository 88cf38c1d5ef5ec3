/// The viewers who may use a route.
package enum Access: String, Sendable, CaseIterable {
    /// A viewer with access to the event that the path names.
    case token
    /// Any viewer.
    case session
    /// Anyone.
    case `public`
}
