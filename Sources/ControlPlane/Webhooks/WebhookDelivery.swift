import Admission
package import Basics
package import Directory
package import GatewayConfiguration
package import JOSE
package import Logging
import Synchronization

/// Delivers the messages waiting in the directory to their webhooks.
///
/// A message is kept, also over restarts, until its endpoint has answered with a 2xx status, and is retried until it is
/// a day old. So an endpoint may get it twice, with the same `webhook-id`. A webhook's messages about one event are
/// sent in order; those of different webhooks and events in parallel, as ``DeliveryShares`` permits. An endpoint that
/// fails for a day, or answers 410, is switched off.
package final class WebhookDelivery: Sendable {
    private typealias Bell = AsyncStream<Void>.Continuation

    private let directory: Directory
    private let client: DeliveryClient
    private let logger: Logger
    private let clock: @Sendable () -> Milliseconds
    private let wait: @Sendable (_ attempts: Int) -> Milliseconds
    private let allowedPrivate: Mutex<[AddressRange]>
    /// The companies whose messages wait.
    private let suspended = Mutex<Set<ExactText>>([])
    private let shares = Mutex(DeliveryShares())
    private let attempts = Mutex(DeliveryTally())
    /// When it was logged that a webhook's backlog is full.
    private let fullBacklogs = Mutex<[ExactText: Milliseconds]>([:])

    /// The time of day may jump, so never sleep for longer than this.
    private static let longestSleep: Milliseconds = 60_000
    private static let pauseAfterFault: Duration = .seconds(5)
    private static let fullBacklogPause: Milliseconds = 3_600_000

    /// - Parameters:
    ///   - allowedPrivate: addresses that are allowed although they are not public.
    ///   - authorities: the authorities to trust for endpoints' certificates; `nil` for the system's.
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

    /// - Parameter wait: the wait after an attempt, given the number of attempts before it.
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

    /// Uses other settings: the addresses that webhooks may go to although they are not public, and which companies are
    /// suspended, whose messages wait until they are not.
    package func adopt(_ settings: Settings) {
        adopt(
            allowedPrivate: settings.control.webhookPrivateAddresses,
            suspended: settings.companies.filter(\.isSuspended).map(\.id)
        )
    }

    func adopt(allowedPrivate: [AddressRange], suspended companies: [String] = []) {
        self.allowedPrivate.withLock { $0 = allowedPrivate }
        let now = Set(companies.map { ExactText($0) })
        let before = suspended.withLock { suspended in
            defer { suspended = now }
            return suspended
        }
        let resumed = before.subtracting(now)
        guard !resumed.isEmpty else { return }
        for webhook in directory.allWebhooks where webhook.isEnabled && resumed.contains(ExactText(webhook.company)) {
            directory.deliveryIsDue(to: webhook)
        }
    }

    /// Delivers until the task is cancelled. Messages under way at that time are delivered again after the next start.
    package func run() async {
        let (rings, bell) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        directory.onDelivery { [self] webhook in
            wake(webhook)
            bell.yield()
        }
        directory.onSwitchedOn { [self] webhook in shares.withLock { $0.hasten(ExactText(webhook.id)) } }
        directory.onFullBacklog { [self] webhook, count in gaveUp(count, of: webhook) }
        for webhook in directory.allWebhooks where webhook.isEnabled { wake(webhook) }
        bell.yield()
        await withDiscardingTaskGroup { group in
            group.addTask { [self] in await spread() }
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

    /// Makes messages of what is announced to many webhooks, until the task is cancelled.
    private func spread() async {
        let (rings, bell) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        directory.onAnnouncement { bell.yield() }
        bell.yield()
        for await _ in rings {
            do {
                try await directory.spread()
            } catch {
                if Task.isCancelled { break }
                logger.error("webhook messages cannot be written", metadata: ["reason": "\(error)"])
                try? await Task.sleep(for: Self.pauseAfterFault)
                bell.yield()
            }
        }
    }

    /// Notes that a webhook's oldest messages were given up. Logs it once an hour, since each new message may do it.
    private func gaveUp(_ count: Int, of webhook: Webhook) {
        attempts.withLock { $0.givenUp += count }
        let now = clock()
        let isNew = fullBacklogs.withLock { backlogs in
            backlogs = backlogs.filter { now - $0.value < Self.fullBacklogPause }
            return backlogs.updateValue(backlogs[ExactText(webhook.id)] ?? now, forKey: ExactText(webhook.id)) == nil
        }
        guard isNew else { return }
        logger.warning(
            "a webhook's oldest messages are given up: too many wait",
            metadata: [
                "company": "\(webhook.company)", "webhook": "\(webhook.id)",
                "host": "\(WebhookEndpoint(webhook.endpoint)?.host ?? "")",
            ]
        )
    }

    // MARK: Trying out

    /// Whether messages may be delivered to an endpoint now: its host has addresses, and all of them are allowed.
    ///
    /// - Throws: if too many look-ups are under way.
    func accepts(_ endpoint: WebhookEndpoint, of company: String) async throws(Fault) -> Bool {
        do {
            try await client.check(endpoint, of: company, allowed: allowed)
            return true
        } catch DeliveryFault.namesWait(let isOwn) {
            throw isOwn ? .tooManyCalls : .busy
        } catch {
            return false
        }
    }

    /// Sends a message of its own kind to a webhook, once and at once, past those that wait.
    func test(_ webhook: Webhook) async -> WebhookTest {
        let delivery = directory.testMessage(for: webhook)
        let start = ContinuousClock.now
        var result = WebhookTest(id: delivery.uid)
        do {
            guard let endpoint = WebhookEndpoint(webhook.endpoint) else { throw DeliveryFault.endpoint }
            let request = DeliveryRequest(delivery, to: endpoint, now: clock())
            let answer = try await client.send(request, to: endpoint, of: webhook.company, allowed: allowed)
            result.status = Int(answer.status)
            if !answer.hasArrived { result.error = "answered \(answer.status)" }
        } catch let fault as DeliveryFault {
            result.error = fault.wordsForCompany
        } catch {
            result.error = "the connection failed"
        }
        result.milliseconds = Int(start.duration(to: .now) / .milliseconds(1))
        return result
    }

    private var allowed: DeliveryAddresses { DeliveryAddresses(allowedPrivate: allowedPrivate.withLock { $0 }) }

    /// How deliveries went since the start.
    package var tally: DeliveryTally { attempts.withLock { $0 } }

    // MARK: Due messages

    private func wake(_ webhook: Webhook) {
        shares.withLock {
            $0.wake(
                ExactText(webhook.id),
                company: ExactText(webhook.company),
                host: ExactText(WebhookEndpoint(webhook.endpoint)?.host ?? "")
            )
        }
    }

    /// Starts the messages that are due, as far as there is room. Each one that ends makes room for the next.
    ///
    /// - Returns: when to look again.
    private func startDue(in group: inout DiscardingTaskGroup, _ bell: Bell) async -> Duration {
        while !Task.isCancelled {
            guard let turn = shares.withLock({ $0.take(at: clock()) }) else { break }
            do {
                try await start(turn, in: &group, bell)
            } catch {
                shares.withLock { $0.rested(turn, until: clock()) }
                if Task.isCancelled { break }
                logger.error("webhook messages cannot be read", metadata: ["reason": "\(error)"])
                return Self.pauseAfterFault
            }
        }
        let now = clock()
        let next = shares.withLock { $0.nextMoment } ?? .max
        return .milliseconds(min(max(next, now) - now, Self.longestSleep))
    }

    private func start(
        _ turn: DeliveryShares.Turn,
        in group: inout DiscardingTaskGroup,
        _ bell: Bell
    ) async throws {
        guard let webhook = directory.webhook(turn.webhook.text, company: turn.company.text), webhook.isEnabled
        else {
            shares.withLock { $0.forget(turn.webhook) }
            return
        }
        if suspended.withLock({ $0.contains(turn.company) }) {
            shares.withLock { $0.rested(turn, until: nil) }
            return
        }
        switch try await directory.nextMessage(for: webhook, except: turn.running, at: clock()) {
        case .none(let until): shares.withLock { $0.rested(turn, until: until) }
        case .message(let delivery):
            shares.withLock { $0.began(turn, delivery.id, at: clock()) }
            group.addTask { [self] in
                await deliver(delivery)
                bell.yield()
            }
        }
    }

    // MARK: One message

    private func deliver(_ delivery: Delivery) async {
        let endpoint = WebhookEndpoint(delivery.webhook.endpoint)
        /// The reasons for the operator and for the company.
        var failure: (reason: String, told: String)?
        var answer: DeliveryAnswer?
        do {
            guard let endpoint else { throw DeliveryFault.endpoint }
            let request = DeliveryRequest(delivery, to: endpoint, now: clock())
            let found = try await client.send(
                request,
                to: endpoint,
                of: delivery.webhook.company,
                allowed: allowed
            )
            if !found.hasArrived { failure = ("answered \(found.status)", "answered \(found.status)") }
            answer = found
        } catch is CancellationError {
            ended(delivery, hasArrived: nil, rest: nil)
            return
        } catch let fault as DeliveryFault {
            failure = (fault.description, fault.wordsForCompany)
        } catch {
            failure = (DeliveryFault.words(error), "the connection failed")
        }
        let rest = answer?.rest(now: clock())
        do {
            if let failure {
                try await failed(delivery, host: endpoint?.authority, failure, answer)
            } else {
                attempts.withLock { $0.arrived += 1 }
                try await directory.finish(delivery, response: answer.map { Int($0.status) })
            }
        } catch {
            logger.error("a webhook message's state cannot be written", metadata: ["reason": "\(error)"])
            // Without this pause it would be sent again at once.
            try? await Task.sleep(for: Self.pauseAfterFault)
        }
        let isGone = answer?.isGone ?? false
        // Before the next attempt.
        if isGone {
            let words: Logger.Message = "a webhook was switched off: its endpoint has answered 410"
            await switchOff(delivery, by: .gone, words, host: endpoint?.authority)
        }
        ended(delivery, hasArrived: failure == nil, rest: rest)
        if failure != nil, !isGone { await judge(delivery, host: endpoint?.authority) }
    }

    private func ended(_ delivery: Delivery, hasArrived: Bool?, rest: Milliseconds?) {
        shares.withLock {
            let id = ExactText(delivery.webhook.id)
            $0.ended(id, delivery.id, hasArrived: hasArrived, rest: rest, at: clock(), wait: wait)
        }
    }

    /// Switches off a webhook whose endpoint has failed for too long.
    private func judge(_ delivery: Delivery, host: String?) async {
        let id = delivery.webhook.id
        let company = delivery.webhook.company
        // The directory's count, which is kept over restarts.
        guard shares.withLock({ $0.failures(of: ExactText(id)) }) != nil,
            let webhook = directory.webhook(id, company: company), let failingSince = webhook.failingSince,
            DeliverySchedule.switchesOff(
                after: webhook.failures,
                since: max(failingSince, webhook.enabledAt ?? failingSince),
                now: clock()
            )
        else { return }
        await switchOff(
            delivery,
            by: .failures,
            "a webhook was switched off: its endpoint has failed for a day",
            host: host
        )
    }

    private func switchOff(
        _ delivery: Delivery,
        by switcher: Webhook.Switcher,
        _ words: Logger.Message,
        host: String?
    ) async {
        let (id, company) = (delivery.webhook.id, delivery.webhook.company)
        do {
            _ = try await directory.switchWebhook(id, company: company, isOn: false, by: switcher)
            shares.withLock { $0.forget(ExactText(id)) }
            logger.warning(words, metadata: metadata(delivery, host: host))
        } catch {
            logger.error("a webhook's state cannot be written", metadata: ["reason": "\(error)"])
        }
    }

    private func metadata(_ delivery: Delivery, host: String?) -> Logger.Metadata {
        [
            "company": "\(delivery.webhook.company)", "webhook": "\(delivery.webhook.id)",
            "type": "\(delivery.type)", "host": "\(host ?? "")",
            "attempts": "\(delivery.attempts + 1)",
        ]
    }

    /// Schedules a retry of a message, or gives it up. Logs neither its body nor its whole endpoint: both may contain
    /// secrets.
    ///
    /// - Parameter answer: what the endpoint answered, if it did.
    private func failed(
        _ delivery: Delivery,
        host: String?,
        _ failure: (reason: String, told: String),
        _ answer: DeliveryAnswer?
    ) async throws {
        let now = clock()
        let response = answer.map { Int($0.status) }
        var metadata = metadata(delivery, host: host)
        metadata.updateValue("\(failure.reason)", forKey: "reason")
        if DeliverySchedule.givesUp(after: delivery.attempts, queuedAt: delivery.queuedAt, now: now) {
            logger.warning("a webhook message was given up", metadata: metadata)
            attempts.withLock { $0.givenUp += 1 }
            try await directory.retry(delivery, at: nil, reason: failure.told, response: response)
        } else {
            logger.info("a webhook message was not delivered, and will be retried", metadata: metadata)
            attempts.withLock { $0.retried += 1 }
            let pause = max(wait(delivery.attempts), answer?.rest(now: now) ?? 0)
            try await directory.retry(delivery, at: now + pause, reason: failure.told, response: response)
        }
    }
}

/// How a webhook's endpoint did with a test message.
struct WebhookTest: Sendable {
    /// The message's id.
    let id: String
    /// The status of the answer; `nil` if there was none.
    var status: Int?
    /// Why it did not arrive, worded for the company.
    var error: String?
    /// How long it took, from the look-up of the host.
    var milliseconds = 0
}

/// Attempts to deliver a message, by outcome.
package struct DeliveryTally: Sendable, Equatable {
    package var arrived = 0
    package var retried = 0
    /// Those that were the last one; and messages that were given up since too many waited behind them.
    package var givenUp = 0
}
