import Basics
import HTTPTypes
import Hummingbird
import NIOCore
import TestSupport
import Testing

@testable import ControlPlane

@Suite("Bodies that arrive slowly, or not at all")
struct BodyTests {
    private struct ConnectionEnded: Error {}

    private func head(_ path: String, _ fields: HTTPFields = [:]) -> HTTPRequest {
        var fields = fields
        fields[.contentType] = "application/json"
        return HTTPRequest(
            method: .post,
            scheme: "http",
            authority: "gateway",
            path: "/api\(path)",
            headerFields: fields
        )
    }

    private func code(of answer: Answer) -> String? {
        Reply(status: answer.status.code, fields: answer.fields, bytes: answer.body).code
    }

    @Test("Attack: uploads that end early; nothing is logged, with credentials or without")
    func cut() async throws {
        let service = try Service()
        let uid = try await service.makeEvent()
        let token: HTTPFields = [.authorization: "Bearer \(try service.token())"]
        for head in [
            head("/oauth/token"), head("/v1/event/create", token), head("/v1/event/\(uid)/registrants", token),
        ] {
            let (body, sender) = AsyncThrowingStream.makeStream(of: ByteBuffer.self)
            sender.yield(ByteBuffer(string: "{\"a\":"))
            sender.finish(throwing: ConnectionEnded())
            let answer = await service.plane.answer(head, RequestBody(asyncSequence: body))
            #expect(answer.status == .badRequest && code(of: answer) == "invalid_request")
        }
        #expect(service.log.text.isEmpty, "\(service.log.text)")
    }

    @Test("Attack: slow uploads of eight companies take all room for large bodies; others' are registered at once")
    func room() async throws {
        let service = try Service()
        let uid = try await service.makeEvent()
        var places: [CallQuota.Place] = []
        for number in 0..<8 { places.append(try await service.plane.largeBodies.enter("company \(number)")) }
        let person = object(["name": "Kim", "email": "kim@x.example"])
        let reply = try await service.call(.post, "/event/\(uid)/registrants", .array([person]))
        #expect(reply.status == 200 && reply.json.list.first?["status"] == 200)
        #expect(service.plane.largeBodies.waitingCount == 0)
        for place in places { place.leave() }
    }

    @Test("Attack: a large body that does not go on gives its room back in time, and is refused when it does")
    func deadline() async throws {
        let quota = CallQuota(perCompany: 1, total: 1, waiting: 8, patience: .seconds(3600))
        let (pieces, sender) = AsyncStream.makeStream(of: ByteBuffer.self)
        let first = try await quota.enter("globex")
        async let refused = refusal(of: RequestBody(asyncSequence: pieces), quota)
        sender.yield(ByteBuffer(repeating: 0x20, count: Call.usualBody + 1))
        try await waitUntil("the body waits for room") { quota.waitingCount == 1 }
        first.leave()
        // The next company gets the room although the body does not go on.
        try await quota.enter("initech").leave()
        sender.yield(ByteBuffer(repeating: 0x20, count: 1))
        let fault = try #require(await refused)
        #expect(fault.code == "slow_body" && fault.status == .requestTimeout)
        #expect(quota.runningCount == 0)
    }

    private func refusal(of body: RequestBody, _ quota: CallQuota) async -> Fault? {
        do {
            _ = try await BodyReader.value(
                of: body,
                [.contentType: "application/json"],
                takesForms: false,
                maxSize: 1 << 20,
                large: LargeBody(quota, company: "acme", time: .milliseconds(20)),
                names: []
            )
            return nil
        } catch {
            return error as? Fault
        }
    }

    @Test("A large body has room until it is done with, also after its deadline; one that fits needs none")
    func arrives() async throws {
        let quota = CallQuota(perCompany: 1, total: 1, waiting: 8)
        for (size, room) in [(Call.usualBody, 0), (Call.usualBody + 1, 1)] {
            let large = LargeBody(quota, company: "acme")
            let text = "[]" + String(repeating: " ", count: size - 2)
            let value = try await BodyReader.value(
                of: RequestBody(buffer: ByteBuffer(string: text)),
                [.contentType: "application/json"],
                takesForms: false,
                maxSize: 1 << 20,
                large: large,
                names: []
            )
            #expect(value == .array([]))
            #expect(quota.runningCount == room)
            large.leave()
            #expect(quota.runningCount == 0)
        }
    }
}
