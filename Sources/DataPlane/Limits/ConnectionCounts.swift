import Admission
import Basics
import GatewayConfiguration
import Synchronization

/// The resources that all connections of one client address use together.
final class AddressShare: Sendable {
    /// Descriptors on the upstreams' side.
    let uses = Atomic<Int>(0)
}

/// Counts the open connections of each client address. Opening and closing each take one lock of a shard.
final class ConnectionCounts: Sendable {
    private final class Shard: Sendable {
        let open = Locked<[UInt64: Entry]>([:])
    }

    private struct Entry {
        var count = 0
        let share = AddressShare()
    }

    private let shards = (0..<64).map { _ in Shard() }

    private func shard(_ address: UInt64) -> Shard { shards[Int(address >> 58)] }

    /// Counts a connection from an address, given by its hash.
    ///
    /// - Returns: the share common to the address's connections, or `nil` if it may not open. Then it was not counted.
    func enter(_ address: UInt64, limit: Int) -> AddressShare? {
        shard(address).open.withLock { open in
            var entry = open[address] ?? Entry()
            guard entry.count < limit else { return nil }
            entry.count += 1
            open[address] = entry
            return entry.share
        }
    }

    /// Undoes `enter`.
    func leave(_ address: UInt64) {
        shard(address).open.withLock { open in
            guard var entry = open[address] else { return }
            entry.count -= 1
            open[address] = entry.count > 0 ? entry : nil
        }
    }
}

extension ClientAddress {
    /// Whether connections from here are counted by address. Connections over a Unix socket have none, and a trusted
    /// proxy's belong to all its clients.
    func isCounted(_ limits: LimitSettings) -> Bool {
        limits.connectionsPerAddress > 0 && hash != 0 && !isIn(limits.trustedProxies)
    }

    /// Whether PROXY headers are accepted from here. With no proxies listed, anybody may send them. Who may connect to a
    /// Unix socket is up to its file.
    func maySendProxyHeader(_ limits: LimitSettings) -> Bool {
        limits.trustedProxies.isEmpty || hash == 0 || isIn(limits.trustedProxies)
    }
}
