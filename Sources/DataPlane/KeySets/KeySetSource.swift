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
    private(set) var keys: [Key] = []
    /// Whether a fetch has ended, well or not.
    private(set) var hasEndedFirstFetch = false

    private let server: UpstreamServer
    private let security: TLSClientContext?
    private let loop: EventLoop
    private let resolver: Resolver
    private let descriptors: DescriptorBudget
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
    /// The least time from one fetch to one for the sake of an unknown key, since strangers can name any.
    private static let missInterval: Int64 = 30_000

    /// - Parameter completion: called after each fetch.
    init(
        _ url: KeySetURL,
        on loop: EventLoop,
        resolver: Resolver,
        descriptors: DescriptorBudget,
        logger: Logger,
        completion: @escaping (_ hasChanged: Bool) -> Void
    ) {
        self.url = url
        self.loop = loop
        self.resolver = resolver
        self.descriptors = descriptors
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
        let wanted = max(beganAt + Self.missInterval, loop.now)
        if inquiry == nil, wanted < dueAt { schedule(at: wanted) }
    }

    func fetch() {
        stop()
        beganAt = loop.now
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
                return .success(KeySet(keys: [], maxAge: answer.maxAge, problem: problem))
            }
            return .success(KeySet(keys: keys, maxAge: answer.maxAge))
        } catch {
            return .failure(Fault(reason: "\(error)"))
        }
    }

    /// Whether two sets have the same keys, in any order.
    private static func areSame(_ a: [Key], _ b: [Key]) -> Bool {
        Set(a.map(Identity.init)) == Set(b.map(Identity.init))
    }

    private struct Identity: Hashable {
        let id: ExactText?
        let thumbprint: KeyThumbprint

        init(_ key: Key) { (id, thumbprint) = (key.id.map { ExactText($0) }, key.thumbprint) }
    }

    private func adopt(_ set: KeySet) {
        let isNews = failingSince != nil || set.problem != lastFault || !Self.areSame(keys, set.keys)
        (keys, failingSince, failures, lastFault) = (set.keys, nil, 0, set.problem)
        if let problem = set.problem {
            if isNews { logger.error("\(url.text): \(problem)") }
        } else if isNews {
            logger.notice("\(url.text): \(keys.count) keys")
        }
        let age = set.maxAge.map { Int64(min(max($0, 0), 86_400)) * 1000 } ?? Self.standardAge
        schedule(in: min(max(age, Self.ages.lowerBound), Self.ages.upperBound))
    }

    /// Keeps the keys for now.
    private func keep(_ reason: String) {
        let since = failingSince ?? beganAt
        failingSince = since
        let isStale = !keys.isEmpty && loop.now - since >= Self.staleTime
        if isStale { keys = [] }
        if reason != lastFault || isStale {
            let then = keys.isEmpty ? "tokens signed with its keys are refused" : "its last keys stay in use for a day"
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
