import Admission
import JOSE

/// The values of an event loop's counters, or their sums over several loops.
///
/// Rows of routes, upstreams and servers lie one after another, by slot.
struct LoopCounts: Sendable {
    private(set) var labels: CounterLabels
    /// By counter. Stored in place: most of what a request counts is here. The language takes no constant for the size.
    var totals = InlineArray<30, Int>(repeating: 0)
    /// By the refusal's position.
    var refusals = [Int](repeating: 0, count: Refusal.allCases.count)
    /// By what cut an exchange short.
    var cuts = [Int](repeating: 0, count: Cut.allCases.count)
    var tokens = [Int](repeating: 0, count: (Algorithm.allCases.count + 1) * TokenRow.outcomes)
    /// How late timers were.
    var lag = [Int](repeating: 0, count: DurationHistogram.size)
    /// How long joins took.
    var joins = [Int](repeating: 0, count: DurationHistogram.size)
    /// How long the close frames of sessions that were ended took.
    var closes = [Int](repeating: 0, count: DurationHistogram.size)
    var routes: [Int]
    var upstreams: [Int]
    var servers: [Int]

    init(_ labels: CounterLabels) {
        precondition(totals.count == Counter.allCases.count, "totals must have a place for each Counter, and no other")
        self.labels = labels
        routes = [Int](repeating: 0, count: labels.routes.names.count * RouteRow.size)
        upstreams = [Int](repeating: 0, count: labels.upstreams.names.count * UpstreamRow.size)
        servers = [Int](repeating: 0, count: labels.servers.names.count * ServerRow.size)
    }

    /// Makes room for the names of another configuration. Counters whose name stays keep their values; others start at
    /// zero.
    mutating func adopt(_ labels: CounterLabels) {
        routes.follow(labels.routes, after: self.labels.routes, size: RouteRow.size)
        upstreams.follow(labels.upstreams, after: self.labels.upstreams, size: UpstreamRow.size)
        servers.follow(labels.servers, after: self.labels.servers, size: ServerRow.size)
        self.labels = labels
    }

    /// Adds another loop's counts. Leaves out those with names that are not among our labels: the loop has not adopted
    /// the same configuration yet.
    mutating func add(_ other: LoopCounts) {
        for index in totals.indices { totals[index] += other.totals[index] }
        refusals.add(other.refusals)
        cuts.add(other.cuts)
        tokens.add(other.tokens)
        lag.add(other.lag)
        joins.add(other.joins)
        closes.add(other.closes)
        routes.add(other.routes, of: other.labels.routes, to: labels.routes, size: RouteRow.size)
        upstreams.add(other.upstreams, of: other.labels.upstreams, to: labels.upstreams, size: UpstreamRow.size)
        servers.add(other.servers, of: other.labels.servers, to: labels.servers, size: ServerRow.size)
    }

    /// A copy in memory of its own: counting after this does not have to copy anything first.
    var detached: LoopCounts {
        var copy = LoopCounts(labels)
        copy.add(self)
        return copy
    }
}

extension [Int] {
    fileprivate mutating func add(_ other: [Int]) { for index in indices { self[index] += other[index] } }

    fileprivate mutating func add<Name>(
        _ other: [Int],
        of theirs: CounterSlots<Name>,
        to ours: CounterSlots<Name>,
        size: Int
    ) {
        for (slot, name) in ours.used where slot < theirs.names.count && theirs.names[slot] == name {
            for index in slot * size..<(slot + 1) * size { self[index] += other[index] }
        }
    }

    fileprivate mutating func follow<Name>(_ new: CounterSlots<Name>, after old: CounterSlots<Name>, size: Int) {
        if count < new.names.count * size {
            append(contentsOf: repeatElement(0, count: new.names.count * size - count))
        }
        for (slot, name) in new.used where slot >= old.names.count || old.names[slot] != name {
            for index in slot * size..<(slot + 1) * size { self[index] = 0 }
        }
    }
}
