import Admission
import GatewayConfiguration
import Synchronization

/// How many connections each client address has open: one lock of a shard for each that opens or closes.
final class ConnectionCounts: Sendable {
    private final class Shard: Sendable {
        let open = Locked<[UInt64: Int]>([:])
    }

    private let shards = (0..<64).map { _ in Shard() }

    private func shard(_ address: UInt64) -> Shard { shards[Int(address >> 58)] }

    /// Counts a connection from an address, by its hash.
    ///
    /// - Returns: whether it may open. False: it has not been counted.
    func enter(_ address: UInt64, limit: Int) -> Bool {
        shard(address).open.withLock { open in
            let count = open[address] ?? 0
            guard count < limit else { return false }
            open[address] = count + 1
            return true
        }
    }

    /// Takes back what `enter` has counted.
    func leave(_ address: UInt64) {
        shard(address).open.withLock { open in
            guard let count = open[address] else { return }
            open[address] = count > 1 ? count - 1 : nil
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
