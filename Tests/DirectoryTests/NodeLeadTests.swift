import Synchronization
import TestSupport
import Testing

@testable import Directory

@Suite("One node works for all", .onServer)
struct NodeLeadTests {
    let database: TestDatabase

    init() throws { database = try TestDatabase() }

    @Test("Of several nodes one leads, and another one when it stops")
    func stopped() async throws {
        var nodes = try (0..<3).map { try TestNode(database.path, database.clock, "node \($0)") }
        while !nodes.isEmpty {
            let all = nodes
            try await waitUntil("one leads") { all.contains { $0.isLeading } }
            #expect(nodes.filter(\.isLeading).count == 1)
            let index = try #require(nodes.firstIndex { $0.isLeading })
            await nodes.remove(at: index).close()
        }
    }

    @Test("A node whose connection is lost says that it does not lead, before another one does or it does again")
    func lost() async throws {
        try await database.withNodes { nodes in
            for _ in 0..<3 {
                try await waitUntil("one leads") { nodes.contains { $0.isLeading } }
                let leader = try #require(nodes.first { $0.isLeading })
                let before = leader.leadership.count
                let ended = try database.query(
                    """
                    SELECT count(pg_terminate_backend(pid)) FROM pg_locks WHERE locktype = 'advisory'
                    AND objid = (\(AdvisoryLock.leading.rawValue) & 4294967295) AND granted
                    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
                    """
                )
                #expect(ended.hasPrefix("1"))
                try await waitUntil("it knows") { leader.leadership.count > before }
                #expect(leader.leadership[before] == false)
            }
            try await waitUntil("one leads") { nodes.filter(\.isLeading).count == 1 }
        }
    }

    @Test("Whoever has the database alone leads as soon as it follows")
    func alone() async throws {
        for kind in DatabaseKind.allCases {
            let database = try DatabaseKind.$current.withValue(kind) { try TestDatabase() }
            let directory = try Directory(database: database.path, uptime: { 0 }, clock: { start })
            let turns = Mutex<[Bool]>([])
            directory.onLeading { isLeading in turns.withLock { $0.append(isLeading) } }
            #expect(turns.withLock { $0 }.isEmpty)
            try directory.follow()
            #expect(turns.withLock { $0 } == [true])
            await directory.close()
        }
    }
}
