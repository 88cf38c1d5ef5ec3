import Basics
import GatewayConfiguration
import Glibc

/// Chooses a server for each request of one event loop.
///
/// Every loop counts its own exchanges: clients' connections are spread over the loops, so what is fair on each is fair
/// on all. Choosing allocates nothing and takes no lock.
struct Balancer {
    struct Server {
        let weight: Int
        /// Whether it serves only while no other server is up.
        let isBackup: Bool
        /// A hash of its name: the same on every loop, after a restart and on another gateway.
        let seed: UInt64
        /// The exchanges that the loop has open with it.
        fileprivate(set) var open = 0
        /// In `round_robin`, how much of its share it has yet to get.
        fileprivate var credit = 0
        // Of the choice that is being made.
        fileprivate var rank = Rank.tried
        /// The weight that counts, times ``fullShare``.
        fileprivate var present = 0

        init(weight: Int = 1, isBackup: Bool = false, name: String) {
            self.weight = weight
            self.isBackup = isBackup
            seed = FNV1a.hash(name.utf8)
        }
    }

    /// How far a server may be used at the moment.
    enum Standing: Equatable {
        /// - Parameter share: how much of its weight counts, from 1 to ``fullShare``.
        case up(share: Int)
        /// It is up, but has as many connections as it may have. If all that are up have, none is chosen.
        case full
        case down
        /// It keeps clients waiting in vain.
        case unresponsive
        /// It must not be chosen.
        case drained
    }

    static let fullShare = 1024

    /// Only servers of the first rank that any has are chosen from.
    fileprivate enum Rank: Int {
        case up, backup
        case down, downBackup
        case unresponsive
        case tried
    }

    private let rule: Balance
    private(set) var servers: ContiguousArray<Server>
    /// Of the servers that are chosen from.
    private var best = Rank.tried
    private var weight = 0
    private var open = 0

    /// How far a server of a `hash` may exceed the mean: by a quarter
    /// ([Mirrokni et al., 2016](https://arxiv.org/abs/1608.01350)).
    private static let bound = (numerator: 5, denominator: 4)
    /// In `hash`, a server with fewer exchanges is not compared with the others. Keeps a viewer's parallel requests
    /// together on a gateway that has little to do.
    private static let freeExchanges = 16

    init(_ rule: Balance, _ servers: some Sequence<Server>) {
        self.rule = rule
        self.servers = ContiguousArray(servers)
    }

    mutating func opened(_ index: Int) { servers[index].open += 1 }
    mutating func closed(_ index: Int) { servers[index].open -= 1 }

    /// Whether a choice depends on a key.
    var needsKey: Bool { rule == .hash && servers.count > 1 }

    /// The server for a request. Returns `nil` if all were tried or are full.
    ///
    /// - Parameters:
    ///   - tried: servers that must not be chosen, as a bit set. Those after the 64th are never in it.
    ///   - key: in `hash`, the same for requests that belong together. Without one, the least busy server is chosen.
    ///   - standing: of a server at the moment. One that is not up is chosen only if none is.
    mutating func choose(
        tried: UInt64,
        key: UInt64?,
        random: inout RandomSource,
        standing: (Int) -> Standing
    ) -> Int? {
        guard servers.count > 1 else { return tried & 1 == 0 && standing(0) != .drained ? 0 : nil }
        rank(tried, standing)
        guard best != .tried else { return nil }
        return switch (rule, key) {
        case (.roundRobin, _): next()
        case (.hash, let key?): nearest(to: key)
        case (.least, _), (.hash, nil): leastBusy(&random)
        }
    }

    /// Finds out which servers to choose from. Asks once about each: the answer may change at any time.
    private mutating func rank(_ tried: UInt64, _ standing: (Int) -> Standing) {
        (best, weight, open) = (.tried, 0, 0)
        for index in servers.indices {
            var (rank, share) = (Rank.tried, Self.fullShare)
            if index >= 64 || tried >> UInt64(index) & 1 == 0 {
                switch standing(index) {
                case .up(let present): (rank, share) = (servers[index].isBackup ? .backup : .up, present)
                case .full:
                    // Nobody who could wait is sent to a worse server instead.
                    let rank = servers[index].isBackup ? Rank.backup : .up
                    if rank.rawValue < best.rawValue { (best, weight, open) = (rank, 0, 0) }
                case .down: rank = servers[index].isBackup ? .downBackup : .down
                case .unresponsive: rank = .unresponsive
                case .drained: break
                }
            }
            servers[index].rank = rank
            servers[index].present = servers[index].weight * share
            if rank.rawValue < best.rawValue { (best, weight, open) = (rank, 0, 0) }
            guard rank == best else { continue }
            weight += servers[index].present
            open += servers[index].open
        }
    }

    /// The server with the fewest open exchanges for its weight. Among equals, each as often as its weight says.
    private func leastBusy(_ random: inout RandomSource) -> Int? {
        var chosen: Int?
        var ties = 0
        for index in servers.indices where servers[index].rank == best {
            let server = servers[index]
            guard let former = chosen.map({ servers[$0] }) else {
                (chosen, ties) = (index, server.present)
                continue
            }
            let (load, formerLoad) = (server.open * former.present, former.open * server.present)
            if load < formerLoad {
                (chosen, ties) = (index, server.present)
            } else if load == formerLoad {
                ties += server.present
                if random.next() % UInt64(ties) < UInt64(server.present) { chosen = index }
            }
        }
        return chosen
    }

    /// The server whose turn it is. Spreads the turns of a heavy server between those of the others, as nginx does.
    private mutating func next() -> Int? {
        var chosen: Int?
        for index in servers.indices where servers[index].rank == best {
            servers[index].credit += servers[index].present
            if chosen.map({ servers[index].credit > servers[$0].credit }) ?? true { chosen = index }
        }
        if let chosen { servers[chosen].credit -= weight }
        return chosen
    }

    /// The server with the highest score for a key, among those that are not too busy.
    ///
    /// A score depends on nothing but the key and one server (weighted rendezvous hashing, see
    /// [draft-ietf-bess-weighted-hrw](https://datatracker.ietf.org/doc/draft-ietf-bess-weighted-hrw/)). If a server goes,
    /// only its keys move, and if one comes, only as many keys move as it gets.
    private func nearest(to key: UInt64) -> Int? {
        var chosen: Int?
        var highest = -Double.infinity
        for index in servers.indices where servers[index].rank == best {
            let server = servers[index]
            let share = Self.bound.numerator * (open + 1) * server.present
            guard server.open < Self.freeExchanges || server.open * Self.bound.denominator * weight < share else {
                continue
            }
            let score = Double(server.present) / -log(Self.point(Self.mix(key ^ server.seed)))
            if score > highest { (chosen, highest) = (index, score) }
        }
        return chosen
    }

    /// A number in (0, 1). Of 52 bits: with more, the greatest would be rounded to 1.
    static func point(_ word: UInt64) -> Double { (Double(word >> 12) + 0.5) * 0x1p-52 }

    /// Spreads the bits of a word: the finalizer of SplitMix64
    /// ([Steele et al., 2014](https://doi.org/10.1145/2660193.2660195)).
    private static func mix(_ word: UInt64) -> UInt64 {
        var word = word &+ 0x9e37_79b9_7f4a_7c15
        word = (word ^ word >> 30) &* 0xbf58_476d_1ce4_e5b9
        word = (word ^ word >> 27) &* 0x94d0_49bb_1331_11eb
        return word ^ word >> 31
    }
}
