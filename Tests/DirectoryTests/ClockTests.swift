import Testing

@testable import Admission
@testable import Directory

@Suite("A clock that jumps deletes nothing", .onEachDatabase)
struct ClockTests {
    private static let day = ClockTrust.day
    private static let retention = Retention(stays: 400 * day, removed: 30 * day, webhooks: 7 * day)
    private let database: TestDatabase

    init() throws { database = try TestDatabase() }

    /// Records somebody who was there and left.
    private func fill(_ directory: Directory) async throws {
        let event = try await directory.makeEvent()
        let stay = session(1, event: event, since: start)
        try await directory.record([.arrived(stay), .departed(stay, .left, at: start + 60_000)])
    }

    private func purge(_ directory: Directory, gives expected: Purge?) async throws {
        let purge = try await directory.purge(Self.retention)
        #expect(purge == expected)
    }

    @Test("Attack: the clock jumps ten years ahead while it runs; nothing is deleted, and it is reported")
    func jump() async throws {
        try await database.withDirectory { directory in
            try await fill(directory)
            try await purge(directory, gives: Purge())
            database.clock.jump(3650 * Self.day)
            try await purge(directory, gives: nil)
            #expect(directory.takeClockNews() == .jumped(by: 3650 * Self.day))
            database.clock.advance(3_600_000)
            try await purge(directory, gives: nil)
            #expect(directory.takeClockNews() == nil)
            // It is set right; only a day later may expired data be deleted again.
            database.clock.jump(-3650 * Self.day)
            try await purge(directory, gives: nil)
            #expect(directory.takeClockNews() == .jumped(by: -3650 * Self.day))
            for _ in 0..<23 {
                database.clock.advance(3_600_000)
                try await purge(directory, gives: nil)
            }
            database.clock.advance(3_600_000)
            try await purge(directory, gives: Purge())
            #expect(directory.takeClockNews() == .trusted)
            database.clock.advance(400 * Self.day)
            try await purge(directory, gives: Purge(stays: 1))
        }
    }

    @Test("Attack: it starts twice with a clock ten years ahead; it is not trusted because of that")
    func restarts() async throws {
        try await database.withDirectory { try await fill($0) }
        database.clock.jump(3650 * Self.day)
        for isFirst in [true, false] {
            try await database.withDirectory { directory in
                #expect(directory.takeClockNews() == (isFirst ? .jumped(by: 3650 * Self.day) : nil))
                try await purge(directory, gives: nil)
                database.clock.advance(Self.day / 4)
                try await purge(directory, gives: nil)
            }
        }
        database.clock.jump(-3650 * Self.day)
        try await database.withDirectory { try await purge($0, gives: nil) }
    }

    @Test("A machine that was off for two years deletes expired data once it has run for a day, in one go or several")
    func longRest() async throws {
        try await database.withDirectory { try await fill($0) }
        for _ in 0..<4 {
            database.clock.jump(730 * Self.day)
            try await database.withDirectory { directory in
                try await purge(directory, gives: nil)
                database.clock.advance(Self.day / 4 - 1)
                try await purge(directory, gives: nil)
            }
        }
        try await database.withDirectory { directory in
            database.clock.advance(4)
            try await purge(directory, gives: Purge(stays: 1))
        }
    }

    @Test("A machine that runs once a week deletes expired data at once")
    func weekly() async throws {
        try await database.withDirectory { try await fill($0) }
        for week in 1...58 {
            database.clock.jump(7 * Self.day)
            let purge = try await database.withDirectory { try await $0.purge(Self.retention) }
            #expect(purge == Purge(stays: week == 58 ? 1 : 0))
        }
    }
}
