/// The table in which several gateways keep their leases, as one of them reaches it.
package protocol LeaseStore: Sendable {
    /// Sends claims, and returns at once. Each is answered or fails, once, and in any order.
    func send(_ requests: [LeaseRequest])
}

/// A claim on its way to the store.
package struct LeaseRequest: Hashable, Sendable {
    package let key: SubjectKey
    /// Names the claim. No two of this process have the same.
    package let number: UInt64
    package let claim: SharedLease.Claim

    package init(key: SubjectKey, number: UInt64, claim: SharedLease.Claim) {
        self.key = key
        self.number = number
        self.claim = claim
    }
}

/// What comes back from a ``LeaseStore``; called on its threads.
package protocol LeaseStoreClient: Sendable {
    func answered(_ answers: [(key: SubjectKey, number: UInt64, answer: SharedLease.Answer)])

    /// The store did not answer in time. It may still carry the claims out.
    func failed(_ requests: [(key: SubjectKey, number: UInt64)])

    /// Other nodes have changed leases of sessions that this one serves.
    func lost(_ notices: [(key: SubjectKey, notice: SharedLease.Notice)])

    /// Notices may have been missed: the connection by which they come was broken.
    func doubt()
}
