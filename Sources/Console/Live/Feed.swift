import Basics
import DataPlane
import Synchronization

/// Reads the gateway time and again, keeps an hour of readings, and wakes those who watch.
///
/// A reading is shared by all who watch. While nobody does, there is one for each sample of the hour.
final class Feed: Sendable {
    /// The time between two readings while somebody watches.
    static let interval = Duration.seconds(2)
    /// Readings between two samples.
    private static let readingsPerSample = 5
    /// The most who watch at a time.
    static let maxWatchers = 24
    /// The most of them who may only read: they must not keep those out who act.
    static let maxReaders = 16

    private struct State {
        var overview: Overview?
        var history = History()
        /// How many readings and samples there were.
        var (readings, samples) = (0, 0)
        var watchers = 0
        var readers = 0
        var waiting: [CheckedContinuation<Void, Never>] = []
        var isOver = false
    }

    private let state = Mutex(State())
    private let read: @Sendable () async -> Vitals

    init(_ read: @escaping @Sendable () async -> Vitals) { self.read = read }

    /// The present state for a page. Those who watch get it too: what a page is told first is never older than the page.
    func overview() async -> Overview {
        let vitals = await read()
        take(vitals, isSample: false)
        return state.withLock { Overview(vitals: vitals, history: $0.history) }
    }

    /// Reads until the task is cancelled.
    func run() async {
        var turn = 0
        while !Task.isCancelled {
            let isSample = turn % Self.readingsPerSample == 0
            if isSample || state.withLock({ $0.watchers > 0 }) { take(await read(), isSample: isSample) }
            turn += 1
            try? await Task.sleep(for: Self.interval)
        }
        let waiting = state.withLock { state in
            state.isOver = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for one in waiting { one.resume() }
    }

    func take(_ vitals: Vitals, isSample: Bool) {
        let waiting = state.withLock { state in
            if isSample {
                state.history.add(vitals)
                state.samples += 1
            }
            state.overview = Overview(vitals: vitals, history: state.history)
            state.readings += 1
            defer { state.waiting = [] }
            return state.waiting
        }
        for one in waiting { one.resume() }
    }

    /// Reads if nobody watches, so that whoever begins to need not wait for a first reading.
    func refresh() async {
        if state.withLock({ $0.watchers == 0 }) { take(await read(), isSample: false) }
    }

    /// Begins to watch.
    ///
    /// - Parameter isReader: whether who watches may only read.
    /// - Returns: `nil` if too many do.
    func watch(isReader: Bool = false) -> Watcher? {
        let isAllowed = state.withLock { state in
            guard state.watchers < Self.maxWatchers, !isReader || state.readers < Self.maxReaders, !state.isOver else {
                return false
            }
            state.watchers += 1
            if isReader { state.readers += 1 }
            return true
        }
        return isAllowed ? Watcher(self, isReader: isReader) : nil
    }

    /// Somebody who watches for as long as this lives.
    final class Watcher: Sendable {
        private let feed: Feed
        private let isReader: Bool
        /// The readings and samples that were seen.
        private let seen = Mutex((readings: 0, samples: 0))

        fileprivate init(_ feed: Feed, isReader: Bool) { (self.feed, self.isReader) = (feed, isReader) }

        deinit {
            feed.state.withLock {
                $0.watchers -= 1
                if isReader { $0.readers -= 1 }
            }
        }

        /// Waits for the next reading, and returns its message. The first one comes at once if there is any. `nil` at
        /// the end.
        func next() async -> [UInt8]? {
            while true {
                let seen = seen.withLock { $0 }
                let (overview, readings, samples, isOver) = feed.state.withLock {
                    ($0.overview, $0.readings, $0.samples, $0.isOver)
                }
                if isOver { return nil }
                if let overview, readings != seen.readings {
                    self.seen.withLock { $0 = (readings, samples) }
                    return overview.message(hasCharts: samples != seen.samples)
                }
                await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
                    let isNew = feed.state.withLock { state in
                        guard state.readings == seen.readings, !state.isOver else { return true }
                        state.waiting.append(continuation)
                        return false
                    }
                    if isNew { continuation.resume() }
                }
            }
        }
    }
}
