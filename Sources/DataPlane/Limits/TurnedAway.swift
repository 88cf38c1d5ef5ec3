import Basics
import Synchronization
import Transport

/// Counts connections that were turned away, and tells the operator at most once a minute. They were refused by limits,
/// had no valid PROXY header, failed in the TLS handshake, or were reset because the client did not take the end of an
/// answer that the access log already shows.
final class TurnedAway: Sendable {
    private struct State {
        var pastTotal = 0
        var pastAddressLimit = 0
        var lastAddress = ""
        var pastRate = 0
        var lastPastRate = ""
        var denied = 0
        var lastDenied = ""
        var absentHeaders = 0
        var malformedHeaders = 0
        var lateHeaders = 0
        var headersTooMany = 0
        var lastWithoutHeader = ""
        var unlistedProxies = 0
        var lastUnlistedProxy = ""
        var handshakes: [(reason: String, count: Int)] = []
        var otherHandshakes = 0
        var untakenEnds = 0
        var saidAt: Int64?

        var badHeaders: Int { absentHeaders + malformedHeaders + lateHeaders + headersTooMany }

        var isNews: Bool {
            pastTotal + pastAddressLimit + pastRate + denied + badHeaders + unlistedProxies + untakenEnds > 0
                || !handshakes.isEmpty
        }
    }

    private let state = Mutex(State())
    /// In milliseconds.
    private static let noticeInterval: Int64 = 60_000
    private static let maxReasons = 32

    /// Counts a connection beyond the total limit.
    func pastTotal() { state.withLock { $0.pastTotal += 1 } }

    /// Counts a connection beyond the limit for its address.
    func pastLimit(of address: ClientAddress) {
        state.withLock { state in
            state.pastAddressLimit += 1
            state.lastAddress = String(decoding: address.text, as: UTF8.self)
        }
    }

    /// Counts a connection beyond the rate for its address.
    func pastRate(of address: ClientAddress) {
        state.withLock { state in
            state.pastRate += 1
            state.lastPastRate = String(decoding: address.text, as: UTF8.self)
        }
    }

    /// Counts a connection of a denied address.
    func denied(_ address: ClientAddress) {
        state.withLock { state in
            state.denied += 1
            state.lastDenied = String(decoding: address.text, as: UTF8.self)
        }
    }

    /// Counts a connection without a valid PROXY header.
    func badProxyHeader(_ fault: ProxyHeaderFault, from peer: ClientAddress) {
        state.withLock { state in
            switch fault {
            case .absent: state.absentHeaders += 1
            case .malformed: state.malformedHeaders += 1
            case .late: state.lateHeaders += 1
            case .tooMany: state.headersTooMany += 1
            }
            state.lastWithoutHeader = String(decoding: peer.text, as: UTF8.self)
        }
    }

    /// Counts a connection from a proxy that is not listed as trusted.
    func unlistedProxy(_ peer: ClientAddress) {
        state.withLock { state in
            state.unlistedProxies += 1
            state.lastUnlistedProxy = String(decoding: peer.text, as: UTF8.self)
        }
    }

    /// Counts a client that took the end of an answer too slowly.
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

    /// Messages for the operator. Empty if there is nothing new, or if the last ones are less than a minute old.
    ///
    /// - Parameters:
    ///   - now: monotonic milliseconds.
    ///   - limits: the connection limits, in total and per address.
    func takeNotices(at now: Int64, limits: (total: Int, perAddress: Int)) -> [String] {
        let counted: State? = state.withLock { state in
            guard state.isNews, state.saidAt.map({ now - $0 >= Self.noticeInterval }) ?? true else { return nil }
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
        if counted.pastRate > 0 {
            refusals.append(
                """
                \(counted.pastRate) because of the rate of one address (limits.new_connections_per_address), last of \
                \(counted.lastPastRate)
                """
            )
        }
        if counted.denied > 0 {
            refusals.append("\(counted.denied) of denied addresses (limits.deny), last of \(counted.lastDenied)")
        }
        if !refusals.isEmpty { notices.append("connections were refused: \(refusals.joined(separator: ", "))") }
        notices += Self.proxyNotices(counted)
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

    private static func proxyNotices(_ counted: State) -> [String] {
        var notices: [String] = []
        if counted.badHeaders > 0 {
            notices.append(
                """
                connections to a listener with proxy_protocol were closed: \(counted.absentHeaders) started with something \
                else than a PROXY header, \(counted.malformedHeaders) had a malformed one, \(counted.lateHeaders) did not \
                send it within limits.header_timeout, \(counted.headersTooMany) made room because too many had yet to \
                send it, last of \(counted.lastWithoutHeader)
                """
            )
        }
        if counted.unlistedProxies > 0 {
            notices.append(
                """
                connections to a listener with proxy_protocol were closed because limits.trusted_proxies does not list \
                their address: \(counted.unlistedProxies), last of \(counted.lastUnlistedProxy)
                """
            )
        }
        return notices
    }
}
