import Basics

/// What a lease's entry says of its session.
package enum LeaseState: UInt8, Sendable {
    /// Not in use.
    case free
    /// The session is the active one.
    case held
    /// The session left. It may come back; an earlier one may not while the entry is remembered.
    case left
    /// An operator or the company ended the session. It may not come back.
    case ended
}

/// One registration's place in the lease table: which session is active, and what came before it.
///
/// It takes 72 bytes; a million of them make up most of the table's memory. `LeaseSlot+Rules.swift` says what each
/// request does to a lease, `LeaseShard.swift` where the slots are kept.
struct LeaseSlot {
    typealias State = LeaseState

    var key: SubjectKey
    var session: SessionID
    var lastUsed: Milliseconds
    /// Hash of the address at which the holder was last seen.
    var address: UInt64
    /// When counting of `takeOvers` began.
    var windowStart: Milliseconds
    /// The next slot in the same wheel bucket, or in the free list.
    var next: UInt32
    var takeOvers: UInt16
    var state: State

    static let unused = LeaseSlot(
        key: SubjectKey(high: 0, low: 0),
        session: SessionID(joinedAt: 0, random0: 0, random1: 0),
        lastUsed: 0,
        address: 0,
        windowStart: 0,
        next: 0,
        takeOvers: 0,
        state: .free
    )
}
