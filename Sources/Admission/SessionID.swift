/// Milliseconds since 1970.
package typealias Milliseconds = Int64

/// One session's name: when it joined, and 128 random bits.
///
/// Sessions of one lease are ordered by it; the random bits make the order total.
package struct SessionID: Hashable, Sendable, Comparable {
    package let joinedAt: Milliseconds
    package let random0: UInt64
    package let random1: UInt64

    package init(joinedAt: Milliseconds, random0: UInt64, random1: UInt64) {
        self.joinedAt = joinedAt
        self.random0 = random0
        self.random1 = random1
    }

    /// What the session is called towards the upstream, in lists and in logs: part of its id, and too little of it to
    /// pass for it.
    package var name: String {
        let digits = String(random0, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    package static func < (a: SessionID, b: SessionID) -> Bool {
        if a.joinedAt != b.joinedAt { return a.joinedAt < b.joinedAt }
        if a.random0 != b.random0 { return a.random0 < b.random0 }
        return a.random1 < b.random1
    }

    /// Equality without an early exit: the random bits are what a holder proves itself with.
    package static func == (a: SessionID, b: SessionID) -> Bool {
        UInt64(bitPattern: a.joinedAt ^ b.joinedAt) | (a.random0 ^ b.random0) | (a.random1 ^ b.random1) == 0
    }
}

/// A session that was ended for good: after a restart, too, it does not come back.
package struct EndedSession: Sendable, Equatable {
    /// The bits of the session that name it.
    package let bits: UInt64
    /// When it would not be good any more anyway.
    package let until: Milliseconds

    package init(bits: UInt64, until: Milliseconds) {
        self.bits = bits
        self.until = until
    }

    package init(_ session: SessionID, _ policy: SessionPolicy) {
        self.init(bits: session.random0, until: after(session.joinedAt, policy.maxLifetime))
    }
}

/// A session as its seal proves it: nobody but us can have made it, for nobody but this subject.
package struct PresentedSession: Equatable, Sendable {
    package let id: SessionID
    /// What it was joined for.
    package let subject: SubjectKey
    /// It was handed out with a link's redirect, and takes the lease with the request that brings it back.
    package let isPending: Bool

    package init(id: SessionID, subject: SubjectKey, isPending: Bool = false) {
        self.id = id
        self.subject = subject
        self.isPending = isPending
    }
}

/// A session with all that its seal tells.
package final class SealedSession: Sendable {
    package let session: PresentedSession
    package let viewer: Viewer
    /// The event that it joined, empty for none: a company-wide token's may be another than the token's own.
    package let event: [UInt8]

    package init(_ session: PresentedSession, _ viewer: Viewer, event: [UInt8]) {
        self.session = session
        self.viewer = viewer
        self.event = event
    }
}
