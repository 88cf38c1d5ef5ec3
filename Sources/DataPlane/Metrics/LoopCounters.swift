import Admission
import JOSE

/// What one event loop counts: plain integers that only its thread touches.
///
/// To count is to add to an array at an index that is known or was decided when the configuration was loaded. It takes no
/// lock, allocates nothing, and hardly shows in the cost of a request.
final class LoopCounters {
    private var counts: LoopCounts

    init(_ labels: CounterLabels) { counts = LoopCounts(labels) }

    /// The present values.
    var values: LoopCounts { counts.detached }

    func adopt(_ labels: CounterLabels) { counts.adopt(labels) }

    @inline(__always)
    func add(_ counter: Counter, _ number: Int = 1) { counts.totals[counter.rawValue] &+= number }

    func add(_ refusal: Refusal) { counts.refusals[Int(refusal.rawValue)] &+= 1 }

    func add(_ cut: Cut) { counts.cuts[cut.position] &+= 1 }

    /// Counts a token that was checked.
    ///
    /// - Parameter algorithm: the token's own; `nil` if it cannot be read.
    func add(_ outcome: TokenOutcome, _ algorithm: Algorithm?) {
        let row = algorithm?.position ?? Algorithm.allCases.count
        counts.tokens[TokenRow.checks(algorithm: row, outcome)] &+= 1
    }

    /// Counts a timer that ran late by this many milliseconds.
    func timerRan(late lag: Int64) { counts.lag.count(duration: lag) }

    /// Counts a join that was granted or refused this many milliseconds after its request.
    func joined(in duration: Int64) { counts.joins.count(duration: duration) }

    /// Counts a close frame that was sent this many milliseconds after the end of its session.
    func closedSocket(after duration: Int64) { counts.closes.count(duration: duration) }

    /// Counts a request that was answered, or cannot be.
    @inline(__always)
    func answered(route: Int, _ method: Method, _ status: Int, _ client: ClientProtocol) {
        let statusClass = RouteRow.statusClass(status)
        let index = RouteRow.requests(client, method: Int(method.rawValue), statusClass: statusClass)
        counts.routes[route * RouteRow.size + index] &+= 1
    }

    /// Counts how long a request took, in milliseconds: `head` to the head of its answer, `duration` to the end.
    @inline(__always)
    func took(_ duration: Int64, head: @autoclosure () -> Int64, route: Int) {
        let row = route * RouteRow.size
        // Most requests take less than a millisecond. A scrape adds those to the other histogram.
        guard duration > 0 else {
            counts.routes[row + RouteRow.durations] &+= 1
            return
        }
        counts.routes.count(duration: duration, at: row + RouteRow.durations)
        counts.routes.count(duration: head(), at: row + RouteRow.heads)
    }

    // MARK: Upstreams

    /// Counts a connection that took this many milliseconds to open.
    func connected(to upstream: Int, in duration: Int64) {
        counts.upstreams.count(duration: duration, at: upstream * UpstreamRow.size + UpstreamRow.connecting)
    }

    /// Counts the head of a response that came this many milliseconds after the request.
    @inline(__always)
    func answered(by server: Int, of upstream: Int, _ status: Int, after duration: Int64) {
        counts.servers[server * ServerRow.size + RouteRow.statusClass(status)] &+= 1
        counts.upstreams.count(duration: duration, at: upstream * UpstreamRow.size + UpstreamRow.answering)
    }

    func failed(_ upstream: Int, _ fault: UpstreamFaultKind) {
        counts.upstreams[upstream * UpstreamRow.size + UpstreamRow.faults + fault.position] &+= 1
    }

    func withheldRetry(_ upstream: Int) {
        counts.upstreams[upstream * UpstreamRow.size + UpstreamRow.withheldRetries] &+= 1
    }

    func ejected(_ server: Int) { counts.servers[server * ServerRow.size + ServerRow.ejections] &+= 1 }

    func retried(_ upstream: Int) { counts.upstreams[upstream * UpstreamRow.size + UpstreamRow.retries] &+= 1 }
}
