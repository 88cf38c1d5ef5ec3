import Basics
import Synchronization

/// Limits how many calls are served at once, per company and in total, so that no company takes the threads, database
/// and memory that others need.
///
/// A call without a place waits for one. Calls of a company are served in order, and companies take turns.
final class CallQuota: Sendable {
    /// One call's place. It is given back at the latest when it is released.
    final class Place: Sendable {
        private let quota: CallQuota
        private let company: ExactText
        /// Bytes of answers that were not written yet; `nil` once the place was given back.
        private let bytes = Mutex<Int?>(0)

        fileprivate init(_ quota: CallQuota, _ company: ExactText) {
            self.quota = quota
            self.company = company
        }

        deinit { leave() }

        /// Checks whether another answer for the company may be made.
        ///
        /// - Throws: ``Fault/tooManyAnswers`` if too many bytes of its answers were not written yet.
        func checkRoom() throws(Fault) {
            if quota.isFull(company) { throw .tooManyAnswers }
        }

        /// Counts an answer of this many bytes for as long as the place is held.
        ///
        /// - Throws: ``Fault/tooManyAnswers`` if the company has too many unwritten bytes. Accepts the answer anyway if
        ///   it is the only one, or if `isDone`: a completed change must be answered.
        func hold(_ count: Int, isDone: Bool) throws(Fault) {
            let isHeld = bytes.withLock { bytes in
                guard let held = bytes, quota.hold(count, company, isDone: isDone) else { return false }
                bytes = held + count
                return true
            }
            if !isHeld { throw .tooManyAnswers }
        }

        /// Gives the place back.
        func leave() {
            let held = bytes.withLock { bytes in
                defer { bytes = nil }
                return bytes
            }
            if let held { quota.leave(company, held) }
        }
    }

    private typealias Outcome = Result<Void, Fault>

    /// A call that waits for a place.
    private struct Waiter {
        let number: Int
        let continuation: CheckedContinuation<Outcome, Never>
        /// Fires when the wait has lasted too long.
        let timer: Task<Void, any Error>
    }

    /// A company's calls. A company without calls has no share.
    private struct Share {
        var running = 0
        /// Bytes of answers that were not written yet.
        var bytes = 0
        /// In order of arrival.
        var waiting: [Waiter] = []
    }

    private struct State {
        var running = 0
        var lastNumber = 0
        var companies: [ExactText: Share] = [:]
        /// The companies with waiting calls, the next one first.
        var rotation: [ExactText] = []
    }

    private let perCompany: Int
    private let total: Int
    private let waiting: Int
    private let patience: Duration
    private let maxBytes: Int
    private let state = Mutex(State())

    /// - Parameters:
    ///   - perCompany: concurrent calls of one company.
    ///   - total: concurrent calls of all companies.
    ///   - waiting: how many further calls of one company may wait.
    ///   - patience: how long each of them may wait.
    ///   - maxBytes: unwritten answers of one company, in bytes.
    init(
        perCompany: Int,
        total: Int = .max,
        waiting: Int,
        patience: Duration = .seconds(10),
        maxBytes: Int = .max
    ) {
        self.perCompany = perCompany
        self.total = total
        self.waiting = waiting
        self.patience = patience
        self.maxBytes = maxBytes
    }

    /// Waits for a place until it is the company's turn.
    ///
    /// - Throws: ``Fault/tooManyCalls`` if too many of the company's calls wait already, or hold their places for too
    ///   long; ``Fault/tooManyAnswers`` if too many bytes of its answers were not written yet; ``Fault/busy`` if other
    ///   companies hold the places for too long.
    func enter(_ company: String) async throws(Fault) -> Place {
        let company = ExactText(company)
        let outcome = await withCheckedContinuation { continuation in
            if let outcome = begin(company, continuation) { continuation.resume(returning: outcome) }
        }
        try outcome.get()
        return Place(self, company)
    }

    var runningCount: Int { state.withLock { $0.running } }

    var waitingCount: Int { state.withLock { state in state.companies.values.reduce(0) { $0 + $1.waiting.count } } }

    /// Takes a place if there is one. Returns `nil` if the continuation has to wait.
    private func begin(_ company: ExactText, _ continuation: CheckedContinuation<Outcome, Never>) -> Outcome? {
        state.withLock { state in
            var share = state.companies[company] ?? Share()
            guard share.bytes < maxBytes else { return .failure(.tooManyAnswers) }
            // Waiting calls have already been given what is free, so this overtakes nobody.
            if share.running < perCompany, state.running < total {
                state.running += 1
                share.running += 1
                state.companies[company] = share
                return .success(())
            }
            guard share.waiting.count < waiting else { return .failure(.tooManyCalls) }
            state.lastNumber += 1
            let number = state.lastNumber
            let timer = Task {
                try await Task.sleep(for: patience)
                giveUp(company, number)
            }
            if share.waiting.isEmpty { state.rotation.append(company) }
            share.waiting.append(Waiter(number: number, continuation: continuation, timer: timer))
            state.companies[company] = share
            return nil
        }
    }

    /// Ends a wait that has lasted too long.
    private func giveUp(_ company: ExactText, _ number: Int) {
        let (waiter, fault) = state.withLock { state -> (Waiter?, Fault) in
            guard var share = state.companies[company],
                let index = share.waiting.firstIndex(where: { $0.number == number })
            else { return (nil, .busy) }
            let waiter = share.waiting.remove(at: index)
            if share.waiting.isEmpty { state.rotation.removeAll { $0 == company } }
            state.companies[company] = share.running == 0 && share.waiting.isEmpty ? nil : share
            return (waiter, share.running < perCompany ? .busy : .tooManyCalls)
        }
        waiter?.continuation.resume(returning: .failure(fault))
    }

    private func isFull(_ company: ExactText) -> Bool {
        state.withLock { state in state.companies[company].map { $0.bytes >= maxBytes } ?? false }
    }

    private func hold(_ count: Int, _ company: ExactText, isDone: Bool) -> Bool {
        state.withLock { state in
            let held = state.companies[company]?.bytes ?? 0
            guard isDone || held == 0 || held <= maxBytes - count else { return false }
            state.companies[company]?.bytes = held + count
            return true
        }
    }

    /// Takes a place back and passes it on.
    private func leave(_ company: ExactText, _ bytes: Int) {
        let waiter = state.withLock { state -> Waiter? in
            state.running -= 1
            if var share = state.companies[company] {
                share.running -= 1
                share.bytes -= bytes
                state.companies[company] = share.running == 0 && share.waiting.isEmpty ? nil : share
            }
            return next(&state)
        }
        waiter?.timer.cancel()
        waiter?.continuation.resume(returning: .success(()))
    }

    /// The next waiting call, which now has the place.
    private func next(_ state: inout State) -> Waiter? {
        for (position, company) in state.rotation.enumerated() {
            guard var share = state.companies[company], share.running < perCompany else { continue }
            let waiter = share.waiting.removeFirst()
            state.running += 1
            share.running += 1
            state.rotation.remove(at: position)
            if !share.waiting.isEmpty { state.rotation.append(company) }
            state.companies[company] = share
            return waiter
        }
        return nil
    }
}
