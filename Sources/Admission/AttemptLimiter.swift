package import Basics
import Synchronization

/// Counts how often each client address did something, such as join or send a bad token, within a window such as a
/// minute.
///
/// Address 0 means unknown and has no limit.
///
/// Memory is bounded: if an attacker fills a shard with addresses, that shard starts a new window.
package final class AttemptLimiter: Sendable {
    private struct Window {
        var startedAt: Milliseconds
        var count: Int
    }

    private final class Shard: Sendable {
        let windows = Locked<[UInt64: Window]>([:])
    }

    private let shards = (0..<64).map { _ in Shard() }
    private let length: Milliseconds
    private static let capacity = 4096

    /// - Parameter length: of the window.
    package init(length: Milliseconds = 60_000) { self.length = length }

    private func shard(_ address: UInt64) -> Shard { shards[Int(address >> 58)] }

    /// Records an attempt of `address` at `now`, a time that never goes back. A limit of 0 means unlimited.
    ///
    /// - Returns: `nil` if the attempt was accepted; otherwise how long to wait until the next one.
    package func attempt(_ address: UInt64, limit: Int, now: Milliseconds) -> Milliseconds? {
        guard limit > 0, address != 0 else { return nil }
        return shard(address).windows.withLock { windows in
            if let window = windows[address], now < window.startedAt + length, window.count >= limit {
                return window.startedAt + length - now
            }
            count(address, by: 1, now: now, in: &windows)
            return nil
        }
    }

    /// Whether `address` has used up its attempts at `now`.
    package func isExhausted(_ address: UInt64, limit: Int, now: Milliseconds) -> Bool {
        guard limit > 0, address != 0 else { return false }
        return shard(address).windows.withLock { windows in
            guard let window = windows[address], now < window.startedAt + length else { return false }
            return window.count >= limit
        }
    }

    /// Counts an attempt, or its cost.
    package func count(_ address: UInt64, by cost: Int = 1, now: Milliseconds) {
        guard address != 0 else { return }
        shard(address).windows.withLock { count(address, by: cost, now: now, in: &$0) }
    }

    private func count(_ address: UInt64, by cost: Int, now: Milliseconds, in windows: inout [UInt64: Window]) {
        if let window = windows[address], now < window.startedAt + length {
            windows[address] = Window(startedAt: window.startedAt, count: window.count + cost)
            return
        }
        if windows.count >= Self.capacity {
            windows = windows.filter { now < $0.value.startedAt + length }
            if windows.count >= Self.capacity { windows.removeAll(keepingCapacity: true) }
        }
        windows[address] = Window(startedAt: now, count: cost)
    }

    /// How long until the address may try again.
    package func pause(_ address: UInt64, now: Milliseconds) -> Milliseconds {
        shard(address).windows.withLock { windows in
            guard let window = windows[address] else { return 0 }
            return max(window.startedAt + length - now, 0)
        }
    }
}
