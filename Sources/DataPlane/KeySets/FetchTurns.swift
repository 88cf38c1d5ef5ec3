/// Lets key sets be fetched a few at a time, so that thousands of companies' servers, slow ones among them, take neither
/// the descriptors nor the event loop that viewers need.
final class FetchTurns {
    private let atOnce: Int
    private var running = 0
    /// Whether fetches are about to begin, or must not yet.
    private var isHeld = false
    /// In order of arrival. Those that have begun or given up since are skipped.
    private var waiting = Line()
    /// Those of them that somebody waits for. They have as many places again.
    private var urgent = Line()

    private struct Line {
        private var sources: [KeySetSource] = []
        private var first = 0

        mutating func add(_ source: KeySetSource) { sources.append(source) }

        mutating func next() -> KeySetSource? {
            while first < sources.count {
                let source = sources[first]
                first += 1
                if source.isWaitingForTurn { return source }
            }
            (sources, first) = ([], 0)
            return nil
        }
    }

    init(atOnce: Int = 16) { self.atOnce = atOnce }

    /// Begins the fetch when it is its turn.
    func enter(_ source: KeySetSource) {
        waiting.add(source)
        start()
    }

    /// Begins the fetch, which waits for its turn, before those that nobody waits for.
    func hurry(_ source: KeySetSource) {
        urgent.add(source)
        start()
    }

    /// A fetch that had begun has ended.
    func leave() {
        running -= 1
        start()
    }

    /// Begins no fetch before `body` has said of all of them whether they are wanted.
    func changing(_ body: () -> Void) {
        let wasHeld = isHeld
        isHeld = true
        body()
        isHeld = wasHeld
        start()
    }

    private func start() {
        // A fetch may end at once, which leads here again.
        guard !isHeld else { return }
        isHeld = true
        defer { isHeld = false }
        while running < 2 * atOnce, let source = urgent.next() ?? (running < atOnce ? waiting.next() : nil) {
            running += 1
            source.begin()
        }
    }
}
