/// Receives the events of a descriptor, and of an event loop's turns. Subclasses override what concerns them.
///
/// A base class and not a protocol: the loop calls it for every event. This module is public, and not of the package, because
/// other modules inherit from its classes.
open class EventHandler {
    public init() {}

    /// Its descriptor is ready. Never called once the descriptor was given up, not even for an event that the kernel had
    /// reported before.
    open func ready(_ readiness: Readiness) {}

    /// The deadline that was set for its descriptor has passed.
    open func deadlinePassed() {}

    /// The turn ends, as was asked for with ``EventLoop/atEndOfTurn(_:)``.
    open func turnEnded() {}
}
