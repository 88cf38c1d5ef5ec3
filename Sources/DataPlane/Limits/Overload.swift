import Synchronization

/// Whether a value has been too high for some time: it must stay above its limit before that counts, and below a lower
/// one before it no longer does, so that an answer does not flap.
struct OverloadWatch {
    /// How long the value must stay on the other side, in milliseconds.
    static let patience: Int64 = 3000

    private(set) var isOver = false
    /// When the value was first seen on the other side, without interruption.
    private var otherSince: Int64?

    /// Takes a value.
    ///
    /// - Parameters:
    ///   - limit: 0 for none.
    ///   - release: the value that ends it; not above `limit`.
    ///   - now: monotonic milliseconds.
    /// - Returns: whether ``isOver`` has changed.
    mutating func take(_ value: Int64, limit: Int64, release: Int64, at now: Int64) -> Bool {
        let isHigh = limit > 0 && value >= (isOver ? release : limit)
        guard isHigh != isOver else {
            otherSince = nil
            return false
        }
        let since = otherSince ?? now
        otherSince = since
        // Without a limit there is nothing to wait for.
        guard now - since >= Self.patience || limit == 0 else { return false }
        (isOver, otherSince) = (isHigh, nil)
        return true
    }
}

/// What the process has too much of, so that viewers without a session are told to try again later.
final class Overload: Sendable {
    private let lagging = Atomic<Int>(0)
    private let lacksMemory = Atomic<Bool>(false)
    private let memory = Mutex(OverloadWatch())
    private let told = Mutex((loops: 0, memory: false))

    /// How many event loops are late.
    var laggingLoops: Int { lagging.load(ordering: .relaxed) }
    var isShortOfMemory: Bool { lacksMemory.load(ordering: .relaxed) }

    /// A loop has become late, or no longer is.
    func loopChanged(isLate: Bool) { lagging.wrappingAdd(isLate ? 1 : -1, ordering: .relaxed) }

    /// Takes the resident memory and its limit in bytes. Call about once a second.
    func take(memory bytes: Int, limit: Int, at now: Int64) {
        let isOver = memory.withLock { memory in
            _ = memory.take(Int64(bytes), limit: Int64(limit), release: Int64(limit / 100 * 95), at: now)
            return memory.isOver
        }
        lacksMemory.store(isOver, ordering: .relaxed)
    }

    /// What has changed since the last call, in words for the operator.
    func takeNews() -> [String] {
        let (loops, memory) = (laggingLoops, isShortOfMemory)
        return told.withLock { told in
            defer { told = (loops, memory) }
            var news: [String] = []
            if (loops > 0) != (told.loops > 0) {
                news.append(
                    loops > 0
                        ? "event loops are late (limits.lag_limit): requests without a session get 503 try_again"
                        : "event loops are in time again: everybody is served"
                )
            }
            if memory != told.memory {
                news.append(
                    memory
                        ? "the memory is used up to limits.memory_limit: requests without a session get 503 try_again"
                        : "there is memory again: everybody is served"
                )
            }
            return news
        }
    }
}
