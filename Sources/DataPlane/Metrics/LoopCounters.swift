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
    func timerRan(late lag: Int64) {
        counts.lag[DurationHistogram.bucket(of: lag)] &+= 1
        // A sum must not go down.
        counts.lag[DurationHistogram.sum] &+= Int(max(lag, 0))
    }

    /// Counts a request that was answered, or cannot be.
    @inline(__always)
    func answered(route: Int, _ method: Method, _ status: Int, _ client: ClientProtocol) {
        let statusClass = RouteRow.statusClass(status)
        let index = RouteRow.requests(client, method: Int(method.rawValue), statusClass: statusClass)
        counts.routes[route * RouteRow.size + index] &+= 1
    }

    /// Counts how long a request took, in milliseconds.
    @inline(__always)
    func took(_ duration: Int, route: Int) {
        let row = route * RouteRow.size + RouteRow.durations
        counts.routes[row + DurationHistogram.bucket(of: Int64(duration))] &+= 1
        counts.routes[row + DurationHistogram.sum] &+= duration
    }

    // MARK: Upstreams

    /// Counts a connection that took this many milliseconds to open.
    func connected(to upstream: Int, in duration: Int64) {
        let row = upstream * UpstreamRow.size + UpstreamRow.connecting
        counts.upstreams[row + DurationHistogram.bucket(of: duration)] &+= 1
        counts.upstreams[row + DurationHistogram.sum] &+= Int(duration)
    }

    /// Counts the head of a response that came this many milliseconds after the request.
    @inline(__always)
    func answered(by server: Int, of upstream: Int, _ status: Int, after duration: Int64) {
        counts.servers[server * ServerRow.size + RouteRow.statusClass(status)] &+= 1
        let row = upstream * UpstreamRow.size + UpstreamRow.answering
        counts.upstreams[row + DurationHistogram.bucket(of: duration)] &+= 1
        counts.upstreams[row + DurationHistogram.sum] &+= Int(duration)
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
