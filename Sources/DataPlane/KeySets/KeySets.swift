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
    /// Whether sets were adopted before. Only the first ones take up what was kept from before the start: what was fetched
    /// from a URL that goes must not come back with it.
    private var hasAdopted = false
    private var savedAt: Int64?
    private var sources: [KeySetSource] = []
    private var waiting: [(urls: Set<KeySetURL>, body: () -> Void)] = []

    /// How often the sets are kept again if they do not change, in milliseconds: what is kept is good for a day.
    private static let saveInterval: Int64 = 3_600_000

    /// - Parameters:
    ///   - store: keeps what was fetched over a restart.
    ///   - publish: receives the keys of each URL that was fetched, whenever they have changed.
    ///   - fetchEnded: called after each fetch, and after `publish`.
    init(
        loop: EventLoop,
        resolver: Resolver,
        descriptors: DescriptorBudget,
        missed: MissedKeys = MissedKeys(),
        store: KeySetStore? = nil,
        logger: Logger,
        publish: @escaping ([KeySetURL: [Key]]) -> Void,
        fetchEnded: @escaping (KeySetURL) -> Void = { _ in }
    ) {
        self.loop = loop
        self.resolver = resolver
        self.descriptors = descriptors
        self.missed = missed
        self.store = store
        self.logger = logger
        self.publish = publish
        self.fetchEnded = fetchEnded
    }

    /// Fetches these sets and no others.
    ///
    /// - Parameter new: sets that are not in use yet, and may never be.
    func adopt(_ urls: [KeySetURL], trying new: [KeySetURL] = []) {
        let previous = sources
        let known = Dictionary(previous.map { ($0.url, $0) }, uniquingKeysWith: { first, _ in first })
        let wanted = Set(urls + new)
        let inUse = Set(urls)
        sources = wanted.map { known[$0] ?? source($0) }
        for source in sources { source.isInUse = inUse.contains(source.url) }
        let dropped = previous.filter { !wanted.contains($0.url) }
        let added = sources.filter { known[$0.url] == nil }
        for source in dropped {
            source.stop()
            end(source.url)
        }
        if !hasAdopted, !added.isEmpty {
            hasAdopted = true
            let kept = Dictionary(
                KeySetFile.read(store?.load(), at: WallClock.now() / 1000).map { ($0.url, $0) },
                uniquingKeysWith: { first, _ in first }
            )
            for source in added { if let set = kept[source.url] { source.resume(set) } }
        }
        if (dropped + added).contains(where: { $0.keys != nil }) { publishAll() }
        if dropped.contains(where: { $0.keys != nil }) { save() }
        for source in added { source.fetch() }
        resumeWaiting()
    }

    private func end(_ url: KeySetURL) {
        missed.forget(url)
        fetchEnded(url)
    }

    /// Fetches all sets now, as if for the first time.
    func fetchAgain() { for source in sources { source.fetchAgain() } }

    /// Fetches these sets soon, since a token names a key that none of them has.
    func fetchAfterMiss(_ urls: [KeySetURL]) {
        for url in urls {
            if let source = sources.first(where: { $0.url == url }) { source.fetchAfterMiss() } else { end(url) }
        }
    }

    /// What is wrong with sets at present.
    var faults: [KeySetURL: String] {
        Dictionary(
            sources.compactMap { source in source.lastFault.map { (source.url, $0) } },
            uniquingKeysWith: { first, _ in first }
        )
    }

    /// Calls `body` once each of these sets was fetched or could not be.
    func afterFirstFetch(of urls: [KeySetURL], _ body: @escaping () -> Void) {
        waiting.append((Set(urls), body))
        resumeWaiting()
    }

    func stop() {
        for source in sources { source.stop() }
        sources = []
        resumeWaiting()
    }

    private func source(_ url: KeySetURL) -> KeySetSource {
        KeySetSource(
            url,
            on: loop,
            resolver: resolver,
            descriptors: descriptors,
            missed: missed,
            logger: logger
        ) { [unowned self] hasChanged in
            if hasChanged { publishAll() }
            if hasChanged || savedAt.map({ loop.now - $0 >= Self.saveInterval }) ?? true { save() }
            fetchEnded(url)
            resumeWaiting()
        }
    }

    private func publishAll() {
        publish(
            Dictionary(
                sources.compactMap { source in source.keys.map { (source.url, $0) } },
                uniquingKeysWith: { first, _ in first }
            )
        )
    }

    /// Keeps what was fetched.
    private func save() {
        guard let store else { return }
        savedAt = loop.now
        let sets = sources.compactMap(\.fetched)
        let areAll = sets.count == sources.count
        store.save { KeySetFile.content(of: sets, areAll: areAll) }
    }

    private func resumeWaiting() {
        let awaited = Set(sources.filter { !$0.hasEndedFirstFetch }.map(\.url))
        let ready = waiting.filter { $0.urls.isDisjoint(with: awaited) }
        waiting.removeAll { $0.urls.isDisjoint(with: awaited) }
        for wait in ready { wait.body() }
    }
}
