/// Receives a descriptor's events and the end of a turn. Subclasses override the callbacks that they need.
///
/// A base class instead of a protocol, because the loop calls it for every event. Public instead of package, because
/// other modules subclass this module's classes.
open class EventHandler {
    /// Whether the events of a turn reach this handler before those of others. Needed where what a peer has sent by
    /// itself must not pass for the answer to what another handler is about to send it.
    public final var isToldFirst = false

    public init() {}

    /// The descriptor is ready. Never called after the descriptor was given up, not even for an event that the kernel
    /// reported earlier.
    open func ready(_ readiness: Readiness) {}

    /// The descriptor's deadline has passed.
    open func deadlinePassed() {}

    /// The turn ends. Requested with ``EventLoop/atEndOfTurn(_:)``.
    open func turnEnded() {}
}
