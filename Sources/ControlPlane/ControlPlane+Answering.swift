import HTTPTypes
import Hummingbird
import JOSE
import Logging

/// The way of a request: path, method, token, query, body, call.
extension ControlPlane {
    private static let requestIDField = HTTPField.Name("X-Request-Id")!

    func answer(_ head: HTTPRequest, _ body: RequestBody) async -> Answer {
        let snapshot = snapshot
        let requestID = RequestName.read(head.headerFields[Self.requestIDField])
        let origin = head.headerFields[.origin]
        var tenant: Tenant?
        var answer: Answer
        do {
            answer = try await respond(to: head, body, snapshot, tenant: &tenant)
        } catch let fault as Fault {
            answer = fault.answer(requestID: requestID)
        } catch {
            logger.error(
                "the control API failed",
                metadata: ["request_id": "\(requestID)", "method": "\(head.method)", "error": "\(error)"]
            )
            answer = Fault.inner.answer(requestID: requestID)
        }
        CrossOrigin.mark(&answer, origin: origin, snapshot.origins(for: tenant))
        answer.fields[Self.requestIDField] = requestID
        answer.fields[.xContentTypeOptions] = "nosniff"
        if answer.fields[.cacheControl] == nil { answer.fields[.cacheControl] = "no-store" }
        return answer
    }

    private func respond(
        to head: HTTPRequest,
        _ body: RequestBody,
        _ snapshot: Snapshot,
        tenant: inout Tenant?
    ) async throws -> Answer {
        let target = head.path ?? "/"
        let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        // Of every path, so that a page that asks for one that there is not can read the answer.
        if CrossOrigin.isPreflight(head), let origin = head.headerFields[.origin] {
            return CrossOrigin.preflight(origin, snapshot.origins(for: nil))
        }
        guard let match = snapshot.table.match(parts[0]) else { throw Fault.notFound }
        guard let call = match.call(head.method) else { throw Fault.method(allowed: match.methods) }
        if call.needsToken { tenant = try AccessToken.tenant(of: head.headerFields, snapshot, now: now) }
        let incoming = Incoming(
            plane: self,
            snapshot: snapshot,
            head: head,
            parameters: match.parameters,
            query: try Self.query(parts.count == 2 ? parts[1] : "", call.query)
        )
        do {
            return try await perform(call, incoming, body, tenant)
        } catch var fault as Fault where call.hasOAuthFaults {
            fault.oauthError = fault.code
            throw fault
        }
    }

    private func perform(
        _ call: Call,
        _ incoming: Incoming,
        _ body: RequestBody,
        _ tenant: Tenant?
    ) async throws -> Answer {
        var incoming = incoming
        if let schema = call.body {
            let members = try await BodyReader.members(
                of: body,
                incoming.head.headerFields,
                takesForms: call.takesForms,
                names: schema.memberNames
            )
            try call.inspect?(members)
            try schema.check(.object(members), "")
            incoming.body = Members(members)
        }
        switch call.handler {
        case .open(let handle): return try await handle(incoming)
        case .company(let handle):
            guard let tenant else { throw Fault.unauthorized(isTokenWrong: false) }
            return try await handle(incoming, tenant)
        }
    }

    /// The parameters of a query that mean something, checked.
    private static func query(_ text: Substring, _ known: [Call.Parameter]) throws(Fault) -> Members {
        guard !known.isEmpty, !text.isEmpty else { return Members() }
        let given = try FormText.members(text.utf8, unique: known.map(\.name))
        var members: [JSONMember] = []
        for parameter in known {
            guard case .string(let text)? = given[parameter.name] else { continue }
            let value = try value(text, of: parameter)
            try parameter.schema.check(value, parameter.name)
            members.append(JSONMember(parameter.name, value))
        }
        return Members(members)
    }

    private static func value(_ text: String, of parameter: Call.Parameter) throws(Fault) -> JSONValue {
        switch parameter.schema {
        case .integer:
            guard let number = Int(text), text.utf8.count <= 15 else {
                throw .field(parameter.name, "must be a whole number")
            }
            return .number(Double(number))
        case .text(let rule):
            // A plus that was not encoded reads as a space, and no date has one.
            if case .moment = rule.kind { return .string(text.replacing(" ", with: "+")) }
            return .string(text)
        default: return .string(text)
        }
    }
}

/// What a request is called in answers and in the log.
enum RequestName {
    /// The data plane's name for it, or one made here.
    static func read(_ given: String?) -> String {
        if let given, (1...128).contains(given.utf8.count), given.utf8.allSatisfy(isAllowed) { return given }
        let words = [SystemRandom.word(), SystemRandom.word()].map { String($0, radix: 16) }
        return words.map { String(repeating: "0", count: 16 - $0.utf8.count) + $0 }.joined()
    }

    private static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."),
            UInt8(ascii: ":"):
            true
        default: false
        }
    }
}
