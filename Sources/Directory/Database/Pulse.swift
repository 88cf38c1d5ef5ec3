import Admission
import Basics
import Synchronization

/// When the gateway was last known to run, and what that says about the time of day.
final class Pulse: Sendable {
    private struct State {
        var trust: ClockTrust
        /// In terms of ``uptime``.
        var lookedAt: Milliseconds
        var news: ClockNews?
    }

    private let state: Mutex<State>
    private let uptime: @Sendable () -> Milliseconds

    /// - Parameter uptime: a time that never jumps.
    init(uptime: @escaping @Sendable () -> Milliseconds) {
        self.uptime = uptime
        state = Mutex(State(trust: ClockTrust(at: 0, doubt: nil), lookedAt: uptime()))
    }

    /// Reads when the gateway last ran. Returns `nil` if never.
    static func last(_ database: Database) throws -> ClockTrust? {
        try database.row("SELECT at, doubt FROM pulse").map { ClockTrust(at: $0[0], doubt: $0[1]) }
    }

    /// Records that the gateway starts to run.
    ///
    /// - Parameter last: when it last ran; `nil` if unknown.
    func begin(_ last: ClockTrust, at now: Milliseconds, _ database: Database) throws {
        let trust = state.withLock { state in
            state.trust = last
            state.news = state.trust.look(now, passed: nil)
            state.lookedAt = uptime()
            return state.trust
        }
        try Self.write(trust, database)
    }

    /// Records that the gateway is still running.
    func look(at now: Milliseconds) -> ClockTrust {
        state.withLock { state in
            let moment = uptime()
            state.news = state.trust.look(now, passed: moment - state.lookedAt) ?? state.news
            state.lookedAt = moment
            return state.trust
        }
    }

    /// Whether the time of day was trusted at the last look.
    var isTrusted: Bool { state.withLock { $0.trust.doubt == nil } }

    /// Takes the news that the operator was not told yet.
    func takeNews() -> ClockNews? {
        state.withLock { state in
            defer { state.news = nil }
            return state.news
        }
    }

    static func write(_ trust: ClockTrust, _ database: Database) throws {
        try database.execute(
            """
            INSERT INTO pulse (id, at, doubt) VALUES (1, ?, ?)
            ON CONFLICT (id) DO UPDATE SET at = excluded.at, doubt = excluded.doubt
            """,
            [trust.at, trust.doubt]
        )
    }
}

extension Directory {
    /// Records that the gateway is running, so that after a crash open stays end at the last recorded time.
    package func beat() async throws {
        let trust = pulse.look(at: now)
        try await writer.write { database, _ in try Pulse.write(trust, database) }
    }

    /// The change in the trust in the time of day since the last call.
    package func takeClockNews() -> ClockNews? { pulse.takeNews() }

    /// Ends what was left open by a crash, at the time when the gateway was last known to run; then begins anew.
    ///
    /// - Parameter keepsStays: whether there was no crash, and open stays go on.
    func begin(keepsStays: Bool) throws {
        let moment = now
        try storage.write { database in
            let last = try Pulse.last(database)
            if !keepsStays { try endOpenStays(at: last?.at ?? 0, database) }
            let isNew = try database.value("SELECT NOT EXISTS (SELECT 1 FROM event)", as: Bool.self) ?? false
            let known = last ?? ClockTrust(at: moment, doubt: isNew ? nil : ClockTrust.day)
            try pulse.begin(known, at: moment, database)
        }
    }
}
