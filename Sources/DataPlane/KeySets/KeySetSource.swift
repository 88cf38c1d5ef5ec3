import Basics
import GatewayConfiguration
import JOSE
import Logging
import Transport

/// Fetches one key set again and again.
///
/// Obeys `Cache-Control: max-age` within limits. Once the source is down, its last keys stay in use for a day.
final class KeySetSource {
    let url: KeySetURL
    /// The keys in use. `nil` if the set was never fetched, or not for too long.
    private(set) var keys: [Key]?
    /// What was fetched last, as long as its keys are in use.
    private(set) var fetched: FetchedKeySet?
    /// Whether a fetch has ended, well or not.
    private(set) var hasEndedFirstFetch = false

    private let server: UpstreamServer
    private let security: TLSClientContext?
    private let loop: EventLoop
    private let resolver: Resolver
    private let descriptors: DescriptorBudget
    private let missed: MissedKeys
    private let logger: Logger
    private let completion: (_ hasChanged: Bool) -> Void
    private var random = RandomSource()
    /// Until the next fetch. `nil` during a fetch.
    private var timer: TimerHeap.ID?
    private var inquiry: Inquiry?
    /// When the last fetch began, on the clock of the loop.
    private var beganAt: Int64 = 0
    /// When the next fetch begins.
    private var dueAt: Int64 = 0
    /// When the first of the present failures in a row began. `nil` if the last fetch was good.
    private var failingSince: Int64?
    private var failures = 0
    private var lastFault: String?

    /// Identity providers' sets have a few kilobytes.
    private static let maxSize = 256 << 10
    /// All times are in milliseconds.
    private static let fetchTime: Int64 = 5000
    private static let standardAge: Int64 = 600_000
    private static let ages: ClosedRange<Int64> = 60_000...86_400_000
    private static let firstRetry: Int64 = 5000
    private static let lastRetry: Int64 = 300_000
    /// How long keys stay in use once the source is down.
    private static let staleTime: Int64 = 86_400_000

    /// - Parameter completion: called after each fetch.
    init(
        _ url: KeySetURL,
        on loop: EventLoop,
        resolver: Resolver,
        descriptors: DescriptorBudget,
        missed: MissedKeys,
        logger: Logger,
        completion: @escaping (_ hasChanged: Bool) -> Void
    ) {
        self.url = url
        self.loop = loop
        self.resolver = resolver
        self.descriptors = descriptors
        self.missed = missed
        self.logger = logger
        self.completion = completion
        server = UpstreamServer(
            UpstreamServerSettings(isSecure: url.isSecure, address: .tcp(host: url.host, port: url.port)),
            connectTimeout: .milliseconds(Self.fetchTime)
        )
        security = url.isSecure ? TLSClientContext(authorities: nil) : nil
    }

    func fetchAgain() {
        hasEndedFirstFetch = false
        fetch()
    }

    /// Fetches soon, since a token names a key that the set does not have.
    func fetchAfterMiss() {
        let wanted = max(beganAt + MissedKeys.interval, loop.now)
        if inquiry == nil, wanted < dueAt { schedule(at: wanted) }
    }

    /// Takes up a set that was fetched before the start. Its day goes on.
    func resume(_ set: FetchedKeySet) {
        guard keys == nil, let read = try? Key.publishedSet(set.body) else { return }
        (keys, fetched) = (read, set)
        failingSince = loop.now - max(WallClock.now() - set.fetchedAt * 1000, 0)
        logger.notice("\(url.text): \(read.count) keys from before the start, until it was fetched")
    }

    func fetch() {
        stop()
        beganAt = loop.now
        missed.began(url, at: beganAt)
        let inquiry = Inquiry(
            to: server,
            security: security,
            request: Inquiry.get(url.target, host: url.authority),
            maxBody: Self.maxSize,
            within: Self.fetchTime,
            on: loop,
            resolver: resolver,
            descriptors: descriptors
        ) { [self] result in
            self.inquiry = nil
            missed.ended(url)
            hasEndedFirstFetch = true
            let before = keys
            switch Self.read(result) {
            case .success(let read): adopt(read)
            case .failure(let fault): keep(fault.reason)
            }
            completion(!Self.areSame(before, keys))
        }
        self.inquiry = inquiry
        inquiry.start()
    }

    func stop() {
        if let timer = timer.take() { loop.cancel(timer) }
        inquiry.take()?.cancel()
    }

    private struct KeySet {
        let keys: [Key]
        let body: [UInt8]
        let maxAge: Int?
        /// What the operator should know.
        var problem: String?
    }

    private struct Fault: Error {
        let reason: String
    }

    private static func read(_ result: Result<Inquiry.Answer, InquiryFault>?) -> Result<KeySet, Fault> {
        let answer: Inquiry.Answer
        switch result {
        case nil: return .failure(Fault(reason: "no descriptor left"))
        case .failure(let fault): return .failure(Fault(reason: "\(fault)"))
        case .success(let received): answer = received
        }
        // Redirects are not followed: the configuration says whom to trust.
        guard answer.status == 200 else { return .failure(Fault(reason: "status \(answer.status)")) }
        do throws(KeyError) {
            guard let keys = try Key.publishedSet(answer.body) else {
                let problem = "it holds a private key or a secret, so anybody may sign: none of its keys is accepted"
                return .success(KeySet(keys: [], body: answer.body, maxAge: answer.maxAge, problem: problem))
            }
            return .success(KeySet(keys: keys, body: answer.body, maxAge: answer.maxAge))
        } catch {
            return .failure(Fault(reason: "\(error)"))
        }
    }

    /// Whether two sets have the same keys, in any order.
    private static func areSame(_ a: [Key]?, _ b: [Key]?) -> Bool {
        a.map { Set($0.map(Identity.init)) } == b.map { Set($0.map(Identity.init)) }
    }

    private struct Identity: Hashable {
        let id: ExactText?
        let thumbprint: KeyThumbprint

        init(_ key: Key) { (id, thumbprint) = (key.id.map { ExactText($0) }, key.thumbprint) }
    }

    private func adopt(_ set: KeySet) {
        let isNews = failingSince != nil || set.problem != lastFault || !Self.areSame(keys, set.keys)
        (keys, failingSince, failures, lastFault) = (set.keys, nil, 0, set.problem)
        fetched = FetchedKeySet(url: url, fetchedAt: WallClock.now() / 1000, body: set.body)
        if let problem = set.problem {
            if isNews { logger.error("\(url.text): \(problem)") }
        } else if isNews {
            logger.notice("\(url.text): \(set.keys.count) keys")
        }
        let age = set.maxAge.map { Int64(min(max($0, 0), 86_400)) * 1000 } ?? Self.standardAge
        schedule(in: min(max(age, Self.ages.lowerBound), Self.ages.upperBound))
    }

    /// Keeps the keys for now.
    private func keep(_ reason: String) {
        let since = failingSince ?? beganAt
        failingSince = since
        let isStale = keys != nil && loop.now - since >= Self.staleTime
        if isStale { (keys, fetched) = (nil, nil) }
        if reason != lastFault || isStale {
            let then =
                keys == nil
                ? "until it can be fetched, its company's viewers are answered 503 try_again"
                : "its last keys stay in use for a day"
            logger.warning("\(url.text): \(reason); \(then)")
        }
        lastFault = reason
        schedule(in: min(Self.firstRetry << Int64(min(failures, 10)), Self.lastRetry))
        failures += 1
    }

    /// Fetches again after this time, or up to a tenth earlier, so that gateways do not all ask at once.
    private func schedule(in time: Int64) {
        schedule(at: loop.now + time - Int64(random.next() % UInt64(time / 10 + 1)))
    }

    private func schedule(at time: Int64) {
        if let timer = timer.take() { loop.cancel(timer) }
        dueAt = time
        timer = loop.schedule(in: time - loop.now) { [self] in
            timer = nil
            fetch()
        }
    }
}
