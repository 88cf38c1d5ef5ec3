import Basics
import GatewayConfiguration
import JOSE
import Logging
import Transport

/// The key sets that companies publish at their `jwks_url`. One event loop fetches them for all.
final class KeySets {
    private let loop: EventLoop
    private let resolver: Resolver
    private let descriptors: DescriptorBudget
    private let missed: MissedKeys
    private let store: KeySetStore?
    private let logger: Logger
    private let publish: ([KeySetURL: [Key]]) -> Void
    private let fetchEnded: (KeySetURL) -> Void
    private let clock: () -> Int64
    private let turns = FetchTurns()
    /// Whether sets were adopted before. Only the first ones take up what was kept from before the start: what was fetched
    /// from a URL that goes must not come back with it.
    private var hasAdopted = false
    private var savedAt: Int64?
    private var sources: [KeySetURL: KeySetSource] = [:]
    /// Sets that are fetched although they may not be in use.
    private var tried: [KeySetURL] = []
    /// The sets whose fetches have ended, while nobody was told yet.
    private var ended: [KeySetURL] = []
    /// Whether their keys have changed.
    private var hasNews = false
    /// When keys may be published again, and the timer for that. All times are in milliseconds.
    private var publishAt: Int64 = 0
    private var publication: TimerHeap.ID?
    private var waiting: [(urls: Set<KeySetURL>, body: () -> Void)] = []

    /// How often the sets are kept again if they do not change: what is kept is good for a day.
    private static let saveInterval: Int64 = 3_600_000
    /// Publishing may take this part of the loop's time. With thousands of companies it takes tens of milliseconds.
    private static let publishingShare: Int64 = 5

    /// - Parameters:
    ///   - store: keeps what was fetched over a restart.
    ///   - publish: receives the keys of each URL that was fetched, whenever they have changed.
    ///   - fetchEnded: called after each fetch, and after `publish`.
    ///   - clock: the monotonic time.
    init(
        loop: EventLoop,
        resolver: Resolver,
        descriptors: DescriptorBudget,
        missed: MissedKeys = MissedKeys(),
        store: KeySetStore? = nil,
        logger: Logger,
        publish: @escaping ([KeySetURL: [Key]]) -> Void,
        fetchEnded: @escaping (KeySetURL) -> Void = { _ in },
        clock: @escaping () -> Int64 = MonotonicClock.now
    ) {
        self.loop = loop
        self.resolver = resolver
        self.descriptors = descriptors
        self.missed = missed
        self.store = store
        self.logger = logger
        self.publish = publish
        self.fetchEnded = fetchEnded
        self.clock = clock
    }

    /// Fetches these sets, those that are tried, and no others.
    ///
    /// - Parameter new: the sets to try from now on, which are not in use yet, and may never be. `nil` for those that are
    ///   tried already.
    func adopt(_ urls: [KeySetURL], trying new: [KeySetURL]? = nil) {
        let endsTrial = new?.isEmpty ?? false && !tried.isEmpty
        if let new { tried = new }
        let previous = sources
        let inUse = Set(urls)
        let wanted = inUse.union(tried)
        let added = wanted.filter { previous[$0] == nil }.map { source($0) }
        let dropped = previous.values.filter { !wanted.contains($0.url) }
        for source in dropped { sources[source.url] = nil }
        for source in added { sources[source.url] = source }
        for (url, source) in sources { source.isInUse = inUse.contains(url) }
        turns.changing { for source in dropped { source.stop() } }
        for source in dropped { end(source.url) }
        if !hasAdopted, !added.isEmpty {
            hasAdopted = true
            let kept = Dictionary(
                KeySetFile.read(store?.load(), at: WallClock.now() / 1000).map { ($0.url, $0) },
                uniquingKeysWith: { first, _ in first }
            )
            for source in added { if let set = kept[source.url] { source.resume(set) } }
        }
        // A set that goes and comes back while it is tried was never dropped, but its keys are not in use.
        if endsTrial || (dropped + added).contains(where: { $0.keys != nil }) { publishAll() }
        if dropped.contains(where: { $0.keys != nil }) { save() }
        for source in added { source.fetch() }
        resumeWaiting()
    }

    /// A set is not fetched any more.
    private func end(_ url: KeySetURL) {
        missed.forget(url)
        fetchEnded(url)
    }

    /// Fetches all sets now, as if for the first time.
    func fetchAgain() { turns.changing { for source in sources.values { source.fetchAgain() } } }

    /// Fetches these sets soon, since a token names a key that none of them has.
    func fetchAfterMiss(_ urls: [KeySetURL]) {
        for url in urls {
            if let source = sources[url] { source.fetchAfterMiss() } else { end(url) }
        }
    }

    /// What is wrong with sets at present.
    var faults: [KeySetURL: String] { sources.compactMapValues(\.lastFault) }

    /// Calls `body` once each of these sets was fetched or could not be.
    func afterFirstFetch(of urls: [KeySetURL], _ body: @escaping () -> Void) {
        waiting.append((Set(urls), body))
        for url in urls { sources[url]?.hurry() }
        resumeWaiting()
    }

    func stop() {
        turns.changing { for source in sources.values { source.stop() } }
        (sources, ended, hasNews) = ([:], [], false)
        if let publication = publication.take() { loop.cancel(publication) }
        resumeWaiting()
    }

    private func source(_ url: KeySetURL) -> KeySetSource {
        KeySetSource(
            url,
            on: loop,
            resolver: resolver,
            descriptors: descriptors,
            missed: missed,
            turns: turns,
            logger: logger
        ) { [unowned self] hasChanged in
            hasNews = hasNews || hasChanged
            ended.append(url)
            guard publication == nil else { return }
            guard hasNews, loop.now < publishAt else { return tell() }
            publication = loop.schedule(in: publishAt - loop.now) { [self] in
                publication = nil
                tell()
            }
        }
    }

    /// Tells of the fetches that have ended, after their keys were published.
    private func tell() {
        if hasNews { publishAll() }
        if hasNews || savedAt.map({ loop.now - $0 >= Self.saveInterval }) ?? true { save() }
        hasNews = false
        let urls = ended
        ended = []
        for url in urls {
            missed.ended(url)
            fetchEnded(url)
        }
        resumeWaiting()
    }

    private func publishAll() {
        let start = clock()
        publish(sources.compactMapValues(\.keys))
        publishAt = loop.now + (clock() - start) * Self.publishingShare
    }

    /// Keeps what was fetched.
    private func save() {
        guard let store else { return }
        savedAt = loop.now
        let sets = sources.values.compactMap(\.fetched)
        let areAll = sets.count == sources.count
        store.save { KeySetFile.content(of: sets, areAll: areAll) }
    }

    private func resumeWaiting() {
        guard !waiting.isEmpty else { return }
        let awaited = Set(sources.values.filter { !$0.hasEndedFirstFetch }.map(\.url) + ended)
        let ready = waiting.filter { $0.urls.isDisjoint(with: awaited) }
        waiting.removeAll { $0.urls.isDisjoint(with: awaited) }
        for wait in ready { wait.body() }
    }
}
