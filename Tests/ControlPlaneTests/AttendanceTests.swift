import Admission
import Basics
import Directory
import HTTPTypes
import JOSE
import Testing

@testable import ControlPlane

@Suite("Analytics report who was there, as JSON and as a table")
struct AttendanceTests {
    private func viewer(_ event: String, _ user: String, name: String, email: String, registration: String? = nil)
        -> Viewer
    {
        Viewer(
            kind: registration == nil ? .embed : .registration,
            company: "acme",
            event: event,
            eventSpecific: true,
            userID: user,
            name: name,
            email: email,
            registration: registration,
            validity: Validity(expires: Service.start / 1000 + 86_400, notBefore: nil, issuedAt: nil)
        )
    }

    /// An event with a user who was there for a minute and a third, and a registration who is still there.
    private func event(_ service: Service) async throws -> String {
        service.admission.sessions.keepChanges()
        let uid = try await service.makeEvent()
        let body = object(["name": "=cmd()", "email": "r@example.com", "metadata": object(["a": "b,\"c\""])])
        let reply = try await service.call(.post, "/event/\(uid)/registrant", body)
        let url = try required(reply["joinUrl"]?.text)
        let token = Array(try required(url.split(separator: "?token=").last).utf8)
        let registration = try Token(parsing: token.span, maxSize: 8192).claims.string("registrationId")
        _ = try service.join(viewer(uid, "+u1", name: "Ann \"A\"", email: "ann@example.com"), event: uid)
        service.now += 60_000
        _ = try service.join(
            viewer(uid, registration ?? "", name: "=cmd()", email: "r@example.com", registration: registration),
            event: uid
        )
        service.now += 20_004
        let changes = service.admission.sessions.takeChanges()
        try await service.directory.record(changes)
        guard case .arrived(let session)? = changes.first else { throw Unexpected(what: "\(changes)") }
        try await service.directory.record([.departed(session, .left, at: service.now)])
        return uid
    }

    @Test("JSON")
    func json() async throws {
        let service = try Service()
        let uid = try await event(service)
        let reply = try await service.call(.get, "/event/\(uid)/analytics")
        #expect(reply.status == 200)
        #expect(reply.fields[.contentType] == "application/json")
        #expect(reply["eventId"] == .string(uid))
        #expect(reply["eventName"] == "Launch")
        #expect(reply["registered"] == 1)
        #expect(reply["attended"] == 2)
        #expect(reply["peakConcurrent"] == 2)
        #expect(reply["totalMinutes"] == .number(1.67))
        #expect(reply["averageMinutes"] == .number(0.83))
        let minutes = [Service.start, Service.start + 60_000].map { JSONValue.string(Timestamp.text($0)) }
        #expect(reply["concurrency"] == [[minutes[0], 1], [minutes[1], 2]])
        let people = reply["participants"]?.list ?? []
        #expect(people.map { $0["userId"] } == ["+u1", nil])
        #expect(people.map { $0["minutes"] } == [.number(1.33), .number(0.33)])
        #expect(people.map { $0["lastLeave"] == .null } == [false, true])
        #expect(people.last?["metadata"] == object(["a": "b,\"c\""]))
        #expect(people.last?["registrationId"]?.text != nil)
    }

    @Test("The table follows RFC 4180, and no spreadsheet takes its cells for formulas")
    func csv() async throws {
        let service = try Service()
        let uid = try await event(service)
        let reply = try await service.call(.get, "/event/\(uid)/analytics", nil, [.accept: "text/csv"])
        #expect(reply.fields[.contentType] == "text/csv; charset=utf-8; header=present")
        #expect(reply.fields[values: .vary].joined().contains("Accept"))
        let lines = reply.text.split(separator: "\r\n", omittingEmptySubsequences: false)
        #expect(lines.count == 4)
        #expect(
            lines.first == "userId,registrationId,name,email,role,metadata,firstJoin,lastLeave,minutes,joins,replaced"
        )
        #expect(
            lines[1]
                == "'+u1,,\"Ann \"\"A\"\"\",ann@example.com,attendee,,2027-01-15T08:00:00.000Z,2027-01-15T08:01:20.004Z,1.33,1,0"
        )
        #expect(
            lines[2].contains(
                ",'=cmd(),r@example.com,attendee,\"{\"\"a\"\":\"\"b,\\\"\"c\\\"\"\"\"}\",2027-01-15T08:01:00.000Z,,0.33,1,0"
            )
        )
        #expect(lines[3].isEmpty)
    }

    @Test(
        "A client gets JSON unless it accepts only a table",
        arguments: ["", "*/*", "application/json, text/csv"]
    )
    func accept(accept: String) async throws {
        let service = try Service()
        let uid = try await service.makeEvent()
        let reply = try await service.call(
            .get,
            "/event/\(uid)/analytics",
            nil,
            accept.isEmpty ? [:] : [.accept: accept]
        )
        #expect(reply.fields[.contentType] == "application/json")
    }
}
