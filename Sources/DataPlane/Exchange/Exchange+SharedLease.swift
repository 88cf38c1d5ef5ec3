import Admission
import Basics
import Transport

/// What has come of a request's wait for a lease that several gateways share.
struct LeaseWait {
    indirect enum Word {
        /// The session joins, or goes on here.
        case agreed(Admission.Admitted)
        case refused(Refusal)
    }

    /// How often it has waited.
    var count = 0
    /// What was said last; `nil` to decide again. Taken by the decision.
    var word: Word?
}

extension Exchange {
    /// How often a lease that many want at the same time is decided on.
    private static let maxLeaseWaits = 8
    /// The most requests of an event loop that wait, each with its head.
    private static let leaseWaitCapacity = 8192

    /// Lets a request wait until the store of the leases has agreed to its own, or has said whose it is.
    func awaitLease(_ claim: LeaseClaim, _ request: RequestView) {
        let leases = worker.site.leases
        wait(request) { handler in
            leases.send(claim) { outcome in
                switch outcome {
                case .agreed: handler(claim.admitted.map { .agreed($0) })
                case .again: handler(nil)
                case .lost(let ending): handler(.refused(ending.refusal))
                case .tryAgain: handler(.refused(.tryAgain))
                }
            }
        }
    }

    /// Lets a request wait until another one's claim for its lease is settled.
    func awaitLease(of subject: SubjectKey, _ request: RequestView) {
        let leases = worker.site.leases
        wait(request) { handler in
            leases.whenSettled(subject) { handler($0 == .tryAgain ? .refused(.tryAgain) : nil) }
        }
    }

    private func wait(_ request: RequestView, _ begin: (@escaping @Sendable (LeaseWait.Word?) -> Void) -> Void) {
        let count = leaseWait?.count ?? 0
        guard count < Self.maxLeaseWaits, worker.leaseWaits < Self.leaseWaitCapacity else {
            return refuse(.tryAgain, request, retryAfter: 1000)
        }
        leaseWait = LeaseWait(count: count + 1)
        parked = ParkedRequest(request, since: state.request.waitsSince ?? worker.clock.monotonic)
        worker.leaseWaits += 1
        let (mailbox, serial) = (worker.loop.mailbox, serial)
        let bound = Confined(self, to: mailbox)
        begin { word in
            mailbox.post { _ in bound.value.leaseIsSettled(word, serial) }
        }
    }

    /// - Parameter number: of the request that has waited. By now the client may be gone, and another one in progress.
    private func leaseIsSettled(_ word: LeaseWait.Word?, _ number: UInt64) {
        worker.leaseWaits -= 1
        guard isActive, number == serial, parked != nil else { return }
        leaseWait?.word = word
        goOn(number)
    }
}

extension SessionEnding {
    /// Why a session that has ended like this on another gateway does not go on here.
    var refusal: Refusal {
        switch self {
        case .replaced: .sessionReplaced
        case .left: .sessionLeft
        case .ended, .removed: .viewerRemoved
        case .lapsed, .stopped: .tryAgain
        }
    }
}
