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

    /// Reads when the node last ran; if it never did, when another one did. Returns `nil` if none did.
    static func last(_ node: String, _ database: Database) throws -> ClockTrust? {
        try database.row("SELECT at, doubt FROM node ORDER BY name <> ?, at DESC LIMIT 1", [node]).map {
            ClockTrust(at: $0[0], doubt: $0[1])
        }
    }

    /// Notes that the gateway starts to run.
    ///
    /// - Parameter last: when it last ran.
    func begin(_ last: ClockTrust, at now: Milliseconds) -> ClockTrust {
        state.withLock { state in
            state.trust = last
            state.news = state.trust.look(now, passed: nil)
            state.lookedAt = uptime()
            return state.trust
        }
    }

    /// Notes that the gateway is still running.
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

    static func write(_ trust: ClockTrust, of node: String, _ database: Database) throws {
        try database.execute(
            """
            INSERT INTO node (name, at, doubt) VALUES (?, ?, ?)
            ON CONFLICT (name) DO UPDATE SET at = excluded.at, doubt = excluded.doubt
            """,
            [node, trust.at, trust.doubt]
        )
    }
}
