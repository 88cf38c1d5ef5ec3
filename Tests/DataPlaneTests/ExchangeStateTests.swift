import Admission
import TestSupport
import Testing

@testable import DataPlane

@Suite("The course of an exchange")
struct ExchangeStateTests {
    typealias Phase = ExchangeState.Phase
    typealias Event = ExchangeState.Event
    typealias Action = ExchangeState.Action

    /// One event of each kind.
    static let events: [(name: String, event: Event)] = [
        ("forwarded", .forwarded(servers: 2, retries: 3)), ("connected", .connected(at: 1)),
        ("failed", .failed(.closed, nil)),
        ("requestBytes", .requestBytes(1)), ("requestEnded", .requestEnded(at: 1)), ("requestBroken", .requestBroken),
        ("interim", .interim(status: 103)), ("head", .head(status: 200)), ("upgraded", .upgraded),
        ("responseBytes", .responseBytes(1)), ("responseEnded", .responseEnded(isReusable: true)),
        ("answered", .answered(status: 404)), ("sessionOver", .sessionOver(.sessionReplaced)),
        ("clientGone", .clientGone), ("looked", .looked(.calm(at: 1))),
    ]

    /// The action for each event in idle, judging, connecting, requesting, answering and tunnel.
    static let table: [String: [Action]] = [
        "forwarded": [
            .unexpected, .connect(tried: 0, allowsReuse: true), .unexpected, .unexpected, .unexpected, .unexpected,
        ],
        "connected": [.unexpected, .unexpected, .send, .unexpected, .unexpected, .unexpected],
        "failed": [
            .unexpected, .unexpected, .refuse(.upstreamUnavailable), .refuse(.upstreamUnavailable), .cut(.upstream),
            .unexpected,
        ],
        "requestBytes": [.ignore, .keep, .keep, .pass, .pass, .unexpected],
        "requestEnded": [.ignore, .ignore, .ignore, .endRequest, .endRequest, .unexpected],
        "requestBroken": [
            .ignore, .respond(status: 400), .respond(status: 400), .respond(status: 400), .cut(.client), .unexpected,
        ],
        "interim": [.ignore, .unexpected, .unexpected, .pass, .unexpected, .unexpected],
        "head": [.ignore, .unexpected, .unexpected, .pass, .unexpected, .unexpected],
        "upgraded": [.unexpected, .unexpected, .unexpected, .unexpected, .pass, .unexpected],
        "responseBytes": [.ignore, .unexpected, .unexpected, .unexpected, .pass, .unexpected],
        "responseEnded": [
            .ignore, .unexpected, .unexpected, .unexpected, .complete(keepsUpstream: false), .unexpected,
        ],
        "answered": [.ignore, .pass, .pass, .pass, .ignore, .ignore],
        "sessionOver": [
            .ignore, .refuse(.sessionReplaced), .refuse(.sessionReplaced), .refuse(.sessionReplaced), .cut(.session),
            .endTunnel,
        ],
        "clientGone": [.ignore, .release, .release, .release, .release, .endTunnel],
        "looked": [.ignore, .judge, .judge, .judge, .judge, .judge],
    ]

    @Test("every event has a defined action in every phase", arguments: Phase.allCases)
    func everyPair(phase: Phase) throws {
        #expect(Self.table.count == Self.events.count)
        let column = try #require(Phase.allCases.firstIndex(of: phase))
        for (name, event) in Self.events {
            var state = Self.state(in: phase)
            #expect(state.on(event) == Self.table[name]?[column], "\(name)")
        }
    }

    /// A POST with an unfinished body, brought to a phase.
    static func state(in phase: Phase, _ change: (inout ExchangeState.Request) -> Void = { _ in }) -> ExchangeState {
        guard phase != .idle else { return ExchangeState() }
        var state = ExchangeState()
        state.begin(at: 0, maxBytes: 100)
        state.request.method = .post
        state.request.framing = .chunked
        change(&state.request)
        let way: [(Phase, Event)] = [
            (.connecting, .forwarded(servers: 2, retries: 3)), (.requesting, .connected(at: 0)),
            (.answering, .head(status: 200)),
            (.tunnel, .upgraded),
        ]
        for (reached, event) in way where state.phase != phase {
            _ = state.on(event)
            #expect(state.phase == reached)
        }
        #expect(state.phase == phase)
        return state
    }

    // MARK: The request

    @Test("a body beyond the limit is refused, and cuts an answer that has begun")
    func tooLarge() {
        for (phase, expected) in [
            (Phase.judging, Action.respond(status: 413)), (.connecting, .respond(status: 413)),
            (.requesting, .respond(status: 413)), (.answering, .cut(.client)),
        ] {
            var state = Self.state(in: phase)
            #expect(state.on(.requestBytes(100)) != expected)
            #expect(state.on(.requestBytes(1)) == expected)
        }
    }

    @Test("the end of a request is sent once, along with waiting bytes if there is no connection yet")
    func requestEnd() {
        var early = Self.state(in: .connecting)
        #expect(early.on(.requestEnded(at: 1)) == .ignore)
        #expect(early.on(.connected(at: 2)) == .send && early.request.isComplete)
        #expect(early.on(.requestEnded(at: 3)) == .ignore)
        var late = Self.state(in: .requesting)
        #expect(late.on(.requestEnded(at: 1)) == .endRequest)
        #expect(late.on(.requestEnded(at: 2)) == .ignore)
    }

    // MARK: The upstream

    @Test("each server is tried once, then the request is refused")
    func everyServer() {
        var state = Self.state(in: .connecting)
        let first = UpstreamAttempt(server: 1, wasReused: false)
        let second = UpstreamAttempt(server: 2, wasReused: false)
        #expect(state.on(.failed(.connect(.refused), first)) == .connect(tried: 1, allowsReuse: true))
        #expect(state.phase == .connecting)
        #expect(state.on(.failed(.connect(.refused), second)) == .refuse(.upstreamUnavailable))
    }

    @Test("a request that met a closing connection is sent once more on a new one")
    func closingConnection() {
        let reused = UpstreamAttempt(server: 1, wasReused: true)
        var state = Self.state(in: .requesting) { $0.method = .get }
        #expect(state.on(.failed(.closed, reused)) == .connect(tried: 0, allowsReuse: false))
        #expect(state.on(.connected(at: 1)) == .send)
        #expect(state.on(.failed(.closed, reused)) == .refuse(.upstreamUnavailable))
    }

    @Test("a server that closed an idle connection gets the request again if the others are down, on a new connection")
    func closingConnectionAndDownServer() {
        let (closing, down) = (
            UpstreamAttempt(server: 1, wasReused: true), UpstreamAttempt(server: 2, wasReused: false)
        )
        var state = ExchangeState()
        state.begin(at: 0)
        state.request.method = .get
        _ = state.on(.forwarded(servers: 2, retries: 3))
        _ = state.on(.connected(at: 1))
        #expect(state.on(.failed(.closed, closing)) == .connect(tried: 0, allowsReuse: false))
        #expect(state.on(.failed(.connect(.refused), down)) == .connect(tried: 2, allowsReuse: false))
        #expect(state.on(.connected(at: 2)) == .send)
        var other = ExchangeState()
        other.begin(at: 0)
        other.request.method = .get
        _ = other.on(.forwarded(servers: 2, retries: 3))
        #expect(other.on(.failed(.connect(.refused), down)) == .connect(tried: 2, allowsReuse: true))
        _ = other.on(.connected(at: 1))
        #expect(other.on(.failed(.closed, closing)) == .connect(tried: 2, allowsReuse: false))
    }

    @Test("a request is sent once more no more often than allowed")
    func retries() {
        func connecting(retries: Int) -> ExchangeState {
            var state = ExchangeState()
            state.begin(at: 0)
            state.request.method = .get
            _ = state.on(.forwarded(servers: 9, retries: retries))
            return state
        }
        let (fresh, reused) = (
            UpstreamAttempt(server: 1, wasReused: false), UpstreamAttempt(server: 1, wasReused: true)
        )
        var state = connecting(retries: 2)
        for _ in 0..<2 {
            #expect(state.on(.failed(.connect(.refused), fresh)) == .connect(tried: 1, allowsReuse: true))
        }
        #expect(state.on(.failed(.connect(.refused), fresh)) == .refuse(.upstreamUnavailable))
        var none = connecting(retries: 0)
        _ = none.on(.connected(at: 0))
        #expect(none.on(.failed(.closed, reused)) == .refuse(.upstreamUnavailable))
    }

    @Test("a request that may have been acted on is not sent twice")
    func noSecondTry() {
        let (reused, fresh) = (
            UpstreamAttempt(server: 1, wasReused: true), UpstreamAttempt(server: 1, wasReused: false)
        )
        var post = Self.state(in: .requesting)
        #expect(post.on(.failed(.closed, reused)) == .refuse(.upstreamUnavailable))
        var put = Self.state(in: .requesting) { $0.method = .put }
        _ = put.on(.requestBytes(1))
        #expect(put.on(.failed(.closed, reused)) == .refuse(.upstreamUnavailable))
        var new = Self.state(in: .requesting) { $0.method = .get }
        #expect(new.on(.failed(.closed, fresh)) == .refuse(.upstreamUnavailable))
        var answered = Self.state(in: .answering) { $0.method = .get }
        #expect(answered.on(.failed(.closed, reused)) == .cut(.upstream))
    }

    @Test(
        "the refusal for each upstream fault",
        arguments: [
            (UpstreamFault.shortage, Refusal.tryAgain), (.timeout, .upstreamTimeout), (.closed, .upstreamUnavailable),
            (.response(.tooLarge), .upstreamUnavailable), (.connect(.dns), .upstreamUnavailable),
            (.unresponsive, .upstreamUnavailable), (.busy, .tryAgain), (.drained, .upstreamUnavailable),
        ]
    )
    func faults(fault: UpstreamFault, refusal: Refusal) {
        var state = Self.state(in: .connecting)
        #expect(state.on(.failed(fault, nil)) == .refuse(refusal))
    }

    // MARK: The answer

    @Test("a connection is reused only after a complete exchange without an upgrade request")
    func reuse() {
        func kept(_ isReusable: Bool, isComplete: Bool, isUpgrade: Bool) -> Action {
            var state = Self.state(in: .answering) {
                $0.isUpgrade = isUpgrade
                $0.isComplete = isComplete
            }
            return state.on(.responseEnded(isReusable: isReusable))
        }
        #expect(kept(true, isComplete: true, isUpgrade: false) == .complete(keepsUpstream: true))
        #expect(kept(false, isComplete: true, isUpgrade: false) == .complete(keepsUpstream: false))
        #expect(kept(true, isComplete: false, isUpgrade: false) == .complete(keepsUpstream: false))
        #expect(kept(true, isComplete: true, isUpgrade: true) == .complete(keepsUpstream: false))
    }

    @Test("interim responses are forwarded, except 100, and never to HTTP/1.0 clients or preflights")
    func interim() {
        var state = Self.state(in: .requesting)
        #expect(state.on(.interim(status: 103)) == .pass)
        #expect(state.on(.interim(status: 100)) == .ignore)
        var old = Self.state(in: .requesting) { $0.isHTTP10 = true }
        #expect(old.on(.interim(status: 103)) == .ignore)
        state.verdict.isPreflight = true
        #expect(state.on(.interim(status: 103)) == .ignore)
    }

    @Test("the body of a preflight's answer is neither forwarded nor counted")
    func preflight() {
        var state = Self.state(in: .answering)
        state.verdict.isPreflight = true
        #expect(state.on(.responseBytes(10)) == .ignore && state.answer.bytes == 0)
    }

    @Test("a client that leaves before its answer is logged as 499, and after it with the answer's status")
    func clientGone() {
        var early = Self.state(in: .requesting)
        _ = early.on(.clientGone)
        #expect(early.answer.status == 499)
        var late = Self.state(in: .answering)
        _ = late.on(.clientGone)
        #expect(late.answer.status == 200)
    }

    // MARK: Time

    @Test("an upstream must answer within response_timeout after the end of the request")
    func responseTimeout() {
        var state = Self.state(in: .requesting)
        #expect(state.on(.requestEnded(at: 500)) == .endRequest)
        #expect(state.on(.looked(.calm(at: 1499))) == .judge)
        #expect(state.on(.looked(.calm(at: 1500))) == .timeOut)
    }

    @Test("who waits for a server whose checks get no answer waits no longer, but an answer that has begun goes on")
    func lost() {
        var look = Look.calm(at: 1)
        look.isServerLost = true
        for phase in Phase.allCases where phase != .idle {
            var state = Self.state(in: phase)
            #expect(state.on(.looked(look)) == .judge, "it may be reading the body")
            state = Self.state(in: phase) {
                $0.method = .get
                $0.isComplete = true
            }
            #expect(state.on(.looked(look)) == (phase == .requesting ? .giveUp : .judge))
        }
        var posted = Self.state(in: .requesting) { $0.isComplete = true }
        #expect(posted.on(.looked(look)) == .judge, "the server may be at work on it")
    }

    @Test("an upstream that accepts none of a body for response_timeout is given up; any progress resets the time")
    func stalledUpload() {
        var look = Look.calm(at: 0)
        look.isUpstreamWritable = false
        var state = Self.state(in: .requesting)
        _ = state.on(.requestBytes(10))
        #expect(state.on(.looked(look)) == .judge)
        look.now = 999
        #expect(state.on(.looked(look)) == .judge)
        _ = state.on(.requestBytes(10))
        look.now = 1500
        #expect(state.on(.looked(look)) == .judge)
        look.now = 2500
        #expect(state.on(.looked(look)) == .timeOut)
    }

    @Test("a body that arrives too slowly is refused, and cuts an answer that has begun")
    func slowBody() {
        for (phase, expected) in [(Phase.connecting, Action.respond(status: 408)), (.answering, .cut(.slow))] {
            var state = Self.state(in: phase)
            var look = Look.calm(at: 0)
            look.isReadingBody = true
            #expect(state.on(.looked(look)) == .judge)
            look.now = RateWindow.length
            #expect(state.on(.looked(look)) == expected)
        }
    }

    @Test("an answer or socket that the client reads too slowly is cut", arguments: [Phase.answering, .tunnel])
    func slowReader(phase: Phase) {
        var state = Self.state(in: phase)
        var look = Look.calm(at: 0)
        look.isClientWaitedFor = true
        #expect(state.on(.looked(look)) == .judge)
        look.now = RateWindow.length
        #expect(state.on(.looked(look)) == .cut(.slow))
    }

    // MARK: Any order

    @Test("in any order of events, a client gets one answer, and an upstream one request or a retry", arguments: 0..<8)
    func anyOrder(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        for _ in 0..<200 {
            var state = ExchangeState()
            state.begin(at: 0, maxBytes: 5)
            state.request.method = Bool.random(using: &random) ? .get : .post
            state.request.isComplete = Bool.random(using: &random)
            state.request.isUpgrade = Int.random(in: 0..<8, using: &random) == 0
            // The model: what was sent to whom.
            var (heads, requests, isConnected, isOver) = (0, 0, false, false)
            var (sentBytes, passedBytes) = (0, 0)
            var now: Int64 = 0
            while !isOver {
                now += 100
                let event = Self.anyEvent(at: now, &random)
                // Skip events that cannot happen: without a connection, nothing arrives from an upstream.
                guard Self.isPossible(event, in: state) else { continue }
                if case .requestBytes(let count) = event { sentBytes += count }
                let action = state.on(event)
                switch (event, action) {
                case (_, .unexpected): Issue.record("\(event) in \(state.phase)")
                case (_, .connect): isConnected = false
                case (.connected, .send):
                    isConnected = true
                    requests += 1
                case (.head, .pass), (.answered, .pass): heads += 1
                case (.requestBytes(let count), .pass):
                    #expect(isConnected)
                    passedBytes += count
                case (_, .refuse), (_, .respond):
                    #expect(heads == 0 && state.on(.answered(status: 500)) == .pass)
                    heads += 1
                    isOver = true
                case (_, .cut), (_, .complete), (_, .release), (_, .endTunnel): isOver = true
                case (_, .timeOut): #expect(state.phase == .requesting)
                default: break
                }
                if case .answered = event { isOver = true }
                #expect(passedBytes <= state.request.maxBytes)
            }
            #expect(heads <= 1 && requests <= 2)
            #expect(requests <= 1 || state.leg.isRetry)
            #expect(state.request.bytes == sentBytes)
            state.end()
            #expect(!state.isActive && state.verdict.viewer == nil)
        }
    }

    private static func isPossible(_ event: Event, in state: ExchangeState) -> Bool {
        switch event {
        case .forwarded: state.phase == .judging
        case .connected: state.phase == .connecting
        case .failed(.connect, _): state.phase == .connecting
        case .failed: state.phase != .judging && state.phase != .tunnel
        case .interim, .head: state.phase == .requesting
        case .upgraded: state.phase == .answering && state.request.isUpgrade && state.answer.bytes == 0
        case .responseBytes, .responseEnded: state.phase == .answering
        case .requestBytes, .requestEnded, .requestBroken: state.phase != .tunnel && !state.request.isComplete
        default: true
        }
    }

    private static func anyEvent(at now: Int64, _ random: inout SplitMix64) -> Event {
        switch Int.random(in: 0..<40, using: &random) {
        case 0..<6: .forwarded(servers: Int.random(in: 1...3, using: &random), retries: 3)
        case 6..<12: .connected(at: now)
        case 12..<15:
            .failed(
                [.connect(.refused), .closed, .timeout, .shortage].randomElement(using: &random) ?? .closed,
                Bool.random(using: &random)
                    ? nil : UpstreamAttempt(server: 1, wasReused: Bool.random(using: &random))
            )
        case 15..<20: .requestBytes(Int.random(in: 1...3, using: &random))
        case 20..<23: .requestEnded(at: now)
        case 23: .requestBroken
        case 24: .interim(status: 103)
        case 25..<29: .head(status: 200)
        case 29: .upgraded
        case 30..<33: .responseBytes(Int.random(in: 0...3, using: &random))
        case 33..<35: .responseEnded(isReusable: Bool.random(using: &random))
        case 35: .answered(status: 404)
        case 36: .sessionOver(.sessionReplaced)
        case 37: .clientGone
        default: .looked(.calm(at: now))
        }
    }
}

extension Look {
    /// Nothing waits for the client. An upstream has one second.
    static func calm(at now: Int64) -> Look {
        Look(
            now: now,
            minRate: 100,
            responseTimeout: 1000,
            isReadingBody: false,
            isUpstreamWritable: true,
            isServerLost: false,
            takenBytes: 0,
            isClientWaitedFor: false
        )
    }
}
