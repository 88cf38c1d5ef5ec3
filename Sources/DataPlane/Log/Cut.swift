/// What can cut a body or a socket short.
enum Cut: String, CaseIterable {
    case client, upstream
    /// The client sent or received too slowly.
    case slow
    case drain
    /// The session ended. The refusal says why.
    case session
}
