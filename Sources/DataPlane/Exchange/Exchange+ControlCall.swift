import Admission
import GatewayConfiguration
import Synchronization

/// Calls of the control API that the gateway answers itself. Callers expect the API's own error members.
extension Exchange {
    /// The control API's index follows the upstreams of the settings.
    func isControl(_ upstream: Int) -> Bool { upstream == snapshot.settings.upstreams.count }

    /// Refuses a call if a reload added the control API, which starts only with the process, or while another process
    /// takes it over. Returns false if it is running.
    func refusesUnstartedControl() -> Bool {
        if !snapshot.settings.control.enabled {
            refuseControl(fault: "control_not_started", "The API has not started yet. Try again in a minute.", wait: 60)
            return true
        }
        guard worker.site.isControlPaused.load(ordering: .relaxed) else { return false }
        refuseControl(fault: "control_paused", "The API is being restarted. Try again in a second.", wait: 1)
        return true
    }

    /// Refuses a call that was not answered: the control API, which is part of this process, is ending or beginning. It
    /// closes no connection on which it does what a call asks.
    func refuseLostCall(fault: String) {
        let detail = "The API is being restarted. Try again in a second, with the same Idempotency-Key."
        refuseControl(fault: fault, detail, wait: 1)
    }

    /// - Parameter wait: seconds after which to call again.
    private func refuseControl(fault: String, _ detail: String, wait: Int) {
        let refusal = Refusal.tryAgain
        state.verdict.refuse(refusal)
        record.fault = fault
        var problem = Problem(
            status: refusal.status,
            code: refusal.code,
            title: English.words(on: .refusal(refusal)).title,
            detail: detail,
            activeFor: nil,
            requestID: state.request.id.string
        )
        problem.isForAPI = true
        let fields = "Retry-After: \(wait)\r\n"
        respond(status: problem.status, fields: fields, type: "application/problem+json", body: problem.json)
    }

    /// Refuses a request whose target is not acceptable.
    func refuseTarget(_ fault: HeadFault, _ request: RequestView) {
        let target = request.target
        record.fault = fault.code
        state.verdict.isControlCall = snapshot.settings.routes.contains { route in
            isControl(route.upstream) && Self.begins(target, with: route.path)
        }
        respond(status: fault.status, detail: state.verdict.isControlCall ? TargetFault.detail(target) : nil)
    }

    /// Whether an undecoded target is below the literals that a route begins with.
    private static func begins(_ target: Span<UInt8>, with path: RoutePattern) -> Bool {
        var position = 0
        for segment in path.segments {
            guard case .literal(let text) = segment else { break }
            for byte in "/\(text)".utf8 {
                guard position < target.count, target[position] == byte else { return false }
                position += 1
            }
        }
        return position < target.count && target[position] == UInt8(ascii: "/")
    }
}

/// What makes ``RequestTarget`` refuse a path, for someone who can fix it.
enum TargetFault {
    static func detail(_ target: Span<UInt8>) -> String {
        "The path holds \(what(target)), which no path may hold. Where a call takes a name in its body, put it there."
    }

    private static func what(_ target: Span<UInt8>) -> String {
        let end = target.firstIndex(of: UInt8(ascii: "?"), from: 0, to: target.count) ?? target.count
        var segment: [UInt8] = []
        var position = 0
        while position < end {
            let raw = target[position]
            if raw == UInt8(ascii: "/") {
                if isDots(segment) { return dotSegment }
                segment = []
                position += 1
                continue
            }
            let (byte, count) = target.decoded(at: position, before: end)
            switch byte {
            case UInt8(ascii: "/"): return "an encoded slash"
            case UInt8(ascii: "\\"): return "a backslash"
            case 0x00..<0x20, 0x7f: return "a control character"
            case .percent: return "a percent sign that is not followed by two digits, or that is encoded itself"
            default: break
            }
            segment.append(byte)
            position += count
        }
        return isDots(segment) ? dotSegment : "text that is not UTF-8"
    }

    private static let dotSegment = "a segment of dots"

    private static func isDots(_ segment: [UInt8]) -> Bool {
        let name = segment.prefix { $0 != UInt8(ascii: ";") }
        return (1...2).contains(name.count) && name.allSatisfy { $0 == UInt8(ascii: ".") }
    }
}
