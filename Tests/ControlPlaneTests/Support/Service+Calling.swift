package import Basics
import HTTPTypes
import Hummingbird
import NIOCore
import Testing

@testable import ControlPlane

/// The answer of a call.
struct Reply: Sendable {
    let status: Int
    let fields: HTTPFields
    let bytes: [UInt8]

    var text: String { String(decoding: bytes, as: UTF8.self) }

    var json: JSONValue {
        var limits = JSONLimits(size: 16 << 20)
        limits.members = 4096
        limits.depth = 64
        return (try? JSONValue(parsing: bytes.span, limits: limits)) ?? .null
    }

    subscript(name: String) -> JSONValue? { json[name] }

    /// The `code` of an error.
    var code: String? { json["code"]?.text }
    var message: String? { json["errorMessage"]?.text }
}

extension JSONValue {
    subscript(name: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members[name]
    }

    var text: String? {
        guard case .string(let text) = self else { return nil }
        return text
    }

    var number: Double? {
        guard case .number(let number) = self else { return nil }
        return number
    }

    var list: [JSONValue] {
        guard case .array(let list) = self else { return [] }
        return list
    }

    var texts: [String] { list.compactMap(\.text) }

    var members: [JSONMember] {
        guard case .object(let members) = self else { return [] }
        return members
    }
}

/// JSON in the notation of tests.
func object(_ members: KeyValuePairs<String, JSONValue>) -> JSONValue {
    .object(members.map { JSONMember($0.key, $0.value) })
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByArrayLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByIntegerLiteral
{
    package init(stringLiteral value: String) { self = .string(value) }
    package init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    package init(booleanLiteral value: Bool) { self = .bool(value) }
    package init(integerLiteral value: Int) { self = .number(Double(value)) }
}

extension Service {
    /// Sends a request unchanged.
    func send(
        _ method: HTTPRequest.Method,
        _ path: String,
        _ fields: HTTPFields = [:],
        body: [UInt8] = []
    ) async -> Reply {
        let head = HTTPRequest(method: method, scheme: "http", authority: "gateway", path: path, headerFields: fields)
        let answer = await plane.answer(head, RequestBody(buffer: ByteBuffer(bytes: body)))
        var bytes = answer.body
        do {
            var number = 0
            while let piece = try await answer.further?.piece(number) {
                bytes += piece
                number += 1
            }
        } catch {
            Issue.record("the answer breaks off: \(error)")
        }
        return Reply(status: answer.status.code, fields: answer.fields, bytes: bytes)
    }

    /// Calls the API for a company.
    ///
    /// - Parameter path: the part after `/api/v1`.
    @discardableResult
    func call(
        _ method: HTTPRequest.Method,
        _ path: String,
        _ body: JSONValue? = nil,
        as company: String = "acme",
        _ more: HTTPFields = [:]
    ) async throws -> Reply {
        var fields = more
        fields[.authorization] = "Bearer \(try token(company))"
        if body != nil { fields[.contentType] = "application/json" }
        return await send(method, "/api/v1\(path)", fields, body: body?.serialized() ?? [])
    }

    /// Creates an event and returns its uid.
    func makeEvent(_ more: KeyValuePairs<String, JSONValue> = [:], hub: Bool = false) async throws -> String {
        let reply = try await call(.post, hub ? "/networking/create" : "/event/create", newEvent(more))
        return try required(reply["uid"]?.text, reply.text)
    }
}

/// The body of a call that creates an event, with some members replaced; `null` removes one.
func newEvent(_ more: KeyValuePairs<String, JSONValue> = [:]) -> JSONValue {
    var members: [JSONMember] = [
        JSONMember("companyId", "acme"), JSONMember("name", "Launch"), JSONMember("startDate", "2027-01-15T09:00:00Z"),
        JSONMember("endDate", "2027-01-15T10:00:00Z"), JSONMember("timezone", "Europe/Berlin"),
    ]
    for (name, value) in more {
        members.removeAll { $0.name == name }
        if value != .null { members.append(JSONMember(name, value)) }
    }
    return .object(members)
}
