package import Basics

/// One session's id: when it joined, and 128 random bits.
///
/// Sessions of one lease are ordered by it. The random bits make the order total.
package struct SessionID: Hashable, Sendable, Comparable {
    package let joinedAt: Milliseconds
    package let random0: UInt64
    package let random1: UInt64

    package init(joinedAt: Milliseconds, random0: UInt64, random1: UInt64) {
        self.joinedAt = joinedAt
        self.random0 = random0
        self.random1 = random1
    }

    /// The session's public name for the upstream, lists and logs. It is part of the id, but too little to pass for it.
    package var name: String { Hexadecimal.text(random0) }

    package static func < (a: SessionID, b: SessionID) -> Bool {
        if a.joinedAt != b.joinedAt { return a.joinedAt < b.joinedAt }
        if a.random0 != b.random0 { return a.random0 < b.random0 }
        return a.random1 < b.random1
    }

    /// Compares without an early exit: the random bits are a holder's proof.
    package static func == (a: SessionID, b: SessionID) -> Bool {
        UInt64(bitPattern: a.joinedAt ^ b.joinedAt) | (a.random0 ^ b.random0) | (a.random1 ^ b.random1) == 0
    }
}

/// A session that was ended for good. It does not come back, not even after a restart.
package struct EndedSession: Sendable, Equatable {
    /// The part of the session's random bits that names it.
    package let bits: UInt64
    /// When it would have expired anyway.
    package let until: Milliseconds

    package init(bits: UInt64, until: Milliseconds) {
        self.bits = bits
        self.until = until
    }

    package init(_ session: SessionID, _ policy: SessionPolicy) {
        self.init(bits: session.random0, until: after(session.joinedAt, policy.maxLifetime))
    }
}

/// A session proven by its seal: only this gateway can have made it, and only for this subject.
package struct PresentedSession: Equatable, Sendable {
    package let id: SessionID
    /// The subject that it was joined for.
    package let subject: SubjectKey
    /// It was handed out with a link's redirect, and takes the lease with the request that brings it back.
    package let isPending: Bool

    package init(id: SessionID, subject: SubjectKey, isPending: Bool = false) {
        self.id = id
        self.subject = subject
        self.isPending = isPending
    }
}

/// A session with everything that its seal contains.
package final class SealedSession: Sendable {
    package let session: PresentedSession
    package let viewer: Viewer
    /// The event that it joined; empty for none. For a company-wide token it may differ from the token's own.
    package let event: [UInt8]

    package init(_ session: PresentedSession, _ viewer: Viewer, event: [UInt8]) {
        self.session = session
        self.viewer = viewer
        self.event = event
    }
}
