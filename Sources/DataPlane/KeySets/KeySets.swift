import GatewayConfiguration
import JOSE
import Logging
import Transport

/// The key sets that companies publish at their `jwks_url`. One event loop fetches them for all.
final class KeySets {
    private let loop: EventLoop
    private let resolver: Resolver
    private let descriptors: DescriptorBudget
    private let logger: Logger
    private let publish: ([KeySetURL: [Key]]) -> Void
    private var sources: [KeySetSource] = []
    private var waiting: [() -> Void] = []

    /// - Parameter publish: receives the keys of each URL whenever they have changed.
    init(
        loop: EventLoop,
        resolver: Resolver,
        descriptors: DescriptorBudget,
        logger: Logger,
        publish: @escaping ([KeySetURL: [Key]]) -> Void
    ) {
        self.loop = loop
        self.resolver = resolver
        self.descriptors = descriptors
        self.logger = logger
        self.publish = publish
    }

    /// Fetches these sets and no others.
    func adopt(_ urls: [KeySetURL]) {
        let previous = sources
        sources = Set(urls).map { url in previous.first { $0.url == url } ?? source(url) }
        let dropped = previous.filter { source in !sources.contains { $0 === source } }
        for source in dropped { source.stop() }
        // What was fetched from a URL that goes must not come back with it.
        if dropped.contains(where: { !$0.keys.isEmpty }) { publishAll() }
        for source in sources where !previous.contains(where: { $0 === source }) { source.fetch() }
        resumeWaiting()
    }

    /// Fetches all sets now, as if for the first time.
    func fetchAgain() { for source in sources { source.fetchAgain() } }

    /// Fetches these sets soon, since a token names a key that none of them has.
    func fetchAfterMiss(_ urls: [KeySetURL]) {
        for source in sources where urls.contains(source.url) { source.fetchAfterMiss() }
    }

    /// Calls `body` once each set was fetched or could not be.
    func afterFirstFetch(_ body: @escaping () -> Void) {
        waiting.append(body)
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
            logger: logger
        ) { [unowned self] hasChanged in
            if hasChanged { publishAll() }
            resumeWaiting()
        }
    }

    private func publishAll() {
        publish(Dictionary(sources.map { ($0.url, $0.keys) }, uniquingKeysWith: { first, _ in first }))
    }

    private func resumeWaiting() {
        guard sources.allSatisfy(\.hasEndedFirstFetch) else { return }
        let ready = waiting
        waiting = []
        for body in ready { body() }
    }
}
