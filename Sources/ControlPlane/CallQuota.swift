import JOSE
import Synchronization

/// How many calls are served at once, of a company and of all, so that none takes the threads, the database and the memory
/// that others need.
///
/// Whoever finds no place waits for one, in order within a company and company by company.
final class CallQuota: Sendable {
    /// One call's place; given back at the latest when nobody holds it any more.
    final class Place: Sendable {
        private let quota: CallQuota
        private let company: ExactText
        /// What is held of answers that were not written yet; nil: the place was given back.
        private let bytes = Mutex<Int?>(0)

        fileprivate init(_ quota: CallQuota, _ company: ExactText) {
            self.quota = quota
            self.company = company
        }

        deinit { leave() }

        /// Whether another answer of the company may be made.
        ///
        /// - Throws: ``Fault/tooManyAnswers`` where too much of them was not written yet.
        func checkRoom() throws(Fault) {
            if quota.isFull(company) { throw .tooManyAnswers }
        }

        /// Counts an answer of this many bytes for as long as the place is held.
        ///
        /// - Throws: ``Fault/tooManyAnswers`` where the company has too much under way, unless it is only this answer, and
        ///   unless `isDone`: what is done must be answered.
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

    /// A call that waits for its place.
    private struct Waiter {
        let number: Int
        let continuation: CheckedContinuation<Outcome, Never>
        /// Ends the wait.
        let timer: Task<Void, any Error>
    }

    /// What a company has; there is none for a company without calls.
    private struct Share {
        var running = 0
        /// Of answers that were not written yet.
        var bytes = 0
        /// In the order in which they came.
        var waiting: [Waiter] = []
    }

    private struct State {
        var running = 0
        var lastNumber = 0
        var companies: [ExactText: Share] = [:]
        /// The companies that wait, the next one first.
        var rotation: [ExactText] = []
    }

    private let perCompany: Int
    private let total: Int
    private let waiting: Int
    private let patience: Duration
    private let maxBytes: Int
    private let state = Mutex(State())

    /// - Parameters:
    ///   - perCompany: calls of a company at once.
    ///   - total: calls of all companies at once.
    ///   - waiting: how many more of a company wait for their turn.
    ///   - patience: how long each of them waits.
    ///   - maxBytes: of a company's answers that were not written yet.
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

    /// A place for a call, when it is the company's turn.
    ///
    /// - Throws: ``Fault/tooManyCalls`` where too many of the company wait already, or have places for too long;
    ///   ``Fault/tooManyAnswers`` where too much of its answers was not written yet; ``Fault/busy`` where others have the
    ///   places for too long.
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

    /// Takes a place where there is one. Nil: the continuation waits for one.
    private func begin(_ company: ExactText, _ continuation: CheckedContinuation<Outcome, Never>) -> Outcome? {
        state.withLock { state in
            var share = state.companies[company] ?? Share()
            guard share.bytes < maxBytes else { return .failure(.tooManyAnswers) }
            // Who waits has been given what there is: nobody is overtaken.
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

    /// Ends a wait that is too long.
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

    /// Takes a place back, and hands it on.
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

    /// The next one that waits, with the place that it now has.
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
