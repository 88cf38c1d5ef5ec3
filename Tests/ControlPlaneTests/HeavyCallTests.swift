import Foundation
import HTTPTypes
import JOSE
import Testing

@testable import ControlPlane

@Suite("Calls that read much leave the database to others")
struct HeavyCallTests {
    /// Writes stays of as many users into an event, from outside the process.
    private func stays(_ count: Int, in event: String, of company: String, _ service: Service) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [
            "python3", "-c",
            """
            import sqlite3, sys
            path, event, company, start, count = sys.argv[1:]
            database = sqlite3.connect(path, timeout=60)
            database.execute('''
                INSERT INTO stay (session, company, event, user, name, role, joined_at, left_at, ending)
                WITH RECURSIVE number (n) AS (VALUES (0) UNION ALL SELECT n + 1 FROM number WHERE n + 1 < ?)
                SELECT 's' || n, ?, ?, 'user' || n, 'Somebody', 'attendee', ? + n, ? + n + 600000, 'left' FROM number
                ''', (int(count), company, event, int(start), int(start)))
            database.commit()
            """,
            service.folder.appending(path: "gateway.sqlite").path, event, company, "\(3_600_000 + Service.start)",
            "\(count)",
        ]
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw Unexpected(what: "python3") }
    }

    @Test("attack: two companies' analytics of 20,000 stays; other calls are answered meanwhile, and so are they")
    func analytics() async throws {
        let service = try Service()
        let acme = try await service.makeEvent()
        let reply = try await service.call(.post, "/event/create", newEvent(["companyId": "globex"]), as: "globex")
        let globex = try required(reply["uid"]?.text, reply.text)
        try stays(20_000, in: acme, of: "acme", service)
        try stays(20_000, in: globex, of: "globex", service)
        let began = ContinuousClock.now
        try await withThrowingTaskGroup(of: Int.self) { group in
            for (company, event) in [("acme", acme), ("globex", globex), ("acme", acme), ("globex", globex)] {
                group.addTask { try await service.call(.get, "/event/\(event)/analytics", as: company).bytes.count }
            }
            while service.plane.heavyCalls.runningCount < 2 { await Task.yield() }
            for isFirst in [true, false, false] {
                #expect(try await service.call(.get, "/event/\(acme)").status == 200)
                #expect(try await service.call(.get, "/company/globex/events", as: "globex").status == 200)
                // They were answered while the database was read for the others.
                if isFirst { #expect(service.plane.heavyCalls.runningCount > 0) }
            }
            for try await size in group { #expect(size > 2_000_000) }
        }
        #expect(ContinuousClock.now - began < .seconds(240))
        #expect(service.plane.heavyCalls.runningCount == 0 && service.plane.calls.runningCount == 0)
    }
}
