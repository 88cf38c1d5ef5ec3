import Basics
import Foundation
import JOSE
import Testing

/// A company's backend that calls the control API on a persistent connection.
final class Backend {
    let port: UInt16
    let company: String
    /// The API token for its calls.
    var token: String?
    /// How long each answer may take.
    var patience: Double = 10
    private var client: Client?

    /// The client secret, as in the gateway's configuration.
    static func secret(of company: String) -> String { "the client secret of \(company)" }

    init(port: UInt16, company: String = "acme") {
        self.port = port
        self.company = company
    }

    /// A backend that has its token.
    static func signedIn(_ site: Site, company: String = "acme") throws -> Backend {
        let backend = Backend(port: site.port, company: company)
        try backend.signIn()
        return backend
    }

    /// Gets a token like the sample client.
    func signIn(secret: String? = nil) throws {
        let response = try call("POST", "/api/oauth/token", credentials(secret: secret))
        token = try require(response, 200)["access_token"]?.text
    }

    func credentials(secret: String? = nil) -> JSONValue {
        [
            "client_id": .string(company), "client_secret": .string(secret ?? Self.secret(of: company)),
            "audience": "http://localhost/api/v1", "grant_type": "client_credentials",
        ]
    }

    /// Sends a request on a connection of the test, which reads the answer itself.
    func ask(_ path: String, on client: Client, accept: String = "*/*") {
        client.send(
            "GET /api/v1\(path) HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer \(token ?? "")\r\nAccept: \(accept)\r\n\r\n"
        )
    }

    /// Makes a call and returns the answer. Reconnects after a failure.
    ///
    /// - Parameter path: below `/api/v1`, unless it begins with `/api`.
    func call(_ method: String, _ path: String, _ body: JSONValue? = nil, _ fields: [String] = []) throws -> Response {
        let text = body.map { $0.serialized() } ?? []
        return try send(method, path, text, (body == nil ? [] : ["Content-Type: application/json"]) + fields)
    }

    /// The same with a body of any kind.
    func send(_ method: String, _ path: String, _ body: [UInt8], _ fields: [String]) throws -> Response {
        let client = try client ?? Client(port: port)
        self.client = nil
        let authorization = token.map { ["Authorization: Bearer \($0)"] } ?? []
        let response = try client.exchange(
            path.hasPrefix("/api") ? path : "/api/v1" + path,
            method: method,
            authorization + fields,
            body: body,
            within: patience
        )
        if response["Connection"]?.lowercased() != "close" { self.client = client }
        return response
    }

    /// Makes a call that must succeed, and returns the answer's body.
    func ask(
        _ method: String,
        _ path: String,
        _ body: JSONValue? = nil,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> JSONValue {
        try require(try call(method, path, body), 200, sourceLocation: sourceLocation)
    }

    private func require(
        _ response: Response,
        _ status: Int,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> JSONValue {
        try #require(response.status == status, "\(response)", sourceLocation: sourceLocation)
        try #require(response["Content-Type"] == "application/json", "\(response)", sourceLocation: sourceLocation)
        return try response.json()
    }

    // MARK: The beginning of most tests

    /// A body that creates an event.
    func newEvent(_ name: String = "Spring launch") -> JSONValue {
        let now = Date()
        return [
            "companyId": .string(company), "name": .string(name),
            "startDate": .string(now.addingTimeInterval(-600).ISO8601Format()),
            "endDate": .string(now.addingTimeInterval(7200).ISO8601Format()), "timezone": "Europe/Berlin",
        ]
    }

    /// Creates an event and returns its uid.
    func createEvent(_ name: String = "Spring launch", _ more: JSONValue = [:]) throws -> String {
        var body = newEvent(name)
        if case .object(let members) = more { for member in members { body[member.name] = member.value } }
        return try #require(try ask("POST", "/event/create", body)["uid"]?.text)
    }

    /// Registers a person.
    func register(
        _ email: String,
        for event: String,
        name: String = "Ada Lovelace",
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> Registered {
        let body: JSONValue = ["name": .string(name), "email": .string(email)]
        let path = "/event/\(event)/registrant"
        return try Registered(try ask("POST", path, body, sourceLocation: sourceLocation))
    }

    /// Makes the URL that shows an event to a user.
    func embed(_ user: JSONValue, in event: String) throws -> String {
        try #require(try ask("POST", "/event/\(event)/embedCode", user).text)
    }
}

/// The parts of Register's answer for a viewer.
struct Registered: Equatable, Sendable {
    /// Path and query of the join URL.
    let target: String
    let joinCode: String

    init(_ json: JSONValue) throws {
        target = Browser.path(try #require(json["join_url"]?.text))
        joinCode = try #require(json["joinCode"]?.text)
    }

    var token: String { target.components(separatedBy: "token=").last ?? "" }
}

/// Expects an error in the API's form.
///
/// - Parameter field: what the message must name.
func expectFault(
    _ response: Response,
    _ status: Int,
    _ code: String,
    naming field: String? = nil,
    _ comment: Comment? = nil,
    sourceLocation: SourceLocation = #_sourceLocation
) throws {
    #expect(response.status == status, comment ?? "\(response)", sourceLocation: sourceLocation)
    #expect(response["Content-Type"] == "application/json", comment, sourceLocation: sourceLocation)
    #expect(response["Cache-Control"]?.contains("no-store") == true, comment, sourceLocation: sourceLocation)
    let fault = try response.json()
    #expect(fault["hasError"] == true, comment, sourceLocation: sourceLocation)
    #expect(fault["code"]?.text == code, comment, sourceLocation: sourceLocation)
    let message = fault["errorMessage"]?.text ?? ""
    #expect(!message.isEmpty, comment, sourceLocation: sourceLocation)
    if let field {
        #expect(message.contains(field), comment ?? "\(message) names \(field)", sourceLocation: sourceLocation)
    }
    let request = fault["requestId"]?.text ?? ""
    #expect(!request.isEmpty && request == response["X-Request-Id"], comment, sourceLocation: sourceLocation)
}
