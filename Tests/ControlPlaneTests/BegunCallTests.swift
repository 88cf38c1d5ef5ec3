import Basics
import Directory
import GatewayConfiguration
import HTTPTypes
import Hummingbird
import NIOCore
import TestSupport
import Testing

@testable import ControlPlane

@Suite("A call that has begun ends when its company may no longer make it")
struct BegunCallTests {
    enum Measure: CaseIterable {
        case secretRevoked, suspended, removed

        func apply(to settings: inout Settings) throws {
            let index = try required(settings.companies.firstIndex { $0.id == "acme" })
            switch self {
            case .secretRevoked: settings.companies[index].clientSecrets = [Secret(Array("quite another secret".utf8))]
            case .suspended: settings.companies[index].isSuspended = true
            case .removed: settings.companies.remove(at: index)
            }
        }
    }

    @Test(
        "Attack: the body ends after the operator has acted",
        arguments: Measure.allCases,
        ["event/create", "registrants"]
    )
    func body(measure: Measure, call: String) async throws {
        let service = try Service()
        let event = try await service.makeEvent()
        let (stream, sender) = AsyncStream.makeStream(of: ByteBuffer.self)
        let path = call == "registrants" ? "/api/v1/event/\(event)/registrants" : "/api/v1/event/create"
        let head = HTTPRequest(
            method: .post,
            scheme: "http",
            authority: "gateway",
            path: path,
            headerFields: [.authorization: "Bearer \(try service.token())", .contentType: "application/json"]
        )
        let answer = Task { await service.plane.answer(head, RequestBody(asyncSequence: stream)) }
        try await waitUntil("the call has begun") { service.plane.calls.runningCount == 1 }
        var settings = try Service.settings()
        try measure.apply(to: &settings)
        try service.plane.adopt(settings)
        let person: JSONValue = .array([
            .object([JSONMember("name", .string("Ada")), JSONMember("email", .string("ada@x.example"))])
        ])
        let content = call == "registrants" ? person : newEvent()
        sender.yield(ByteBuffer(bytes: content.serialized()))
        sender.finish()
        #expect(await answer.value.status.code == (measure == .suspended ? 403 : 401))
        try service.plane.adopt(Service.settings())
        #expect(try await service.call(.get, "/company/acme/events").json.list.count == 1)
        #expect(try await service.call(.get, "/event/\(event)/registrants").json.list.isEmpty)
    }

    @Test("A company without a key that signs is told so before anything is stored")
    func noSigningKey() async throws {
        let service = try Service { $0.companies[0].firstSigns = false }
        let event = try await service.makeEvent()
        let person: JSONValue = .object([
            JSONMember("name", .string("Ada")), JSONMember("email", .string("ada@x.example")),
        ])
        let user: JSONValue = .object([JSONMember("userId", .string("ada"))])
        for (path, body) in [
            ("registrant", person), ("registrants", .array([person])), ("embed", user), ("embedCode", user),
        ] {
            let reply = try await service.call(.post, "/event/\(event)/\(path)", body)
            #expect(reply.status == 409 && reply.code == "no_signing_key", "\(path) \(reply.text)")
        }
        #expect(try await service.call(.get, "/event/\(event)/registrants").json.list.isEmpty)
        #expect(try await service.call(.get, "/event/\(event)/registrants?include=join_url").status == 409)
    }
}
