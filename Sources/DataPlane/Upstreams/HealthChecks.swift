import Basics
import GatewayConfiguration
import Transport

/// Checks the servers of all upstreams that have a `health_path`. One event loop does it for all of them; the results
/// are in each ``UpstreamServer``.
final class HealthChecks {
    private let loop: EventLoop
    private let resolver: Resolver
    private let descriptors: DescriptorBudget
    private var host = ""
    private var checks: [HealthCheck] = []

    init(loop: EventLoop, resolver: Resolver, descriptors: DescriptorBudget) {
        self.loop = loop
        self.resolver = resolver
        self.descriptors = descriptors
    }

    /// Checks these upstreams and no others.
    ///
    /// - Parameter host: for the `Host` of each check whose upstream sees the clients' own.
    func adopt(_ upstreams: [Upstream], host: String) {
        let previous = checks
        let kept = host.hasSameBytes(as: self.host) ? previous : []
        self.host = host
        checks = upstreams.flatMap { upstream in
            guard let settings = upstream.settings.health else { return [HealthCheck]() }
            return upstream.servers.map { server in
                kept.first { $0.server === server } ?? check(server, settings, upstream)
            }
        }
        for check in previous where !checks.contains(where: { $0 === check }) { check.stop() }
        for check in checks where !previous.contains(where: { $0 === check }) { check.start() }
    }

    private func check(
        _ server: UpstreamServer,
        _ settings: HealthSettings,
        _ upstream: Upstream
    ) -> HealthCheck {
        let host =
            switch upstream.settings.host {
            case .preserve: self.host
            case .upstream: server.authority
            case .name(let name): name
            }
        let request = Inquiry.get(settings.path, host: host)
        let security = upstream.security
        return HealthCheck(of: server, settings, on: loop) { [loop, resolver, descriptors] completion in
            Inquiry(
                to: server,
                security: security,
                request: request,
                within: settings.timeout.milliseconds,
                on: loop,
                resolver: resolver,
                descriptors: descriptors,
                completion: completion
            )
        }
    }

    func stop() {
        for check in checks { check.stop() }
        checks = []
    }
}

/// Checks one server at regular intervals.
private final class HealthCheck {
    let server: UpstreamServer
    private let settings: HealthSettings
    private let loop: EventLoop
    private let makeInquiry: (@escaping (Result<Inquiry.Answer, InquiryFault>?) -> Void) -> Inquiry
    private var history: CheckHistory
    /// Until the next check. `nil` during a check.
    private var timer: TimerHeap.ID?
    private var inquiry: Inquiry?

    init(
        of server: UpstreamServer,
        _ settings: HealthSettings,
        on loop: EventLoop,
        makeInquiry: @escaping (@escaping (Result<Inquiry.Answer, InquiryFault>?) -> Void) -> Inquiry
    ) {
        self.server = server
        self.settings = settings
        self.loop = loop
        self.makeInquiry = makeInquiry
        history = CheckHistory(rise: settings.rise, fall: settings.fall)
    }

    func start() {
        timer = nil
        let next = loop.now + settings.interval.milliseconds
        let inquiry = makeInquiry { [self] result in
            self.inquiry = nil
            if let result { judge(result) }
            timer = loop.schedule(in: max(next - loop.now, 0)) { [self] in start() }
        }
        self.inquiry = inquiry
        inquiry.start()
    }

    func stop() {
        if let timer = timer.take() { loop.cancel(timer) }
        inquiry.take()?.cancel()
    }

    private func judge(_ result: Result<Inquiry.Answer, InquiryFault>) {
        let fault: HealthFault?
        switch result {
        case .success(let answer): fault = settings.status.contains(answer.status) ? nil : .status(answer.status)
        case .failure(let reason): fault = .inquiry(reason)
        }
        if history.add(isGood: fault == nil) { server.checked(fault, at: loop.now) }
    }
}

/// Why a server failed a check.
enum HealthFault: Error, Equatable, CustomStringConvertible {
    case inquiry(InquiryFault)
    case status(Int)

    var description: String {
        switch self {
        case .inquiry(let fault): "\(fault)"
        case .status(let status): "status \(status)"
        }
    }
}
