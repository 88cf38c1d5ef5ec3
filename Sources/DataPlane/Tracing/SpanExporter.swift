import Basics
import GatewayConfiguration
import Logging
import Synchronization
import Transport

/// Takes the spans of all event loops and exports them on an event loop of its own, so that a collector costs requests
/// nothing, whatever it does.
final class SpanExporter: Sendable {
    private let queue = SpanQueue()
    private let resolver: Resolver
    private let descriptors: DescriptorBudget
    private let logger: Logger
    private let version: String
    /// `nil` until there is an endpoint.
    private let running = Mutex<Running?>(nil)
    /// The spans of one export, and the most that wait.
    private let batch = Atomic<Int>(0)
    private let limit = Atomic<Int>(0)

    private struct Running: Sendable {
        let thread: EventLoopThread
        /// Filled by the thread before it takes messages.
        let place: ExportPlace
    }

    init(resolver: Resolver, descriptors: DescriptorBudget, logger: Logger, version: String) {
        self.resolver = resolver
        self.descriptors = descriptors
        self.logger = logger
        self.version = version
    }

    var tally: TracingTally { queue.tally }

    var batchSize: Int { batch.load(ordering: .relaxed) }

    /// Exports to another endpoint, or in another way, from now on. Without an endpoint, what is under way still goes to
    /// the present one.
    func adopt(_ settings: TracingSettings) {
        guard settings.endpoint != nil else { return post { $0.hurry() } }
        batch.store(settings.batchSize, ordering: .relaxed)
        limit.store(settings.queueSize, ordering: .relaxed)
        start()
        post { $0.adopt(settings) }
    }

    /// Takes spans. Drops and counts them if too many wait.
    func offer(_ chunk: SpanChunk) {
        let isNews = queue.add(chunk, limit: limit.load(ordering: .relaxed), batchSize: batchSize)
        if isNews { post { $0.goOn() } }
    }

    /// Exports what waits, then ends. Call once the event loops have ended.
    ///
    /// - Parameter time: the most milliseconds that it may take.
    func finish(within time: Int64) async {
        guard let running = running.withLock({ $0 }) else { return }
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            let isPosted = running.thread.mailbox.post { _ in
                guard let export = running.place.export else { return continuation.resume() }
                export.flush(within: time) { continuation.resume() }
            }
            if !isPosted { continuation.resume() }
        }
        running.thread.stop()
        running.thread.join()
    }

    private func start() {
        running.withLock { running in
            guard running == nil else { return }
            let place = ExportPlace()
            do throws(SystemFault) {
                let thread = try EventLoopThread(name: "tracing") { [self] loop in
                    let export = SpanExport(
                        queue,
                        on: loop,
                        resolver: resolver,
                        descriptors: descriptors,
                        logger: logger,
                        version: version
                    )
                    place.set(Confined(export, to: loop.mailbox))
                }
                running = Running(thread: thread, place: place)
            } catch {
                logger.error("tracing: no thread can be started: \(error.reason); spans are dropped")
            }
        }
    }

    private func post(_ body: @escaping @Sendable (SpanExport) -> Void) {
        guard let running = running.withLock({ $0 }) else { return }
        running.thread.mailbox.post { _ in if let export = running.place.export { body(export) } }
    }
}

/// Holds the export of a thread that has begun.
private final class ExportPlace: Sendable {
    private let confined = Mutex<Confined<SpanExport>?>(nil)

    func set(_ export: Confined<SpanExport>) { confined.withLock { $0 = export } }

    /// Read on the export's thread only.
    var export: SpanExport? { confined.withLock { $0 }?.value }
}
