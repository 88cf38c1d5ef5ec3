package import Basics

/// A registration's row in the table that several gateways share: which session is the active one, and which nodes
/// serve it.
///
/// The table does not know the rules of joining. A node decides with `LeaseSlot`'s own rules on the row as it knows it,
/// and claims the outcome; the store agrees if the row is still that one. Times are on the store's clock. No node's clock
/// is ever compared with it: a claim carries durations, and an answer the store's own time next to the row's.
package struct SharedLease: Hashable, Sendable {
    /// A session in the state that it was agreed in.
    package struct Holding: Hashable, Sendable {
        package let session: SessionID
        /// Grows whenever the row changes hands. Takers that decided on an older state lose, and a node that is told
        /// that a generation is over knows whether it means its own.
        package let generation: Int64

        package init(session: SessionID, generation: Int64) {
            self.session = session
            self.generation = generation
        }
    }

    package var holding: Holding
    /// Never `.free`.
    package var state: LeaseState
    /// The nodes that serve the session, to be told when it loses the lease. A balancer need not be sticky, so there
    /// may be several.
    package var nodes: [NodeNumber]
    /// From then on the row counts for nothing, swept or not.
    package var until: Milliseconds
    package var takeOvers: UInt16
    package var windowStart: Milliseconds
    /// Hash of the holder's address. All nodes hash alike.
    package var address: UInt64

    package init(
        holding: Holding,
        state: LeaseState,
        nodes: [NodeNumber],
        until: Milliseconds,
        takeOvers: UInt16,
        windowStart: Milliseconds,
        address: UInt64
    ) {
        self.holding = holding
        self.state = state
        self.nodes = nodes
        self.until = until
        self.takeOvers = takeOvers
        self.windowStart = windowStart
        self.address = address
    }
}

/// A gateway among those that share a table.
package typealias NodeNumber = UInt16

extension SharedLease {
    /// What a node asks the store to put into a registration's row.
    package struct Claim: Hashable, Sendable {
        package let node: NodeNumber
        /// What the node decided on; `nil` if it knew of no row.
        package let basis: Holding?
        package let session: SessionID
        package let state: LeaseState
        /// How long the row counts from the moment when the store reads this.
        package let lasting: Milliseconds
        package let takeOvers: UInt16
        /// How long ago the first of the take-overs was.
        package let windowAge: Milliseconds
        package let address: UInt64

        package init(
            node: NodeNumber,
            basis: Holding?,
            session: SessionID,
            state: LeaseState,
            lasting: Milliseconds,
            takeOvers: UInt16,
            windowAge: Milliseconds,
            address: UInt64
        ) {
            self.node = node
            self.basis = basis
            self.session = session
            self.state = state
            self.lasting = lasting
            self.takeOvers = takeOvers
            self.windowAge = windowAge
            self.address = address
        }
    }

    package struct Answer: Hashable, Sendable {
        package let isAgreed: Bool
        /// The row as it now is; `nil` if there is none.
        package let lease: SharedLease?
        /// The store's time.
        package let moment: Milliseconds

        package init(isAgreed: Bool, lease: SharedLease?, moment: Milliseconds) {
            self.isAgreed = isAgreed
            self.lease = lease
            self.moment = moment
        }
    }

    /// Word to a node that a session it serves has lost the lease.
    package struct Notice: Hashable, Sendable {
        package let node: NodeNumber
        package let generation: Int64
        package let ending: SessionEnding

        package init(node: NodeNumber, generation: Int64, ending: SessionEnding) {
            self.node = node
            self.generation = generation
            self.ending = ending
        }
    }

    /// Carries a claim out, as one statement does in the store.
    ///
    /// A claim may be repeated and may be late: a session that holds the lease may claim it any number of times, and
    /// whatever else was decided on a row that has changed since is not carried out.
    ///
    /// - Returns: the answer, and whom to notify.
    package static func apply(_ claim: Claim, to row: inout SharedLease?, at now: Milliseconds) -> (Answer, [Notice]) {
        let current = row.flatMap { now < $0.until ? $0 : nil }
        if var lease = current, lease.state == .held, claim.state == .held, lease.holding.session == claim.session {
            lease.until = max(lease.until, after(now, claim.lasting))
            lease.address = claim.address
            if !lease.nodes.contains(claim.node) { lease.nodes.append(claim.node) }
            row = lease
            return (Answer(isAgreed: true, lease: lease, moment: now), [])
        }
        guard current == nil || current?.holding == claim.basis else {
            return (Answer(isAgreed: false, lease: current, moment: now), [])
        }
        // The clock keeps the number growing when a row was swept meanwhile.
        let generation = max(row?.holding.generation ?? 0, now) + 1
        let lease = SharedLease(
            holding: Holding(session: claim.session, generation: generation),
            state: claim.state,
            nodes: [claim.node],
            until: after(now, claim.lasting),
            takeOvers: claim.takeOvers,
            windowStart: now - claim.windowAge,
            address: claim.address
        )
        row = lease
        guard let current, current.state == .held else {
            return (Answer(isAgreed: true, lease: lease, moment: now), [])
        }
        let ending: SessionEnding =
            switch claim.state {
            case _ where current.holding.session != claim.session: .replaced
            case .ended: .ended
            default: .left
            }
        let notices = current.nodes.filter { $0 != claim.node }.map {
            Notice(node: $0, generation: current.holding.generation, ending: ending)
        }
        return (Answer(isAgreed: true, lease: lease, moment: now), notices)
    }
}
