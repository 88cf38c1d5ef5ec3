import Admission
import GatewayConfiguration

/// Calls of the control API that the gateway answers itself: its callers read the members of the API's errors.
extension Exchange {
    /// The control API comes after the upstreams of the settings.
    func isControl(_ upstream: Int) -> Bool { upstream == snapshot.settings.upstreams.count }

    /// Refuses a call of a control API that a reload has added: it starts with the process. False: it runs.
    func refusesUnstartedControl() -> Bool {
        if snapshot.settings.control.enabled { return false }
        record.fault = "control_not_started"
        var problem = Problem(
            status: Refusal.tryAgain.status,
            code: Refusal.tryAgain.code,
            title: Refusal.tryAgain.title,
            detail: "The API has not started yet. Try again in a minute.",
            activeFor: nil,
            requestID: String(decoding: requestID.text, as: UTF8.self)
        )
        problem.isForAPI = true
        let fields = "Retry-After: 60\r\n"
        respond(status: problem.status, fields: fields, type: "application/problem+json", body: problem.json)
        return true
    }

    /// Refuses a request whose target is not what targets may be.
    func refuseTarget(_ fault: HeadFault, _ bytes: Span<UInt8>, _ target: Range<Int>) {
        record.fault = fault.code
        isControlCall = snapshot.settings.routes.contains { route in
            isControl(route.upstream) && Self.begins(bytes, target, with: route.path)
        }
        respond(status: fault.status, detail: isControlCall ? TargetFault.detail(bytes, target) : nil)
    }

    /// Whether a target, as it stands, is below the literals that a route begins with.
    private static func begins(_ bytes: Span<UInt8>, _ target: Range<Int>, with path: RoutePattern) -> Bool {
        var position = target.lowerBound
        for segment in path.segments {
            guard case .literal(let text) = segment else { break }
            for byte in "/\(text)".utf8 {
                guard position < target.upperBound, bytes[position] == byte else { return false }
                position += 1
            }
        }
        return position < target.upperBound && bytes[position] == UInt8(ascii: "/")
    }
}

/// What it is that makes ``RequestTarget`` refuse a path, for whoever can do something about it.
enum TargetFault {
    static func detail(_ bytes: Span<UInt8>, _ target: Range<Int>) -> String {
        "The path holds \(what(bytes, target)), which no path may hold. Where a call takes a name in its body, put it there."
    }

    private static func what(_ bytes: Span<UInt8>, _ target: Range<Int>) -> String {
        let end = bytes.firstIndex(of: UInt8(ascii: "?"), from: target.lowerBound, to: target.upperBound)
        let path = target.lowerBound..<(end ?? target.upperBound)
        var segment: [UInt8] = []
        var position = path.lowerBound
        while position < path.upperBound {
            let raw = bytes[position]
            if raw == UInt8(ascii: "/") {
                if isDots(segment) { return dotSegment }
                segment = []
                position += 1
                continue
            }
            let (byte, count) = bytes.decoded(at: position, before: path.upperBound)
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
