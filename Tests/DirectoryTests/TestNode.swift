import Basics
import Synchronization
import TestSupport

@testable import Admission
@testable import Directory

/// One of several directories that share a database, and what its handlers were told.
final class TestNode: Sendable {
    let directory: Directory
    private let heard = Mutex<(deletions: Set<String>, companies: [String: String])>(([], [:]))
    private let calls = Mutex<[String]>([])
    private let turns = Mutex<[Bool]>([])

    static let key = [UInt8](repeating: 7, count: 32)

    /// - Parameter follows: whether it learns of what others write, and not only when it writes itself.
    init(_ uri: String, _ clock: TestClock, _ name: String = "a", follows: Bool = true) throws {
        directory = try Directory(
            database: uri,
            node: name,
            isShared: true,
            uptime: { clock.uptime },
            clock: { clock.now }
        )
        let companies = try directory.openCompanies(secret: Self.key)
        heard.withLock { $0.companies = Dictionary(uniqueKeysWithValues: companies.map { ($0.id, "\($0)") }) }
        directory.onDeletion { [self] deletion in _ = heard.withLock { $0.deletions.insert("\(deletion)") } }
        directory.onCompanyChange { [self] id, company in
            heard.withLock { $0.companies[id] = company.map { "\($0)" } }
        }
        directory.onSwitchedOn { [self] webhook in calls.withLock { $0.append("switched \(webhook.id)") } }
        directory.onDelivery { [self] webhook in calls.withLock { $0.append("messages \(webhook.id)") } }
        directory.onAnnouncement { [self] in calls.withLock { $0.append("announcements") } }
        directory.onLeading { [self] isLeading in turns.withLock { $0.append(isLeading) } }
        if follows { try directory.follow() }
    }

    /// What was deleted.
    var deletions: Set<String> { heard.withLock { $0.deletions } }

    /// Whether it works for all.
    var isLeading: Bool { turns.withLock { $0.last ?? false } }

    /// Each time when it was told whether it works for all.
    var leadership: [Bool] { turns.withLock { $0 } }

    /// What its handlers were told of messages, since the last call.
    func takeCalls() -> [String] {
        calls.withLock { calls in
            defer { calls = [] }
            return calls
        }
    }

    /// Everything that it knows, in lines.
    var content: [String] {
        let webhooks = directory.allWebhooks.map { "\($0)" }
        let companies = heard.withLock { $0.companies.map { "company \($0.key) \($0.value)" } }
        return (directory.view.content + webhooks + companies).sorted()
    }

    /// How far it has followed.
    var position: ChangeLog.Position? { directory.follower?.position }

    func close() async {
        await directory.close()
        // They hold this.
        directory.onDeletion { _ in }
        directory.onCompanyChange { _, _ in }
        directory.onSwitchedOn { _ in }
        directory.onDelivery { _ in }
        directory.onAnnouncement {}
    }
}

extension TestDatabase {
    /// Opens the database for several nodes at a time.
    func withNodes<Value: Sendable>(
        _ count: Int = 2,
        follow: Bool = true,
        _ body: ([TestNode]) async throws -> Value
    ) async throws -> Value {
        let nodes = try (0..<count).map { try TestNode(path, clock, "node \($0)", follows: follow || $0 == 0) }
        do {
            let value = try await body(nodes)
            for node in nodes { await node.close() }
            return value
        } catch {
            for node in nodes { await node.close() }
            throw error
        }
    }

    /// What a node knows that starts now.
    func freshContent() async throws -> [String] {
        let node = try TestNode(path, clock, "fresh", follows: false)
        let content = node.content
        await node.close()
        return content
    }

    /// Waits until all nodes have obeyed what was written, and checks that they know the same as one that starts now.
    func agreement(of nodes: [TestNode]) async throws -> Bool {
        let end = try await nodes[0].directory.storage.read { try ChangeLog.end($0) }
        try await waitUntil("all nodes have followed") { nodes.allSatisfy { $0.position == end } }
        let fresh = try await freshContent()
        return nodes.allSatisfy { $0.content == fresh }
    }
}

extension DirectoryView {
    /// Everything that it says, in lines.
    fileprivate var content: [String] {
        var lines: [String] = []
        for box in shards {
            let shard = box.contents.withLock { $0 }
            for (id, entry) in shard.events { lines += Self.lines(String(decoding: id.bytes, as: UTF8.self), entry) }
            for (code, person) in shard.people { lines.append("person \(code) \(person.unpacked)") }
            for subject in shard.removedRegistrations { lines.append("removed registration \(subject)") }
            for (bits, until) in shard.endedSessions { lines.append("ended \(bits) until \(until)") }
            for code in shard.removedCodes { lines.append("removed code \(code)") }
        }
        return lines
    }

    private static func lines(_ event: String, _ entry: Entry) -> [String] {
        var lines: [String] = []
        switch entry.standing {
        case .unknown: lines.append("event \(event) unknown")
        case .removed(let company): lines.append("event \(event) removed \(company)")
        case .known(let record):
            let lists = [record.presenters, record.organizers].map { $0.map(\.text).sorted() }
            let times = [record.startsAt, record.closesAt, record.doors.opensAt, record.doors.closesAt]
            lines.append("event \(event) \(record.company) \(record.name) \(record.kind) \(lists) \(times)")
            lines.append("event \(event) \(String(describing: record.secondJoin)) \(record.page)")
        }
        for removals in entry.removals {
            for (person, until) in removals.until {
                lines.append("removal \(event) \(removals.company) \(person) \(until)")
            }
        }
        return lines
    }
}
