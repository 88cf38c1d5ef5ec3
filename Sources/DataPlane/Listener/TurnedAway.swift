import Synchronization
import Transport

/// Connections that were turned away: refused by limits, failed in the TLS handshake, or reset because their clients did
/// not take the end of an answer whose line in the access log was written before. Counted, and told to the operator once
/// a minute at most.
final class TurnedAway: Sendable {
    private struct State {
        var pastTotal = 0
        var pastAddressLimit = 0
        var lastAddress = ""
        var handshakes: [(reason: String, count: Int)] = []
        var otherHandshakes = 0
        var untakenEnds = 0
        var saidAt: Int64?
    }

    private let state = Mutex(State())
    /// Milliseconds.
    private static let noticeInterval: Int64 = 60_000
    private static let maxReasons = 32

    /// As many are connected as may be.
    func pastTotal() { state.withLock { $0.pastTotal += 1 } }

    /// As many are connected from one address as may be.
    func pastLimit(of address: ClientAddress) {
        state.withLock { state in
            state.pastAddressLimit += 1
            state.lastAddress = String(decoding: address.text, as: UTF8.self)
        }
    }

    /// A client took the end of an answer too slowly.
    func untakenEnd() { state.withLock { $0.untakenEnds += 1 } }

    func failedHandshake(_ fault: TLSFault) {
        let reason = fault.description
        state.withLock { state in
            if let index = state.handshakes.firstIndex(where: { $0.reason.utf8.elementsEqual(reason.utf8) }) {
                state.handshakes[index].count += 1
            } else if state.handshakes.count < Self.maxReasons {
                state.handshakes.append((reason, 1))
            } else {
                state.otherHandshakes += 1
            }
        }
    }

    /// What the operator should know; nothing where there is nothing new, or it was told less than a minute ago.
    ///
    /// - Parameters:
    ///   - now: monotonic milliseconds.
    ///   - limits: how many connections there may be, in all and of an address.
    func takeNotices(at now: Int64, limits: (total: Int, perAddress: Int)) -> [String] {
        let counted: State? = state.withLock { state in
            guard state.saidAt.map({ now - $0 >= Self.noticeInterval }) ?? true,
                state.pastTotal + state.pastAddressLimit + state.untakenEnds > 0 || !state.handshakes.isEmpty
            else { return nil }
            defer { state = State(saidAt: now) }
            return state
        }
        guard let counted else { return [] }
        var notices: [String] = []
        var refusals: [String] = []
        if counted.pastTotal > 0 {
            refusals.append("\(counted.pastTotal) because \(limits.total) are open (limits.connections)")
        }
        if counted.pastAddressLimit > 0 {
            refusals.append(
                """
                \(counted.pastAddressLimit) because \(limits.perAddress) of one address are open \
                (limits.connections_per_address), last of \(counted.lastAddress)
                """
            )
        }
        if !refusals.isEmpty { notices.append("connections were refused: \(refusals.joined(separator: ", "))") }
        if counted.untakenEnds > 0 {
            notices.append(
                "clients were reset that took the end of an answer too slowly (limits.min_rate): \(counted.untakenEnds)"
            )
        }
        if let most = counted.handshakes.max(by: { $0.count < $1.count }) {
            let all = counted.handshakes.reduce(counted.otherHandshakes) { $0 + $1.count }
            notices.append("TLS handshakes failed: \(all), \(most.count) of them: \(most.reason)")
        }
        return notices
    }
}
