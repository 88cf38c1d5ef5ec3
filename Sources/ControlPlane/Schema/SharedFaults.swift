import Basics
import HTTPTypes

/// The errors in the OpenAPI document. Those that are the same for many calls are described once.
struct SharedFaults {
    private(set) var responses: [JSONMember] = []

    /// The errors of a call, by status.
    mutating func responses(of call: Call, _ named: inout [ExactText: JSONValue]) -> [JSONMember] {
        FaultExamples.all(of: call).map { status, faults in
            JSONMember(String(status), response(faults, of: call, &named))
        }
    }

    private mutating func response(
        _ faults: [Fault],
        of call: Call,
        _ named: inout [ExactText: JSONValue]
    ) -> JSONValue {
        let response = Self.response(faults, hasOAuthFaults: call.hasOAuthFaults, &named)
        // The token call has a form of its own.
        if call.hasOAuthFaults { return response }
        let name = faults[0].status.reasonPhrase.filter { $0 != " " }
        switch responses[name] {
        case nil: responses.append(JSONMember(name, response))
        case response: break
        default: return response
        }
        return .object([JSONMember("$ref", .string("#/components/responses/\(name)"))])
    }

    private static func response(
        _ faults: [Fault],
        hasOAuthFaults: Bool,
        _ named: inout [ExactText: JSONValue]
    ) -> JSONValue {
        let schema = (hasOAuthFaults ? CommonSchemas.tokenFault : CommonSchemas.fault).json(&named)
        let examples = faults.map { fault in
            let value = JSONMember("value", fault.value(requestID: Examples.requestID))
            return JSONMember(fault.code, .object([value]))
        }
        var content = [
            JSONMember(
                "application/json",
                .object([JSONMember("schema", schema), JSONMember("examples", .object(examples))])
            )
        ]
        let status = faults[0].status
        // From the data plane, which refuses some requests before they get here.
        if [.badRequest, .tooManyRequests, .serviceUnavailable].contains(status) {
            let problem = CommonSchemas.problem
            content.append(
                JSONMember("application/problem+json", OpenAPIDocument.media(problem.json(&named), problem.example))
            )
        }
        let lines = [status.reasonPhrase] + faults.map { "- `\($0.code)`: \(words($0))" }
        var members = [
            JSONMember("description", .string(lines.joined(separator: "\n"))),
            JSONMember("content", .object(content)),
        ]
        if let field = field(status) { members.append(JSONMember("headers", .object(field))) }
        return .object(members)
    }

    /// What a fault means, apart from the example.
    private static func words(_ fault: Fault) -> String {
        switch fault.status {
        case .badRequest where fault.code.hasSameBytes(as: "invalid_request"):
            "a member or parameter is missing, wrong or not known; `problems` names each"
        case .methodNotAllowed: "the path has other methods, which `Allow` names"
        default: fault.message
        }
    }

    /// The header field that comes with a status.
    private static func field(_ status: HTTPResponse.Status) -> [JSONMember]? {
        switch status {
        case .unauthorized: OpenAPIDocument.header("WWW-Authenticate", "How to sign in.")
        case .methodNotAllowed: OpenAPIDocument.header("Allow", "The methods of the path.")
        case .tooManyRequests, .serviceUnavailable: OpenAPIDocument.header("Retry-After", "Seconds to wait.")
        default: nil
        }
    }
}
