import Basics
import Foundation
import Testing

/// A collector of traces in the test process: takes OTLP over HTTP in JSON and records every span.
final class Collector: Sendable {
    let server: RecordingUpstream

    /// - Parameter standard: answers exports.
    init(port: UInt16 = 0, standard: @escaping RecordingUpstream.Script = Collector.accept) throws {
        server = try RecordingUpstream(port: port, standard: standard)
    }

    /// Takes the spans.
    static let accept: RecordingUpstream.Script = { exchange in
        _ = try exchange.reply("200 OK", ["Content-Type: application/json"], "{\"partialSuccess\":{}}")
        return false
    }

    /// `endpoint`, and an interval that tests need not wait for.
    static func keys(_ port: UInt16) -> String {
        "endpoint = \"http://127.0.0.1:\(port)/v1/traces\"\ninterval = \"100ms\""
    }

    var keys: String { Self.keys(server.port) }

    /// All exports that have arrived whole.
    var exports: [RecordedRequest] { server.requests.filter(\.isComplete) }

    /// The spans of all exports, in order.
    func spans() throws -> [CollectedSpan] { try exports.flatMap { try Self.spans(of: $0.body) } }

    /// Waits until this many spans of kind SERVER have arrived, and returns all spans.
    func spans(of exchanges: Int) throws -> [CollectedSpan] {
        #expect(try eventually { try spans().count { $0.kind == .server } >= exchanges })
        return try spans()
    }

    static func spans(of body: [UInt8]) throws -> [CollectedSpan] {
        var limits = JSONLimits(size: 64 << 20)
        limits.depth = 64
        limits.members = 1 << 20
        let root: JSONValue
        do throws(JSONFault) {
            root = try JSONValue(parsing: body.span, limits: limits)
        } catch {
            throw GatewayFailure(text: "no JSON (\(error)): \(String(decoding: body.prefix(500), as: UTF8.self))")
        }
        var spans: [CollectedSpan] = []
        for resource in root["resourceSpans"]?.list ?? [] {
            for scope in resource["scopeSpans"]?.list ?? [] {
                for span in scope["spans"]?.list ?? [] {
                    spans.append(try CollectedSpan(span, resource: resource["resource"] ?? .null))
                }
            }
        }
        return spans
    }
}

/// A span as it was exported.
struct CollectedSpan: Sendable {
    enum Kind: Double {
        case `internal` = 1
        case server = 2
        case client = 3
    }

    let trace: String
    let id: String
    /// Empty at the root of a trace.
    let parent: String
    let name: String
    let kind: Kind
    /// In nanoseconds since 1970.
    let start: Int64
    let end: Int64
    let flags: Int
    let isError: Bool
    /// Attributes and their values as text.
    let attributes: [String: String]
    let resource: [String: String]

    init(_ span: JSONValue, resource: JSONValue) throws {
        func time(_ name: String) -> Int64? { span[name]?.text.flatMap { Int64($0) } }
        guard let trace = span["traceId"]?.text, let id = span["spanId"]?.text, let name = span["name"]?.text,
            trace.wholeMatch(of: /[0-9a-f]{32}/) != nil, id.wholeMatch(of: /[0-9a-f]{16}/) != nil,
            let kind = span["kind"]?.number.flatMap({ Kind(rawValue: $0) }),
            let start = time("startTimeUnixNano"), let end = time("endTimeUnixNano")
        else { throw GatewayFailure(text: "no span: \(span.description)") }
        (self.trace, self.id, self.name, self.kind) = (trace, id, name, kind)
        parent = span["parentSpanId"]?.text ?? ""
        (self.start, self.end) = (start, end)
        flags = Int(span["flags"]?.number ?? 0)
        isError = span["status"]?["code"]?.number == 2
        attributes = try Self.read(span["attributes"])
        self.resource = try Self.read(resource["attributes"])
    }

    subscript(name: String) -> String? { attributes[name] }

    private static func read(_ list: JSONValue?) throws -> [String: String] {
        var attributes: [String: String] = [:]
        for attribute in list?.list ?? [] {
            guard let key = attribute["key"]?.text, case .object(let members)? = attribute["value"], members.count == 1
            else { throw GatewayFailure(text: "no attribute: \(attribute.description)") }
            switch (members[0].name, members[0].value) {
            case ("stringValue", .string(let text)), ("intValue", .string(let text)): attributes[key] = text
            case ("boolValue", .bool(let isTrue)): attributes[key] = "\(isTrue)"
            case ("doubleValue", .number(let number)): attributes[key] = "\(number)"
            default: throw GatewayFailure(text: "no value: \(attribute.description)")
            }
        }
        return attributes
    }
}

extension [CollectedSpan] {
    /// The only span of a kind.
    func only(_ kind: CollectedSpan.Kind) throws -> CollectedSpan {
        let all = filter { $0.kind == kind }
        try #require(all.count == 1, "\(self)")
        return all[0]
    }
}
