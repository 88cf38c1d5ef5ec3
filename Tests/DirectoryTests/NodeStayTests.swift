import Admission
import Basics
import Testing

@testable import Directory

@Suite("Stays of several nodes", .onServer)
struct NodeStayTests {
    private let database: TestDatabase
    private static let minute: Milliseconds = 60_000
    private static let origin: Milliseconds = 1_700_000_040_000

    init() throws { database = try TestDatabase() }

    private static func at(_ minutes: Int64) -> Milliseconds { origin + minutes * minute }

    private func pass(to minutes: Int64) { database.clock.advance(Self.at(minutes) - database.clock.now) }

    private func node(_ name: String, _ storage: any Storage, keepsStays: Bool = false) throws -> Directory {
        let clock = database.clock
        return try Directory(
            storage,
            node: name,
            view: DirectoryView(),
            keepsStays: keepsStays,
            uptime: { clock.uptime },
            clock: { clock.now }
        )
    }

    /// Two nodes of one database, at the origin.
    private func withNodes(
        _ body: (_ storage: any Storage, _ a: Directory, _ b: Directory) async throws -> Void
    ) async throws {
        let storage = try StorageLocation(database.path).open(isShared: true)
        pass(to: 0)
        let (a, b) = (try node("a", storage), try node("b", storage))
        do {
            try await body(storage, a, b)
            await storage.close()
        } catch {
            await storage.close()
            throw error
        }
    }

    private func arrive(_ number: UInt64, _ user: String, _ event: Event, at minutes: Int64, _ node: Directory)
        async throws
        -> LiveSession
    {
        let session = session(number, event: event, userID: user, since: Self.at(minutes))
        try await node.record([.arrived(session)])
        return session
    }

    private func minutes(_ event: Event, _ node: Directory, at moment: Int64) async throws -> [String: Double] {
        let report = try await node.report(of: event, now: Self.at(moment))
        return Dictionary(uniqueKeysWithValues: report.participants.map { ($0.userID ?? "", $0.minutes) })
    }

    /// How many are there, by the sums.
    private func present(_ event: Event, _ node: Directory, at moment: Int64) async throws -> Int {
        let report = try await node.report(of: event, now: Self.at(moment + 1))
        return report.concurrency.first { $0.minute == Self.at(moment) }?.viewers ?? 0
    }

    @Test("A node that starts after a crash ends its own stays, at its own last sign of life")
    func crash() async throws {
        try await withNodes { storage, a, b in
            let event = try await a.makeEvent()
            _ = try await arrive(1, "kim", event, at: 0, a)
            let ada = try await arrive(2, "ada", event, at: 0, b)
            pass(to: 3)
            try await a.beat()
            pass(to: 4)
            try await b.beat()
            pass(to: 5)
            let again = try node("a", storage)
            #expect(try await minutes(event, again, at: 9) == ["kim": 3, "ada": 9])
            try await b.record([.departed(ada, .left, at: Self.at(10))])
            #expect(try await minutes(event, again, at: 20) == ["kim": 3, "ada": 10])
        }
    }

    @Test("A node that stops ends its own stays; whoever is at another one too stays there")
    func stop() async throws {
        try await withNodes { storage, a, b in
            let event = try await a.makeEvent()
            _ = try await arrive(1, "kim", event, at: 0, a)
            _ = try await arrive(2, "kim", event, at: 1, b)
            _ = try await arrive(3, "ada", event, at: 1, a)
            pass(to: 5)
            try await a.endOpenStays()
            #expect(try await minutes(event, b, at: 8) == ["kim": 8, "ada": 4])
            #expect(try await present(event, b, at: 8) == 1)
        }
    }

    @Test("The stays of a node that is silent for three minutes end at its last sign of life, whatever its clock says")
    func silence() async throws {
        try await withNodes { storage, a, b in
            let event = try await a.makeEvent()
            _ = try await arrive(1, "kim", event, at: 0, a)
            pass(to: 2)
            try await a.beat()
            for moment: Int64 in [2, 3, 4] {
                pass(to: moment)
                try await b.beat()
            }
            #expect(try await minutes(event, b, at: 4) == ["kim": 4])
            pass(to: 5)
            try await b.beat()
            #expect(try await minutes(event, b, at: 9) == ["kim": 2])
            #expect(try await present(event, b, at: 9) == 0)
        }
    }

    @Test("A node that was only cut off goes on with its stays as if nothing had been")
    func resumption() async throws {
        try await withNodes { storage, a, b in
            let event = try await a.makeEvent()
            let kim = try await arrive(1, "kim", event, at: 0, a)
            let ada = try await arrive(2, "ada", event, at: 1, a)
            pass(to: 2)
            for moment: Int64 in [2, 5] {
                pass(to: moment)
                try await b.beat()
            }
            #expect(try await present(event, b, at: 6) == 0)
            pass(to: 7)
            // Ada has left meanwhile.
            try await a.record([.departed(ada, .left, at: Self.at(6))])
            try await a.beat()
            #expect(try await minutes(event, b, at: 9) == ["kim": 9, "ada": 5])
            #expect(try await present(event, b, at: 9) == 1)
            try await a.record([.departed(kim, .left, at: Self.at(10))])
            let report = try await b.report(of: event, now: Self.at(20))
            #expect(report.participants.map(\.minutes).sorted() == [5, 10] && report.totalMinutes == 15)
            #expect(report.peakConcurrent == 2 && report.attended == 2)
        }
    }

    @Test("A node that takes over from a process of the same name keeps its stays")
    func takeOver() async throws {
        try await withNodes { storage, a, _ in
            let event = try await a.makeEvent()
            let kim = try await arrive(1, "kim", event, at: 0, a)
            pass(to: 5)
            let successor = try node("a", storage, keepsStays: true)
            try await successor.record([.departed(kim, .left, at: Self.at(6))])
            #expect(try await minutes(event, successor, at: 9) == ["kim": 6])
        }
    }

    @Test("Nodes without stays are forgotten a week after their last sign of life")
    func memory() async throws {
        try await withNodes { storage, a, b in
            func nodes() async throws -> [String] {
                try await storage.read { try $0.values("SELECT name FROM node ORDER BY name", as: String.self) }
            }
            try await b.beat()
            pass(to: 60 * 24 * 6)
            try await b.beat()
            #expect(try await nodes() == ["a", "b"])
            for day: Int64 in [7, 8, 9] {
                pass(to: 60 * 24 * day)
                try await b.beat()
            }
            #expect(try await nodes() == ["b"])
        }
    }
}

@Suite("Which nodes are silent")
struct NodeWatchTests {
    @Test("Those whose last sign of life stays the same for three minutes of the observer's, whatever the sign says")
    func silence() {
        var watch = NodeWatch()
        #expect(watch.look([("a", 5), ("b", 1 << 50)], at: 0).isEmpty)
        #expect(watch.look([("a", 4), ("b", 1 << 50)], at: NodeWatch.patience - 1).isEmpty)
        #expect(watch.look([("a", 3), ("b", 1 << 50)], at: NodeWatch.patience).map(\.node) == ["b"])
        #expect(watch.look([("a", 3), ("b", 0)], at: 2 * NodeWatch.patience).map(\.node) == ["a"])
    }

    @Test("One that was gone is waited for anew")
    func goneAndBack() {
        var watch = NodeWatch()
        #expect(watch.look([("a", 5)], at: 0).isEmpty)
        #expect(watch.look([], at: 1).isEmpty)
        #expect(watch.look([("a", 5)], at: NodeWatch.patience).isEmpty)
    }
}
