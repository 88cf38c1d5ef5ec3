import Basics
import GatewayConfiguration
import JOSE
import Logging
import Transport

/// Sends spans to the collector, one batch after another
/// ([OTLP/HTTP](https://opentelemetry.io/docs/specs/otlp/#otlphttp)). ``ExportCourse`` says when.
final class SpanExport {
    private let queue: SpanQueue
    private let loop: EventLoop
    private let resolver: Resolver
    private let descriptors: DescriptorBudget
    private let logger: Logger
    private var resource: SpanEncoder.Resource
    private var target: Target?
    private var course = ExportCourse(batchSize: 0, interval: 0)
    private var random = RandomSource()
    /// The spans that are being sent or will be sent again.
    private var batch: [SpanChunk] = []
    private var inquiry: Inquiry?
    private var timer: TimerHeap.ID?
    /// What exports last failed for, as the operator was told.
    private var saidFault: String?
    private var whenFlushed: (() -> Void)?
    private var deadline: TimerHeap.ID?

    /// Whom to send spans to, and how.
    private struct Target {
        let endpoint: CollectorURL
        let server: UpstreamServer
        let security: TLSClientContext?
        let fields: Secret
        /// In milliseconds.
        let timeout: Int64
    }

    /// Answers hold a few numbers.
    private static let maxAnswer = 16 << 10

    init(
        _ queue: SpanQueue,
        on loop: EventLoop,
        resolver: Resolver,
        descriptors: DescriptorBudget,
        logger: Logger,
        version: String
    ) {
        self.queue = queue
        self.loop = loop
        self.resolver = resolver
        self.descriptors = descriptors
        self.logger = logger
        resource = SpanEncoder.Resource(serviceName: "", version: version, instance: UUIDText.random())
    }

    func adopt(_ settings: TracingSettings) {
        guard let endpoint = settings.endpoint else { return }
        let server = UpstreamServer(
            UpstreamServerSettings(
                isSecure: endpoint.isSecure,
                address: .tcp(host: endpoint.host, port: endpoint.port)
            ),
            connectTimeout: settings.timeout
        )
        target = Target(
            endpoint: endpoint,
            server: server,
            security: endpoint.isSecure ? TLSClientContext(authorities: settings.authorities) : nil,
            fields: settings.headers,
            timeout: settings.timeout.milliseconds
        )
        resource.serviceName = settings.serviceName
        course.batchSize = settings.batchSize
        course.interval = settings.interval.milliseconds
        hurry()
    }

    /// Sends what waits now: a reload may mean that the collector is there again.
    func hurry() {
        course.hurry()
        goOn()
    }

    /// Does what is due.
    func goOn() {
        if let timer = timer.take() { loop.cancel(timer) }
        switch course.next(waiting: queue.tally.waiting, at: loop.now) {
        case .rest:
            if course.isIdle, queue.tally.waiting == 0 { endFlush() }
        case .wake(let time):
            timer = loop.schedule(in: max(time - loop.now, 0)) { [self] in
                timer = nil
                goOn()
            }
        case .send:
            batch = queue.take(atMost: course.batchSize)
            send()
        case .sendAgain: send()
        }
    }

    /// Sends everything, then calls `completion`, or does so after this many milliseconds.
    func flush(within time: Int64, completion: @escaping () -> Void) {
        whenFlushed = completion
        deadline = loop.schedule(in: time) { [self] in
            deadline = nil
            inquiry.take()?.cancel()
            endFlush()
        }
        course.flush()
        goOn()
    }

    private func endFlush() {
        guard let completion = whenFlushed.take() else { return }
        if let deadline = deadline.take() { loop.cancel(deadline) }
        if let timer = timer.take() { loop.cancel(timer) }
        completion()
    }

    private func send() {
        guard let target else { return ended(.refused, "no endpoint") }
        let inquiry = Inquiry(
            to: target.server,
            security: target.security,
            request: Inquiry.post(
                target.endpoint.path,
                host: target.endpoint.authority,
                type: "application/json",
                fields: target.fields.bytes,
                body: SpanEncoder.encode(batch, resource)
            ),
            maxBody: Self.maxAnswer,
            within: target.timeout,
            on: loop,
            resolver: resolver,
            descriptors: descriptors
        ) { [self] result in
            self.inquiry = nil
            ended(result)
        }
        self.inquiry = inquiry
        inquiry.start()
    }

    private func ended(_ result: Result<Inquiry.Answer, InquiryFault>?) {
        switch result {
        case nil: ended(.unavailable(), "no descriptor left")
        case .failure(let fault):
            // Whatever answers so is no collector.
            let isStranger = fault == .malformed || fault == .tooLarge
            ended(isStranger ? .refused : .unavailable(), "\(fault)")
        case .success(let answer):
            if (200..<300).contains(answer.status) {
                ended(.accepted, nil, rejected: ExportAnswer.rejectedSpans(answer.body))
            } else if ExportAnswer.isTemporary(answer.status) {
                let pause = answer.retryAfter.map { Int64(min($0, 86_400)) * 1000 }
                ended(.unavailable(retryAfter: pause), "status \(answer.status)")
            } else {
                ended(.refused, "status \(answer.status)")
            }
        }
    }

    /// - Parameters:
    ///   - fault: what it failed for.
    ///   - rejected: how many spans of a batch that was accepted were not.
    private func ended(_ outcome: ExportCourse.Outcome, _ fault: String?, rejected: Int = 0) {
        let count = batch.reduce(0) { $0 + $1.spanCount }
        let rejected = min(rejected, count)
        let fate = course.ended(outcome, at: loop.now, random: random.next())
        queue.count { tally in
            if outcome != .accepted { tally.failures += 1 }
            switch fate {
            case .delivered:
                tally.exported += count - rejected
                tally.rejected += rejected
            case .dropped where outcome == .refused: tally.rejected += count
            case .dropped: tally.undelivered += count
            case .kept: break
            }
        }
        if fate != .kept { batch = [] }
        tell(fault)
        goOn()
    }

    /// Logs when exports begin to fail, fail for another reason, and succeed again.
    private func tell(_ fault: String?) {
        guard let target else { return }
        switch (fault, saidFault) {
        case (let fault?, let said) where said.map({ !$0.hasSameBytes(as: fault) }) ?? true:
            logger.warning(
                "tracing: \(target.endpoint.text): \(fault); spans that it does not take in time are dropped"
            )
        case (nil, _?): logger.notice("tracing: \(target.endpoint.text) takes spans again")
        default: break
        }
        saidFault = fault
    }
}

/// What a collector's answer means.
enum ExportAnswer {
    /// Whether the same spans may be accepted later
    /// ([OTLP/HTTP, failures](https://opentelemetry.io/docs/specs/otlp/#failures-1)).
    static func isTemporary(_ status: Int) -> Bool { [429, 502, 503, 504].contains(status) }

    /// How many spans the collector did not take of those that it accepted otherwise: `rejectedSpans` of
    /// `partialSuccess`. 0 if the answer does not say so.
    static func rejectedSpans(_ body: [UInt8]) -> Int {
        guard case .object(let members)? = try? JSONValue(parsing: body.span, limits: JSONLimits(size: body.count)),
            case .object(let partial)? = members["partialSuccess"]
        else { return 0 }
        switch partial["rejectedSpans"] {
        // 64-bit numbers are strings.
        case .string(let text): return max(Int(text) ?? 0, 0)
        case .number(let number) where number >= 0 && number < 1e9: return Int(number)
        default: return 0
        }
    }
}
