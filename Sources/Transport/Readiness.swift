import CLinux

/// What a descriptor is ready for, or what its handler wants to be told.
public struct Readiness: OptionSet, Sendable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    public static let readable = Readiness(rawValue: EPOLLIN.rawValue)
    public static let writable = Readiness(rawValue: EPOLLOUT.rawValue)
    /// The peer has closed its sending side.
    public static let inputEnded = Readiness(rawValue: EPOLLRDHUP.rawValue)
    /// Both directions have ended. Reported whether wanted or not.
    public static let hungUp = Readiness(rawValue: EPOLLHUP.rawValue)
    /// If wanted alone, errors and hang-ups are reported once, not in every turn.
    static let edgeTriggered = Readiness(rawValue: EPOLLET.rawValue)
    /// The connection has failed. Reported whether wanted or not.
    public static let failed = Readiness(rawValue: EPOLLERR.rawValue)
}
