/// The room for what of a request's body is beyond ``Call/usualBody``. All companies share it, so that no body has it for
/// long, however slowly it arrives.
final class LargeBody {
    /// For a megabyte: 50 kB/s.
    static let usualTime = Duration.seconds(20)

    private let quota: CallQuota
    private let company: String
    private let time: Duration
    private var place: CallQuota.Place?
    private var deadline = ContinuousClock.now
    /// Gives the place back at the deadline, even if no more of the body arrives.
    private var timer: Task<Void, any Error>?

    /// - Parameter time: how long the body may take from ``Call/usualBody`` to its end.
    init(_ quota: CallQuota, company: String, time: Duration = usualTime) {
        self.quota = quota
        self.company = company
        self.time = time
    }

    deinit { leave() }

    /// Waits for room, unless the body has it already.
    ///
    /// - Throws: ``Fault/slowBody`` if it has had it for too long; what ``CallQuota/enter(_:)`` throws.
    func grow() async throws(Fault) {
        guard place == nil else {
            if deadline < .now { throw .slowBody }
            return
        }
        let place = try await quota.enter(company)
        self.place = place
        deadline = .now + time
        timer = Task { [time] in
            try await Task.sleep(for: time)
            place.leave()
        }
    }

    /// Tells that the whole body has arrived: it may keep its room until it is done with.
    func isRead() { timer?.cancel() }

    func leave() {
        timer?.cancel()
        place?.leave()
    }
}
