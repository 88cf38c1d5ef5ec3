import GatewayConfiguration
import TestSupport
import Testing

@testable import DataPlane

@Suite("Which server a request gets")
struct BalancerTests {
    typealias Server = Balancer.Server

    /// A balancer whose servers are up unless a test says otherwise, and whose exchanges end when told to.
    private struct Site {
        var balancer: Balancer
        var random = RandomSource()
        var down: Set<Int> = []
        /// Of servers in their slow start.
        var shares: [Int: Int] = [:]

        init(_ rule: Balance, weights: [Int], backups: Set<Int> = []) {
            balancer = Balancer(
                rule,
                weights.enumerated().map { Server(weight: $1, isBackup: backups.contains($0), name: "10.0.0.\($0):80") }
            )
        }

        mutating func choose(tried: UInt64 = 0, key: UInt64? = nil) -> Int? {
            let (down, shares) = (down, shares)
            return balancer.choose(tried: tried, key: key, random: &random) { index in
                down.contains(index) ? .down : .up(share: shares[index] ?? Balancer.fullShare)
            }
        }

        /// How many of `count` requests each server gets, if each ends at once, or none does.
        mutating func shares(_ count: Int, staysOpen: Bool = false) -> [Int] {
            var shares = [Int](repeating: 0, count: balancer.servers.count)
            for _ in 0..<count {
                guard let index = choose() else { continue }
                shares[index] += 1
                if staysOpen { balancer.opened(index) }
            }
            return shares
        }
    }

    @Test("Turns are as frequent as the weights, and a heavy server's are not all in a row")
    func roundRobin() {
        var site = Site(.roundRobin, weights: [5, 1, 1])
        #expect((0..<14).map { _ in site.choose() } == [0, 0, 1, 0, 2, 0, 0, 0, 0, 1, 0, 2, 0, 0])
    }

    @Test("Open exchanges are in proportion to the weights, and so are requests to idle servers")
    func least() {
        var site = Site(.least, weights: [1, 3, 2])
        #expect(site.shares(600, staysOpen: true) == [100, 300, 200])
        var idle = Site(.least, weights: [1, 3, 2])
        for (share, expected) in zip(idle.shares(6000), [1000, 3000, 2000]) { #expect(abs(share - expected) < 300) }
    }

    @Test("A server that was tried, or is down while another is up, is not chosen", arguments: Balance.allCases)
    func excluded(rule: Balance) {
        var site = Site(rule, weights: [1, 1, 1])
        #expect(site.choose(tried: 0b011, key: 7) == 2)
        #expect(site.choose(tried: 0b111, key: 7) == nil)
        site.down = [1, 2]
        for key in 0..<20 { #expect(site.choose(key: UInt64(key)) == 0) }
        #expect(site.choose(tried: 0b001, key: 7) != nil)
        site.down = [0, 1, 2]
        #expect(site.choose(key: 7) != nil)
        var only = Site(rule, weights: [1])
        only.down = [0]
        #expect(only.choose(key: 7) == 0)
        #expect(only.choose(tried: 1, key: 7) == nil)
    }

    @Test("A drained server is never chosen, and one that is full makes requests wait", arguments: Balance.allCases)
    func notChosen(rule: Balance) {
        for standing in [Balancer.Standing.drained, .full] {
            var site = Site(rule, weights: [1, 1])
            func choose(_ site: inout Site, _ second: Balancer.Standing) -> Int? {
                site.balancer.choose(tried: 0, key: 7, random: &site.random) { $0 == 0 ? standing : second }
            }
            #expect(choose(&site, .up(share: Balancer.fullShare)) == 1)
            #expect(choose(&site, standing) == nil)
            // Rather wait than go to a server that seems ill.
            #expect(choose(&site, .down) == (standing == .full ? nil : 1))
        }
        var only = Site(rule, weights: [1])
        #expect(only.balancer.choose(tried: 0, key: 7, random: &only.random) { _ in .drained } == nil)
    }

    @Test("A backup serves only while all others are down", arguments: Balance.allCases)
    func backup(rule: Balance) {
        var site = Site(rule, weights: [1, 1, 200], backups: [2])
        for key in 0..<20 { #expect(site.choose(key: UInt64(key)) != 2) }
        site.down = [0]
        for key in 0..<20 { #expect(site.choose(key: UInt64(key)) == 1) }
        site.down = [0, 1]
        for key in 0..<20 { #expect(site.choose(key: UInt64(key)) == 2) }
        site.down = [0, 1, 2]
        for key in 0..<20 { #expect(site.choose(key: UInt64(key)) != 2) }
    }

    @Test("A server in its slow start gets only its share", arguments: Balance.allCases)
    func slowStart(rule: Balance) {
        var site = Site(rule, weights: [1, 1])
        site.shares = [1: Balancer.fullShare / 4]
        let count = (0..<5000).count { site.choose(key: Self.keys[$0 % Self.keys.count]) == 1 }
        #expect(abs(count - 1000) < 150)
    }

    // MARK: hash

    private static let keys: [UInt64] = {
        var random = SplitMix64(seed: 1)
        return (0..<4000).map { _ in random.next() }
    }()

    @Test("A key has the same server on every loop and after a restart")
    func stable() {
        var (one, other) = (Site(.hash, weights: [1, 2, 1]), Site(.hash, weights: [1, 2, 1]))
        for key in Self.keys { #expect(one.choose(key: key) == other.choose(key: key)) }
        // If these change, an update of the gateway moves every viewer.
        #expect((0..<12).map { one.choose(key: $0) } == [1, 1, 2, 0, 2, 1, 0, 0, 2, 1, 1, 2])
    }

    @Test("Keys are spread by weight")
    func spread() {
        var site = Site(.hash, weights: [1, 2, 1])
        var shares = [0, 0, 0]
        for key in Self.keys { if let index = site.choose(key: key) { shares[index] += 1 } }
        for (share, expected) in zip(shares, [1000, 2000, 1000]) { #expect(abs(share - expected) < 150) }
    }

    @Test("If a server goes, only its keys move, and they come back with it")
    func consistent() {
        var site = Site(.hash, weights: [1, 1, 1, 1])
        let before = Self.keys.map { site.choose(key: $0) }
        site.down = [2]
        let meanwhile = Self.keys.map { site.choose(key: $0) }
        for (old, new) in zip(before, meanwhile) { #expect(old == 2 ? new != 2 : new == old) }
        let shares = (0..<4).map { index in zip(before, meanwhile).count { $0 == 2 && $1 == index } }
        for index in [0, 1, 3] { #expect(shares[index] > before.count { $0 == 2 } / 5) }
        site.down = []
        #expect(Self.keys.map { site.choose(key: $0) } == before)
    }

    @Test("Attack: keys that all belong to one server give it a quarter more than the mean, beyond a few")
    func bounded() {
        var site = Site(.hash, weights: [1, 1, 1, 1])
        for _ in 0..<1000 {
            let index = site.choose(key: 7)
            #expect(index != nil)
            if let index { site.balancer.opened(index) }
        }
        let open = site.balancer.servers.map(\.open)
        #expect(open.max() == 313 && open.reduce(0, +) == 1000)
        var small = Site(.hash, weights: [1, 1, 1, 1])
        let first = small.choose(key: 7)
        for _ in 0..<16 {
            #expect(small.choose(key: 7) == first)
            if let first { small.balancer.opened(first) }
        }
        #expect(small.choose(key: 7) != first)
    }

    @Test("Without a key, a hash chooses the least busy server")
    func withoutKey() {
        var site = Site(.hash, weights: [1, 1])
        #expect(site.shares(100, staysOpen: true) == [50, 50])
    }

    @Test("The score of a key is finite, whatever its hash")
    func points() {
        for word in [0, 1, .max >> 1, .max - 1, .max] as [UInt64] {
            #expect(Balancer.point(word) > 0 && Balancer.point(word) < 1)
        }
    }
}
