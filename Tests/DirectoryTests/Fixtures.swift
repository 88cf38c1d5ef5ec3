import Basics
import Foundation
import JOSE
import PostgreSQL
import Synchronization
import TestSupport
import Testing

@testable import Admission
@testable import Directory

/// The start of every test's clock.
let start: Milliseconds = 1_700_000_000_000

/// A clock that stands still until it is moved.
final class TestClock: Sendable {
    private let moment = Mutex((now: start, uptime: Milliseconds(0)))

    var now: Milliseconds { moment.withLock { $0.now } }
    /// The total time that passed, without jumps.
    var uptime: Milliseconds { moment.withLock { $0.uptime } }

    /// Lets time pass.
    func advance(_ time: Milliseconds) {
        moment.withLock { moment in
            moment.now += time
            moment.uptime += time
        }
    }

    /// Sets the clock, as an administrator might.
    func jump(_ time: Milliseconds) { moment.withLock { $0.now += time } }
}

/// A database of its own, which is deleted with it: see ``EachDatabase``.
final class TestDatabase: Sendable {
    let folder: String
    /// What the configuration would call it: a path or a URI.
    let path: String
    let clock = TestClock()
    private let kind = DatabaseKind.current

    init() throws {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("directory-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        folder = url.path
        path =
            switch kind {
            case .sqlite: "\(folder)/gateway.sqlite"
            case .postgreSQL: try PostgreSQLServer.shared.newDatabase(template: Self.template.get())
            }
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    /// A database with the directory's tables. Copying it is faster than making them.
    private static let template = Result {
        let name = try PostgreSQLServer.shared.newDatabaseName()
        let connection = try Connection(ConnectionSettings(PostgreSQLServer.shared.localURI(name)))
        try PostgreSQLSchema.migrate(connection)
        return name
    }

    func open(_ view: DirectoryView = DirectoryView()) throws -> Directory {
        try Directory(database: path, view: view, uptime: { [clock] in clock.uptime }, clock: { [clock] in clock.now })
    }

    /// Opens the database for `body`, and closes it.
    func withDirectory<Value: Sendable>(
        _ body: (Directory) async throws -> Value
    ) async throws -> Value {
        let directory = try open()
        do {
            let value = try await body(directory)
            await directory.close()
            return value
        } catch {
            await directory.close()
            throw error
        }
    }

    /// Why the database cannot be opened.
    func fault() -> String? {
        do {
            _ = try open()
            return nil
        } catch {
            return "\(error)"
        }
    }

    var bytes: Data { get throws { try Data(contentsOf: URL(fileURLWithPath: path)) } }

    /// The texts that occur anywhere in the database's files, or in the server's tables, which promise less.
    func stored(_ texts: [String]) throws -> [String] {
        if kind == .postgreSQL { return try tabled(texts) }
        var files: [Data] = []
        for path in [path, path + "-wal"] where FileManager.default.fileExists(atPath: path) {
            files.append(try Data(contentsOf: URL(fileURLWithPath: path)))
        }
        return texts.filter { text in files.contains { $0.range(of: Data(text.utf8)) != nil } }
    }

    private func tabled(_ texts: [String]) throws -> [String] {
        let tables = try query(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
        )
        let content = try tables.split(separator: "\n").map { try query("SELECT \($0)::text FROM \($0)") }.joined()
        return texts.filter { content.contains($0) }
    }

    /// The answer of another program: Python's `sqlite3`, or of another connection to the server.
    func query(_ sql: String) throws -> String {
        switch kind {
        case .sqlite:
            return try run(
                "python3",
                "-c",
                "import sqlite3,sys\nc=sqlite3.connect(sys.argv[1])\n"
                    + "print('\\n'.join('|'.join(map(str,r)) for r in c.execute(sys.argv[2])))\nc.commit()",
                path,
                sql
            )
        case .postgreSQL:
            let rows = try Connection(ConnectionSettings(path)).execute(sql)
            return (0..<rows.count).map { rows.row($0).map(Self.text).joined(separator: "|") }.joined(separator: "\n")
        }
    }

    private static func text(_ value: Value) -> String {
        switch value {
        case .null: "None"
        case .integer(let number): "\(number)"
        case .real(let number): "\(number)"
        case .text(let text): text
        case .bytes(let bytes): "\(bytes)"
        }
    }
}

/// Runs a program and returns its output.
@discardableResult
func run(_ arguments: String...) throws -> String {
    let process = Process()
    let output = Pipe()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = arguments
    process.standardOutput = output
    try process.run()
    let said = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else { throw ProgramFailure(status: process.terminationStatus) }
    return String(decoding: said, as: UTF8.self).trimmingCharacters(in: .newlines)
}

struct ProgramFailure: Error {
    let status: Int32
}

func fields(_ name: String = "Launch", startsAt: Milliseconds = start) -> EventFields {
    EventFields(name: name, startsAt: startsAt, endsAt: startsAt + 3_600_000, timezone: "Europe/Berlin")
}

extension Directory {
    func makeEvent(
        _ name: String = "Launch",
        _ kind: EventKind = .event,
        company: String = "acme",
        startsAt: Milliseconds = start
    ) async throws -> Event {
        try await create(kind, fields: fields(name, startsAt: startsAt), company: company, creator: company)
    }

    /// Registers a person who is not registered yet.
    func makeRegistration(
        _ email: String,
        name: String = "Kim",
        metadata: [JSONMember] = [],
        for event: Event
    ) async throws -> Registration {
        let person = NewRegistration(name: name, email: email, metadata: metadata)
        let outcome = try await register(person, for: event.uid, event.kind, company: event.company)
        guard case .registered(let registration, _) = outcome else { throw NotRegistered() }
        return registration
    }

    func page(
        of event: Event,
        limit: Int = 100,
        after: Int64? = nil
    ) async throws -> RegistrationPage {
        try #require(
            try await registrations(of: event.uid, event.kind, company: event.company, limit: limit, after: after)
        )
    }

    /// Makes a webhook for everything of a type at acme.
    func makeWebhook(_ type: WebhookType) async throws {
        _ = try await createWebhook([type], endpoint: "https://x.example", event: nil, company: "acme")
    }

    /// The first message of each queue, if it is due.
    func dueDeliveries(at now: Milliseconds) async throws -> [Delivery] {
        var all: [Delivery] = []
        for webhook in allWebhooks {
            var seen: Set<Int64> = []
            while case .message(let delivery) = try await nextMessage(for: webhook, except: seen, at: now) {
                all.append(delivery)
                seen.insert(delivery.id)
            }
        }
        return all.sorted { $0.id < $1.id }
    }

    /// When the next message of a queue is due; `nil` if there is none.
    func nextDelivery(after moment: Milliseconds = .min) async throws -> Milliseconds? {
        var next: Milliseconds?
        for webhook in allWebhooks {
            let found = try await storage.read { database in
                try database.value(
                    "SELECT min(due_at) FROM delivery WHERE webhook = ? AND is_head = 1 AND due_at > ?",
                    [webhook.id, moment],
                    as: Int64.self
                )
            }
            if let found { next = min(next ?? found, found) }
        }
        return next
    }

    /// All messages that wait, due or not, although only heads of queues are listed at a time.
    func takeDeliveries(at now: Milliseconds) async throws -> [Delivery] {
        var all: [Delivery] = []
        while true {
            let due = try await dueDeliveries(at: now)
            if due.isEmpty { return all }
            for delivery in due { try await finish(delivery) }
            all += due
        }
    }
}

/// An event's attendance with all of its people.
@dynamicMemberLookup
struct AttendanceReport {
    let attendance: EventAttendance
    let people: [Int64]
    let participants: [EventAttendance.Participant]

    subscript<Value>(dynamicMember path: KeyPath<EventAttendance, Value>) -> Value { attendance[keyPath: path] }
}

extension Directory {
    func report(
        of event: Event,
        now: Milliseconds,
        within span: AttendanceSpan = .all
    ) async throws -> AttendanceReport {
        let attendance = try #require(
            try await attendance(of: event.uid, event.kind, company: event.company, now: now, within: span, limit: 100)
        )
        var (people, next) = (attendance.page.people, attendance.page.next)
        while let last = next {
            let page = try await self.people(of: attendance, limit: 100, after: last)
            people += page.people
            next = page.next
        }
        return AttendanceReport(
            attendance: attendance,
            people: people,
            participants: try await participants(people[...], of: attendance)
        )
    }
}

struct NotRegistered: Error {}

extension DirectoryView {
    func isRemoved(_ event: Event) -> Bool {
        if case .removed(let company) = entry(ofEvent: EventID(Array(event.uid.utf8))).standing {
            return company == event.company
        }
        return false
    }

    func isRemoved(_ registration: Registration, of event: Event) -> Bool {
        isRemoved(SubjectKey(registration: registration.uid, event: event.uid, company: event.company))
    }
}

/// A session as the live sessions report it.
func session(
    _ number: UInt64,
    event: Event,
    registration: Registration? = nil,
    userID: String = "u1",
    role: Role = .attendee,
    since: Milliseconds,
    source: ArrivalSource = ArrivalSource()
) -> LiveSession {
    let viewer = Viewer(
        kind: registration == nil ? .embed : .registration,
        company: event.company,
        event: event.uid,
        eventSpecific: true,
        userID: registration?.uid ?? userID,
        name: registration?.name ?? "User",
        email: registration?.email,
        registration: registration?.uid,
        validity: Validity(expires: nil, notBefore: nil, issuedAt: nil)
    )
    return LiveSession(
        id: SessionID(joinedAt: since, random0: number, random1: number),
        key: viewer.subject,
        viewer: viewer,
        event: event.uid,
        role: role,
        since: since,
        source: source
    )
}
