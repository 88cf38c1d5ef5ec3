import Basics
import Directory
import Foundation
import HTTPTypes
import Hummingbird
import JOSE
import NIOCore
import TestSupport
import Testing

@testable import ControlPlane

@Suite("Calls that read much leave the database to others")
struct HeavyCallTests {
    /// Writes stays of many users or registrations into an event, from outside the process.
    ///
    /// - Parameter metadata: the length of the registrations' metadata; `nil` for users.
    private func stays(_ count: Int, in event: String, of company: String, metadata: Int? = nil, _ service: Service)
        async throws
    {
        let script = [
            "python3", "-c",
            """
            import sqlite3, sys
            path, event, company, start, count, metadata = sys.argv[1:]
            database = sqlite3.connect(path, timeout=60)
            database.execute('''
                INSERT INTO stay (session, company, event, user, registration, name, role, joined_at, left_at, ending)
                WITH RECURSIVE number (n) AS (VALUES (0) UNION ALL SELECT n + 1 FROM number WHERE n + 1 < ?1)
                SELECT 's' || n, ?2, ?3, 'user' || n, iif(?5 < 0, NULL, 'user' || n), 'Somebody', 'attendee', ?4 + n,
                    ?4 + n + 600000, 'left' FROM number
                ''', (int(count), company, event, int(start), int(metadata)))
            database.execute('''
                INSERT INTO registration (uid, event, name, email, folded_email, metadata, join_code, registered_at)
                WITH RECURSIVE number (n) AS (VALUES (0) UNION ALL SELECT n + 1 FROM number WHERE n + 1 < ?1)
                SELECT 'user' || n, event.id, 'Somebody', n || '@x.example', n || '@x.example',
                    '{"note":"' || n || printf('%.*c', ?3, ' ') || '"}', n, 0 FROM number JOIN event
                WHERE event.uid = ?2 AND ?3 >= 0
                ''', (int(count), event, int(metadata)))
            database.commit()
            """,
            service.folder.appending(path: "gateway.sqlite").path, event, company, "\(3_600_000 + Service.start)",
            "\(count)", "\(metadata ?? -1)",
        ]
        guard try Spawn.finish("/usr/bin/env", script) == 0 else { throw Unexpected(what: "python3") }
        // They look as if an earlier version had written them.
        let path = "/event/\(event)/analytics"
        #expect(try await service.call(.get, path, as: company).code == "try_again")
        try await service.directory.sumUpEarlierStays()
    }

    @Test(
        "Attack: two companies request analytics of 20,000 stays; other calls are answered meanwhile, and so are these"
    )
    func analytics() async throws {
        let service = try Service()
        let acme = try await service.makeEvent()
        let reply = try await service.call(.post, "/event/create", newEvent(["companyId": "globex"]), as: "globex")
        let globex = try required(reply["uid"]?.text, reply.text)
        try await stays(20_000, in: acme, of: "acme", service)
        try await stays(20_000, in: globex, of: "globex", service)
        for (company, event) in [("acme", acme), ("globex", globex)] {
            let report = try await service.call(.get, "/event/\(event)/analytics?limit=1", as: company)
            #expect(report["attended"] == 20_000)
        }
        let began = ContinuousClock.now
        // As long as both companies have reports made, others are answered.
        let turns = [
            try await service.plane.heavyCalls.enter("acme"), try await service.plane.heavyCalls.enter("globex"),
        ]
        #expect(service.plane.heavyCalls.runningCount == 2)
        #expect(try await service.call(.get, "/event/\(acme)").status == 200)
        #expect(try await service.call(.get, "/company/globex/events?limit=100", as: "globex").status == 200)
        for turn in turns { turn.leave() }
        try await withThrowingTaskGroup(of: Int.self) { group in
            for (company, event) in [("acme", acme), ("globex", globex), ("acme", acme), ("globex", globex)] {
                group.addTask {
                    let table: HTTPFields = [.accept: "text/csv"]
                    return try await service.call(.get, "/event/\(event)/analytics", as: company, table).bytes.count
                }
            }
            for _ in 0..<3 {
                #expect(try await service.call(.get, "/event/\(acme)").status == 200)
                #expect(try await service.call(.get, "/company/globex/events?limit=100", as: "globex").status == 200)
            }
            for try await size in group { #expect(size > 1_000_000) }
        }
        #expect(ContinuousClock.now - began < .seconds(240))
        #expect(service.plane.heavyCalls.runningCount == 0 && service.plane.calls.runningCount == 0)
    }

    @Test("Attack: much metadata of many participants; it is read piece by piece, and nothing is held between pieces")
    func pieces() async throws {
        let service = try Service()
        let uid = try await service.makeEvent()
        try await stays(900, in: uid, of: "acme", metadata: 10_000, service)
        let head = HTTPRequest(
            method: .get,
            scheme: "http",
            authority: "gateway",
            path: "/api/v1/event/\(uid)/analytics",
            headerFields: [.authorization: "Bearer \(try service.token())"]
        )
        let answer = await service.plane.answer(head, RequestBody(buffer: ByteBuffer()))
        let further = try required(answer.further)
        #expect(answer.body.count < 4096)
        var text = answer.body
        text += try required(try await further.piece(0))
        // An erasure empties the database's log, which is impossible while somebody reads.
        _ = try await service.directory.erasePerson(email: "899@x.example", company: "acme")
        let log = service.folder.appending(path: "gateway.sqlite-wal").path
        #expect(try FileManager.default.attributesOfItem(atPath: log)[.size] as? Int == 0)
        for number in 1..<5 {
            let piece = try required(try await further.piece(number))
            #expect(piece.count < 201 * 10_500)
            text += piece
        }
        #expect(try await further.piece(5) == nil)
        var limits = JSONLimits(size: 16 << 20)
        limits.members = 1 << 20
        let people = try JSONValue(parsing: text.span, limits: limits)["participants"]?.list ?? []
        #expect(people.count == 900)
        for (index, person) in people.enumerated() {
            // Who was erased meanwhile has another id.
            #expect((person["registrationId"]?.text == "user\(index)") == (index != 899))
            let note = person["metadata"]?["note"]?.text?.split(separator: " ").first
            #expect(note.map(String.init) == (index == 899 ? nil : "\(index)"))
        }
        answer.place?.leave()
        let table = try await service.call(.get, "/event/\(uid)/analytics", nil, [.accept: "text/csv"])
        #expect(table.text.split(separator: "\r\n").count == 901)
    }

    @Test("Attack: large bodies that do not end hold up no costly calls, also of those who send them")
    func slowBodies() async throws {
        let service = try Service()
        let acme = try await service.makeEvent()
        let reply = try await service.call(.post, "/event/create", newEvent(["companyId": "globex"]), as: "globex")
        let events = ["acme": acme, "globex": try required(reply["uid"]?.text, reply.text)]
        let senders = try events.map { company, event in
            let (stream, sender) = AsyncStream.makeStream(of: ByteBuffer.self)
            let head = HTTPRequest(
                method: .post,
                scheme: "http",
                authority: "gateway",
                path: "/api/v1/event/\(event)/registrants",
                headerFields: [
                    .authorization: "Bearer \(try service.token(company))", .contentType: "application/json",
                ]
            )
            return (Task { await service.plane.answer(head, RequestBody(asyncSequence: stream)) }, sender)
        }
        for (_, sender) in senders { sender.yield(ByteBuffer(repeating: 0x20, count: Call.usualBody + 1)) }
        try await waitUntil("both bodies are being read") { service.plane.largeBodies.runningCount == 2 }
        for (company, event) in events {
            #expect(try await service.call(.get, "/event/\(event)/analytics", as: company).status == 200)
        }
        for (answer, sender) in senders {
            sender.yield(ByteBuffer(string: "[]"))
            sender.finish()
            #expect(await answer.value.status.code == 200)
        }
        #expect(service.plane.largeBodies.runningCount == 0 && service.plane.heavyCalls.runningCount == 0)
    }

    @Test(
        "Attack: searches take every place that they may have; pages and GET /company still pass, and the other way round"
    )
    func searches() async throws {
        let service = try Service()
        let uid = try await service.makeEvent()
        let searches = ["/event/\(uid)/registrants?limit=1&q=z", "/company/acme/events?limit=1&q=z"]
        let pages = ["/event/\(uid)/registrants?limit=1", "/company/acme/events?limit=1", "/company/acme"]
        for (full, others) in [
            (service.plane.heavyCalls, pages), (service.plane.lists, searches),
        ] {
            let places = [try await full.enter("globex"), try await full.enter("initech")]
            for path in others { #expect(try await service.call(.get, path).status == 200) }
            for place in places { place.leave() }
        }
    }

    @Test("The data behind an answer counts towards the company's unread bytes")
    func weight() async throws {
        let service = try Service()
        let uid = try await service.makeEvent()
        try await stays(1000, in: uid, of: "acme", service)
        let place = try await service.plane.calls.enter("acme")
        try place.hold((32 << 20) - 7000, isDone: false)
        #expect(try await service.call(.get, "/event/\(uid)/analytics").code == "too_many_answers")
        #expect(try await service.call(.get, "/event/\(uid)").status == 200)
    }
}
