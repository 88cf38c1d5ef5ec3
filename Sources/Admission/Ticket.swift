package import Basics
import Synchronization

/// A note in the address that a link's redirect leads to. It can be used once, within a minute.
///
/// If the browser brings the session's cookie back, the ticket is no longer needed. If it does not, a page uses the
/// ticket to offer a way in without the token.
package struct Ticket: Sendable {
    package enum Stage: UInt8, Sendable {
        /// From the redirect that takes the token out of the address.
        case redirect = 1
        /// On the page for browsers that block the cookie: the viewer uses it deliberately, in a new tab or after
        /// allowing cookies.
        case page = 2
        /// From the redirect that sets the cookie once more. If this one also comes back alone, cookies are switched
        /// off.
        case retry = 3
        /// On that page, for its script alone: exchanged for a session that a service worker holds.
        case serviceWorker = 4
    }

    package let stage: Stage
    /// Random; distinguishes it from every other ticket.
    package let number: UInt64
    package let expires: Milliseconds
    package let sealed: SealedSession

    package var session: PresentedSession { sealed.session }
    package var viewer: Viewer { sealed.viewer }

    package static let lifetime: Milliseconds = 60_000
    /// How far the clock of whoever opens a ticket may be behind the clock of whoever made it: event loops read theirs
    /// once a turn, and gateways with the same key have clocks of their own.
    package static let clockDifference: Milliseconds = 10_000

    package init(
        stage: Stage,
        number: UInt64,
        expires: Milliseconds,
        sealed: SealedSession
    ) {
        self.stage = stage
        self.number = number
        self.expires = expires
        self.sealed = sealed
    }

    package init(_ stage: Stage, _ sealed: SealedSession, now: Milliseconds) {
        self.init(
            stage: stage,
            number: SystemRandom.word(),
            expires: after(now, Self.lifetime),
            sealed: sealed
        )
    }
}

/// The tickets that were used, each kept until its minute is over.
package final class UsedTickets: Sendable {
    struct State {
        /// Until when each is remembered, by number.
        var used: [UInt64: Milliseconds] = [:]
        /// The process that has taken this one's place.
        var successor: (any MemorySuccessor)?
    }

    let state = Locked(State())
    /// A viewer gets few tickets a minute, so more than this are an attack. Then no ticket is accepted for a second.
    private let capacity: Int

    package init(capacity: Int = 1 << 18) { self.capacity = capacity }

    /// Uses a ticket. Returns false if it was used before.
    package func use(_ ticket: Ticket) -> Bool { use(ticket.number, expires: ticket.expires) }

    func use(_ number: UInt64, expires: Milliseconds) -> Bool {
        state.withLock { state in
            guard state.used.count < capacity, state.used.updateValue(expires, forKey: number) == nil else {
                return false
            }
            guard let successor = state.successor else { return true }
            if let isNew = successor.use(ticket: HandedTicket(number: number, expires: expires).bytes) { return isNew }
            state.successor = nil
            return true
        }
    }

    /// Forgets the tickets whose minute is over. Call about once a second.
    package func expire(now: Milliseconds) {
        state.withLock { state in
            if !state.used.isEmpty { state.used = state.used.filter { $0.value > now } }
        }
    }
}
