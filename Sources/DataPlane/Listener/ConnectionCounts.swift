import Admission
import Basics
import GatewayConfiguration
import Synchronization

/// What all connections of one client address use together.
final class AddressShare: Sendable {
    /// Descriptors of the upstreams' side.
    let uses = Atomic<Int>(0)
}

/// How many connections each client address has open: one lock of a shard for each that opens or closes.
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

    /// Counts a connection from an address, by its hash.
    ///
    /// - Returns: what it shares with the address's others. Nil: it may not open, and has not been counted.
    func enter(_ address: UInt64, limit: Int) -> AddressShare? {
        shard(address).open.withLock { open in
            var entry = open[address] ?? Entry()
            guard entry.count < limit else { return nil }
            entry.count += 1
            open[address] = entry
            return entry.share
        }
    }

    /// Takes back what `enter` has counted.
    func leave(_ address: UInt64) {
        shard(address).open.withLock { open in
            guard var entry = open[address] else { return }
            entry.count -= 1
            open[address] = entry.count > 0 ? entry : nil
        }
    }
}

extension ClientAddress {
    /// Whether connections from here are counted by address. Those of a Unix socket have none, and a trusted proxy's are
    /// those of all its clients.
    func isCounted(_ limits: LimitSettings) -> Bool {
        limits.connectionsPerAddress > 0 && !bytes.isEmpty && !isIn(limits.trustedProxies)
    }
}
