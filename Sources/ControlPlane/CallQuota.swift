import JOSE
import Synchronization

/// How many calls of one company are served at once, so that none takes the threads and the memory of all.
final class CallQuota: Sendable {
    private let running: Int
    private let waiting: Int
    private let companies = Mutex<[ExactText: Share]>([:])

    /// What a company has of it; there is none for a company without calls.
    private struct Share {
        var running = 0
        /// In the order in which they came.
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    /// - Parameters:
    ///   - running: calls of a company at once.
    ///   - waiting: how many more wait for their turn.
    init(running: Int, waiting: Int) {
        self.running = running
        self.waiting = waiting
    }

    /// Runs `body` when it is the company's turn.
    ///
    /// - Throws: ``Fault/tooManyCalls`` where too many wait already, or what `body` throws.
    func turn<Value: Sendable>(of company: String, _ body: () async throws -> Value) async throws -> Value {
        let company = ExactText(company)
        try await enter(company)
        defer { leave(company) }
        return try await body()
    }

    private enum Entry { case now, full, waits }

    private func enter(_ company: ExactText) async throws {
        var isFull = false
        await withCheckedContinuation { continuation in
            let entry = companies.withLock { companies -> Entry in
                var share = companies[company] ?? Share()
                defer { companies[company] = share }
                if share.running < running {
                    share.running += 1
                    return .now
                }
                guard share.waiting.count < waiting else { return .full }
                share.waiting.append(continuation)
                return .waits
            }
            isFull = entry == .full
            if entry != .waits { continuation.resume() }
        }
        if isFull { throw Fault.tooManyCalls }
    }

    /// Hands the turn on.
    private func leave(_ company: ExactText) {
        let next = companies.withLock { companies -> CheckedContinuation<Void, Never>? in
            guard var share = companies[company] else { return nil }
            var next: CheckedContinuation<Void, Never>?
            if share.waiting.isEmpty { share.running -= 1 } else { next = share.waiting.removeFirst() }
            companies[company] = share.running == 0 ? nil : share
            return next
        }
        next?.resume()
    }
}
