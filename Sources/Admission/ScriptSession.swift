package import Basics

/// A session in the hands of scripts, for browsers that keep no cookie in a frame on another site.
///
/// The embed host's scripts can read it, unlike a cookie. So it lasts minutes, and answers for less. It is sealed for one
/// use, and does not open for the other one, nor as a session that a cookie or a program holds.
package final class ScriptSession: Sendable {
    package enum Use: Sendable, CaseIterable {
        /// A service worker adds it to what its pages request. Never to an upgrade: no worker sees those.
        case worker
        /// A page offers it as a subprotocol with a WebSocket's handshake: the socket ticket.
        case socket
    }

    package let use: Use
    package let sealed: SealedSession
    /// When it ceases to answer for requests.
    package let until: Milliseconds

    package var viewer: Viewer { sealed.viewer }

    /// How long it answers for requests unless it is renewed.
    package static let lifetime: Milliseconds = 15 * 60_000

    /// How long after that it can still be renewed: a phone was locked, or a lid closed.
    package static let renewalTime: Milliseconds = 2 * 3_600_000

    init(_ use: Use, _ sealed: SealedSession, until: Milliseconds) {
        self.use = use
        self.sealed = sealed
        self.until = until
    }

    package convenience init(_ use: Use, _ sealed: SealedSession, now: Milliseconds) {
        self.init(use, sealed, until: after(now, Self.lifetime))
    }

    func isOver(at now: Milliseconds) -> Bool { now >= until }

    package func mayBeRenewed(at now: Milliseconds) -> Bool { use == .worker && now < after(until, Self.renewalTime) }

    /// Why it does not answer for a request that shows it; `nil` if it does. Whether the session itself may go on is for
    /// ``Admission`` to decide.
    ///
    /// - Parameters:
    ///   - isFromOwnOrigin: whether the request's `Origin` is the gateway's own. Browsers send it with each upgrade.
    ///   - event: the event that the path names, if any.
    package func fault(
        isUpgrade: Bool,
        isFromOwnOrigin: Bool,
        event: Span<UInt8>?,
        at now: Milliseconds
    ) -> Refusal? {
        guard !isOver(at: now) else { return .tokenExpired }
        switch use {
        case .worker:
            return isUpgrade ? .tokenMissing : nil
        case .socket:
            guard isUpgrade else { return .tokenMissing }
            guard isFromOwnOrigin else { return .originDenied }
            guard let event else { return nil }
            let joined = sealed.event
            return event.hasSameBytes(as: joined.span) ? nil : .wrongEvent
        }
    }
}
