import Basics
import GatewayConfiguration
import JOSE
import Logging
import Transport

/// Fetches one key set again and again.
///
/// Obeys `Cache-Control: max-age` within limits. While the source is down, its last keys stay in use, but never longer
/// than ``FetchedKeySet/lifetime`` after they were fetched.
final class KeySetSource {
    let url: KeySetURL
    /// Whether the configuration in effect names the set. Nothing is logged about one that is only tried: it may never
    /// be used, and whoever tries it says why.
    var isInUse = true { didSet { if isInUse, !oldValue { tellOfKeys() } } }
    /// The keys in use. `nil` if the set was never fetched, or not for too long.
    private(set) var keys: [Key]?
    /// What was fetched and accepted last, as long as its keys are in use.
    private(set) var fetched: FetchedKeySet?
    /// Whether a fetch has ended, well or not.
    private(set) var hasEndedFirstFetch = false
    private(set) var isWaitingForTurn = false

    private let server: UpstreamServer
    private let security: TLSClientContext?
    private let loop: EventLoop
    private let resolver: Resolver
    private let descriptors: DescriptorBudget
    private let missed: MissedKeys
    private let turns: FetchTurns
    private let logger: Logger
    private let completion: (_ hasChanged: Bool) -> Void
    private var random = RandomSource()
    /// Until the next fetch. `nil` during a fetch, and while it waits for its turn.
    private var timer: TimerHeap.ID?
    private var inquiry: Inquiry?
    private var hasTurn = false
    /// When the last fetch began, on the clock of the loop.
    private var beganAt: Int64 = 0
    /// When the next fetch begins.
    private var dueAt: Int64 = 0
    /// When the keys in use were fetched, on the clock of the loop.
    private var fetchedAt: Int64 = 0
    private var isLastFetchGood = false
    private var failures = 0
    /// What the last fetch failed for, or what is wrong with the set.
    private(set) var lastFault: String?
    /// The keys of the set that were skipped, as the operator was last told.
    private var lastSkipped: String?

    /// Identity providers' sets have a few kilobytes.
    private static let maxSize = 256 << 10
    /// All times are in milliseconds.
    private static let fetchTime: Int64 = 5000
    private static let standardAge: Int64 = 600_000
    /// Keys that were just about to be fetched again outlast three quarters of a day without their source.
    private static let ages: ClosedRange<Int64> = 60_000...21_600_000
    private static let firstRetry: Int64 = 5000
    private static let lastRetry: Int64 = 300_000

    /// - Parameters:
    ///   - missed: is told when a fetch is wanted and when it begins, but not that it has ended: the keys are not in use
    ///     then.
    ///   - completion: called after each fetch.
    init(
        _ url: KeySetURL,
        on loop: EventLoop,
        resolver: Resolver,
        descriptors: DescriptorBudget,
        missed: MissedKeys,
        turns: FetchTurns,
        logger: Logger,
        completion: @escaping (_ hasChanged: Bool) -> Void
    ) {
        self.url = url
        self.loop = loop
        self.resolver = resolver
        self.descriptors = descriptors
        self.missed = missed
        self.turns = turns
        self.logger = logger
        self.completion = completion
        (server, security) = Self.server(of: url)
    }

    func fetchAgain() {
        hasEndedFirstFetch = false
        fetch()
    }

    /// Fetches soon, since a token names a key that the set does not have.
    func fetchAfterMiss() {
        guard !isWaitingForTurn else { return hurry() }
        let wanted = max(beganAt + MissedKeys.interval, loop.now)
        if inquiry == nil, wanted < dueAt { schedule(at: wanted) }
    }

    /// Takes up a set that was fetched before the start. Its day goes on.
    func resume(_ set: FetchedKeySet) {
        guard keys == nil, let read = try? Key.publishedSet(set.body) else { return }
        (keys, fetched) = (read.keys, set)
        fetchedAt = loop.now - max(WallClock.now() - set.fetchedAt * 1000, 0)
        logger.notice("\(url.text): \(read.keys.count) keys from before the start, until it was fetched")
    }

    /// Fetches when it is its turn.
    func fetch() {
        stop()
        isWaitingForTurn = true
        missed.wanted(url, at: loop.now)
        turns.enter(self)
    }

    /// Lets a fetch that waits for its turn go before others.
    func hurry() { if isWaitingForTurn { turns.hurry(self) } }

    /// Fetches: it is its turn.
    func begin() {
        (isWaitingForTurn, hasTurn) = (false, true)
        beganAt = loop.now
        missed.began(url, at: beganAt)
        ask(server, security, url) { [self] result in
            guard let issuer = url.issuer else { return end(Self.read(result)) }
            switch Self.discover(issuer, in: result) {
            case .success(let found):
                let (server, security) = Self.server(of: found)
                ask(server, security, found) { [self] in end(Self.read($0).mapError { $0.about(found) }) }
            case .failure(let fault): end(.failure(fault))
            }
        }
    }

    /// Requests a document in what is left of the time for a fetch.
    private func ask(
        _ server: UpstreamServer,
        _ security: TLSClientContext?,
        _ url: KeySetURL,
        _ completion: @escaping (Result<Inquiry.Answer, InquiryFault>?) -> Void
    ) {
        let inquiry = Inquiry(
            to: server,
            security: security,
            request: Inquiry.get(url.target, host: url.authority),
            maxBody: Self.maxSize,
            within: max(Self.fetchTime - (loop.now - beganAt), 0),
            on: loop,
            resolver: resolver,
            descriptors: descriptors
        ) { [self] result in
            self.inquiry = nil
            completion(result)
        }
        self.inquiry = inquiry
        inquiry.start()
    }

    private func end(_ result: Result<KeySet, Fault>) {
        hasEndedFirstFetch = true
        let before = keys
        switch result {
        case .success(let read): adopt(read)
        case .failure(let fault): keep(fault.reason)
        }
        completion(!Self.areSame(before, keys))
        endTurn()
    }

    private func endTurn() {
        guard hasTurn else { return }
        hasTurn = false
        turns.leave()
    }

    private static func server(of url: KeySetURL) -> (UpstreamServer, TLSClientContext?) {
        let server = UpstreamServer(
            UpstreamServerSettings(isSecure: url.isSecure, address: .tcp(host: url.host, port: url.port)),
            connectTimeout: .milliseconds(fetchTime)
        )
        return (server, url.isSecure ? TLSClientContext(authorities: nil) : nil)
    }

    func stop() {
        if let timer = timer.take() { loop.cancel(timer) }
        inquiry.take()?.cancel()
        isWaitingForTurn = false
        endTurn()
    }

    private struct KeySet {
        let keys: [Key]
        /// `nil` if the set was refused.
        let body: [UInt8]?
        let maxAge: Int?
        /// The keys that were skipped, for the log.
        var skipped: String?
        /// What the operator should know.
        var problem: String?
    }

    private struct Fault: Error {
        let reason: String

        /// The fault of a document that another one names.
        func about(_ url: KeySetURL) -> Fault {
            Fault(reason: "its jwks_uri \(SkippedKeys.shown(url.text)): \(reason)")
        }
    }

    private static func read(_ result: Result<Inquiry.Answer, InquiryFault>?) -> Result<KeySet, Fault> {
        body(of: result).flatMap { answer in
            do throws(KeyError) {
                guard let read = try Key.publishedSet(answer.body) else {
                    let problem =
                        "it holds a private key or a secret, so anybody may sign: none of its keys is accepted"
                    return .success(KeySet(keys: [], body: nil, maxAge: answer.maxAge, problem: problem))
                }
                return .success(
                    KeySet(
                        keys: read.keys,
                        body: answer.body,
                        maxAge: answer.maxAge,
                        skipped: SkippedKeys.text(read.skipped)
                    )
                )
            } catch {
                return .failure(Fault(reason: "\(error)"))
            }
        }
    }

    private static func body(of result: Result<Inquiry.Answer, InquiryFault>?) -> Result<Inquiry.Answer, Fault> {
        switch result {
        case nil: return .failure(Fault(reason: "no descriptor left"))
        case .failure(let fault): return .failure(Fault(reason: "\(fault)"))
        case .success(let answer):
            // Redirects are not followed: the configuration says whom to trust.
            guard answer.status == 200 else { return .failure(Fault(reason: "status \(answer.status)")) }
            return .success(answer)
        }
    }

    /// Finds where an issuer publishes its keys
    /// ([OpenID Connect Discovery 1.0 section 4](https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfig)).
    private static func discover(
        _ issuer: String,
        in result: Result<Inquiry.Answer, InquiryFault>?
    ) -> Result<KeySetURL, Fault> {
        body(of: result).flatMap { answer in
            let document = try? JSONValue(parsing: answer.body.span, limits: JSONLimits(size: maxSize))
            guard case .object(let members)? = document else {
                return .failure(Fault(reason: "it is not a JSON object, or it repeats a member"))
            }
            guard case .string(let named)? = members["issuer"] else {
                return .failure(Fault(reason: "it names no issuer"))
            }
            // Section 4.3: else a host could speak for others.
            guard named.hasSameBytes(as: issuer) else {
                return .failure(Fault(reason: "its issuer is \(SkippedKeys.shown(named)), not \(issuer)"))
            }
            guard case .string(let text)? = members["jwks_uri"] else {
                return .failure(Fault(reason: "it names no jwks_uri"))
            }
            guard let found = try? KeySetURL(parsing: text), found.isSecure || !isSecure(issuer) else {
                return .failure(Fault(reason: "its jwks_uri \(SkippedKeys.shown(text)) is not an https URL"))
            }
            return .success(found)
        }
    }

    private static func isSecure(_ issuer: String) -> Bool { issuer.utf8.starts(with: "https:".utf8) }

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
        let isNews = !isLastFetchGood || set.problem != lastFault || !Self.areSame(keys, set.keys)
        (keys, fetchedAt, isLastFetchGood, failures, lastFault) = (set.keys, loop.now, true, 0, set.problem)
        let skipsOthers = lastSkipped.map { ExactText($0) } != set.skipped.map { ExactText($0) }
        lastSkipped = set.skipped
        fetched = set.body.map { FetchedKeySet(url: url, fetchedAt: WallClock.now() / 1000, body: $0) }
        if isInUse {
            if skipsOthers { tellOfSkipped() }
            if isNews { tellOfSet() }
        }
        let longest = Int(Self.ages.upperBound / 1000)
        let age = set.maxAge.map { Int64(min(max($0, 0), longest)) * 1000 } ?? Self.standardAge
        schedule(in: max(age, Self.ages.lowerBound))
    }

    private func tellOfKeys() {
        tellOfSkipped()
        if isLastFetchGood { tellOfSet() }
    }

    private func tellOfSkipped() {
        if let lastSkipped { logger.warning("\(url.text): keys that cannot be used are skipped: \(lastSkipped)") }
    }

    private func tellOfSet() {
        if let lastFault {
            logger.error("\(url.text): \(lastFault)")
        } else {
            logger.notice("\(url.text): \(keys?.count ?? 0) keys")
        }
    }

    /// Keeps the keys for now.
    private func keep(_ reason: String) {
        isLastFetchGood = false
        let isStale = keys != nil && loop.now - fetchedAt >= FetchedKeySet.lifetime * 1000
        if isStale { (keys, fetched) = (nil, nil) }
        if isInUse, reason != lastFault || isStale {
            let then =
                keys == nil
                ? "until it can be fetched, its company's viewers are answered 503 try_again"
                : "its last keys stay in use for a day after they were fetched"
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
