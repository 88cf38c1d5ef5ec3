package import Admission
import DataPlane
package import Directory
package import GatewayConfiguration
package import JOSE
package import Logging
import Synchronization

/// Delivers the messages that wait in the directory to the webhooks that they are for.
///
/// A message is kept until its endpoint has answered with a 2xx status, over restarts too, and tried again until it is a
/// day old: an endpoint may get it twice, with the same `Webhook-Id`. A webhook's messages of one event go out in order;
/// those of different webhooks and events at the same time.
package final class WebhookDelivery: Sendable {
    /// What is under way.
    private struct Running {
        var deliveries: Set<Int64> = []
        /// Those that have ended since the directory was asked last: what it said of them is out of date.
        var ended: Set<Int64> = []
        var hosts: [String: Int] = [:]
    }

    /// Why a message is not sent now, or that it is.
    private enum Start {
        case started
        case isRunningOrEnded
        case hostIsBusy
        case tooMany
    }

    private typealias Bell = AsyncStream<Void>.Continuation

    private let directory: Directory
    private let client: DeliveryClient
    private let logger: Logger
    private let clock: @Sendable () -> Milliseconds
    private let wait: @Sendable (_ attempts: Int) -> Milliseconds
    private let allowedPrivate: Mutex<[AddressRange]>
    private let running = Mutex(Running())

    private static let limit = 16
    private static let limitPerHost = 2
    private static let batchSize = 64
    /// The time of day may jump; waiting does not.
    private static let longestSleep: Milliseconds = 60_000
    private static let pauseAfterFault: Duration = .seconds(5)

    /// - Parameters:
    ///   - allowedPrivate: addresses that are delivered to although they are not public.
    ///   - authorities: who must have signed the certificates of endpoints; nil: whom the system trusts.
    ///   - clock: the time of day.
    package convenience init(
        directory: Directory,
        allowedPrivate: [AddressRange],
        authorities: TrustedAuthorities? = nil,
        logger: Logger,
        clock: @escaping @Sendable () -> Milliseconds
    ) {
        self.init(
            directory: directory,
            client: DeliveryClient(tls: OutgoingTLS(authorities: authorities)),
            allowedPrivate: allowedPrivate,
            logger: logger,
            clock: clock
        )
    }

    /// - Parameter wait: how long after an attempt the next one is made, given how many there were before it.
    init(
        directory: Directory,
        client: DeliveryClient,
        allowedPrivate: [AddressRange],
        logger: Logger,
        clock: @escaping @Sendable () -> Milliseconds,
        wait: @escaping @Sendable (_ attempts: Int) -> Milliseconds = { attempts in
            var random = SystemRandomNumberGenerator()
            return DeliverySchedule.wait(after: attempts, using: &random)
        }
    ) {
        self.directory = directory
        self.client = client
        self.allowedPrivate = Mutex(allowedPrivate)
        self.logger = logger
        self.clock = clock
        self.wait = wait
    }

    /// Replaces the addresses that are delivered to although they are not public.
    package func adopt(allowedPrivate: [AddressRange]) { self.allowedPrivate.withLock { $0 = allowedPrivate } }

    /// Delivers until it is cancelled. What is under way then is delivered again at the next start.
    package func run() async {
        let (rings, bell) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        directory.onDelivery { bell.yield() }
        bell.yield()
        await withDiscardingTaskGroup { group in
            var timer: Task<Void, any Error>?
            for await _ in rings {
                timer?.cancel()
                let sleep = await startDue(in: &group, bell)
                timer = Task {
                    try await Task.sleep(for: sleep)
                    bell.yield()
                }
            }
            timer?.cancel()
        }
    }

    // MARK: What is due

    /// Starts what is due as far as there is room; the end of each makes room for the next.
    ///
    /// - Returns: when to look again.
    private func startDue(in group: inout DiscardingTaskGroup, _ bell: Bell) async -> Duration {
        let now = clock()
        do {
            try await start(dueAt: now, in: &group, bell)
            let next = try await directory.nextDelivery(after: now) ?? .max
            return .milliseconds(min(max(next, now) - now, Self.longestSleep))
        } catch is CancellationError {
            return .zero
        } catch {
            logger.error("webhook messages cannot be read", metadata: ["reason": "\(error)"])
            return Self.pauseAfterFault
        }
    }

    private func start(dueAt now: Milliseconds, in group: inout DiscardingTaskGroup, _ bell: Bell) async throws {
        // Those whose hosts are busy, so that their messages do not keep the others' from being seen.
        var busy: Set<String> = []
        while !Task.isCancelled {
            running.withLock { $0.ended = [] }
            let due = try await directory.dueDeliveries(at: now, limit: Self.batchSize, except: busy)
            let busyBefore = busy.count
            for delivery in due {
                let endpoint = WebhookEndpoint(delivery.webhook.endpoint)
                let host = endpoint?.host ?? ""
                switch start(delivery, host: host) {
                case .started:
                    group.addTask { [self] in
                        await deliver(delivery, to: endpoint)
                        ended(delivery, host: host)
                        bell.yield()
                    }
                case .isRunningOrEnded: break
                case .hostIsBusy: busy.insert(delivery.webhook.id)
                case .tooMany: return
                }
            }
            guard due.count == Self.batchSize, busy.count > busyBefore else { return }
        }
    }

    private func start(_ delivery: Delivery, host: String) -> Start {
        running.withLock { running in
            guard running.deliveries.count < Self.limit else { return .tooMany }
            guard !running.deliveries.contains(delivery.id), !running.ended.contains(delivery.id) else {
                return .isRunningOrEnded
            }
            guard running.hosts[host, default: 0] < Self.limitPerHost else { return .hostIsBusy }
            running.deliveries.insert(delivery.id)
            running.hosts[host, default: 0] += 1
            return .started
        }
    }

    private func ended(_ delivery: Delivery, host: String) {
        running.withLock { running in
            running.deliveries.remove(delivery.id)
            running.ended.insert(delivery.id)
            let left = running.hosts[host, default: 1] - 1
            running.hosts[host] = left > 0 ? left : nil
        }
    }

    // MARK: One message

    private func deliver(_ delivery: Delivery, to endpoint: WebhookEndpoint?) async {
        var failure: String?
        do {
            guard let endpoint else { throw DeliveryFault.endpoint }
            let request = DeliveryRequest(delivery, to: endpoint, now: clock())
            let allowed = DeliveryAddresses(allowedPrivate: allowedPrivate.withLock { $0 })
            let status = try await client.send(request, to: endpoint, allowed: allowed)
            if !(200..<300).contains(status) { failure = "answered \(status)" }
        } catch is CancellationError {
            return
        } catch {
            failure = "\(error)"
        }
        do {
            if let failure {
                try await failed(delivery, host: endpoint?.host, reason: failure)
            } else {
                try await directory.finish(delivery)
            }
        } catch {
            logger.error("a webhook message's state cannot be written", metadata: ["reason": "\(error)"])
            // Otherwise it would be sent again at once.
            try? await Task.sleep(for: Self.pauseAfterFault)
        }
    }

    /// Has a message tried again later, or gives it up. Neither its body nor its whole endpoint is logged: both may hold
    /// secrets.
    private func failed(_ delivery: Delivery, host: String?, reason: String) async throws {
        let now = clock()
        let metadata: Logger.Metadata = [
            "company": "\(delivery.webhook.company)", "webhook": "\(delivery.webhook.id)",
            "type": "\(delivery.webhook.type.rawValue)", "host": "\(host ?? "")",
            "attempts": "\(delivery.attempts + 1)", "reason": "\(reason)",
        ]
        if DeliverySchedule.givesUp(after: delivery.attempts, createdAt: delivery.createdAt, now: now) {
            logger.warning("a webhook message was given up", metadata: metadata)
            try await directory.finish(delivery)
        } else {
            logger.info("a webhook message was not delivered, and is tried again", metadata: metadata)
            try await directory.retry(delivery, at: now + wait(delivery.attempts))
        }
    }
}
