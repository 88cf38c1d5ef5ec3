import Basics
import JOSE
import Synchronization
import Testing

@testable import Admission
@testable import Directory

@Suite(
    "The outbox of webhooks: written with the change that it announces, in order, and kept until delivered",
    .onEachDatabase
)
struct WebhookOutboxTests {
    let database: TestDatabase

    init() throws { database = try TestDatabase() }

    private func webhook(
        _ type: WebhookType,
        _ directory: Directory,
        event: String? = nil,
        company: String = "acme"
    ) async throws -> Webhook {
        try await directory.createWebhook([type], endpoint: "https://x.example/\(type)", event: event, company: company)
    }

    private func members(_ delivery: Delivery) throws -> [JSONMember] {
        try JSONText.members(delivery.message)
    }

    @Test("Everything that happens is announced to the webhooks of its type, with its time")
    func types() async throws {
        try await database.withDirectory { directory in
            for type in WebhookType.allCases { _ = try await webhook(type, directory) }
            let event = try await directory.makeEvent()
            _ = try await directory.update(event.uid, .event, company: "acme") { $0.name = "New" }
            _ = try await directory.update(event.uid, .event, company: "acme") { $0.name = "New" }
            let metadata = [JSONMember("seat", .number(1))]
            let kim = try await directory.makeRegistration("kim@x.example", metadata: metadata, for: event)
            let known = NewRegistration(name: "Kim", email: "kim@x.example")
            _ = try await directory.register(known, for: event.uid, .event, company: "acme")
            let (one, two) = (
                session(1, event: event, registration: kim, since: start),
                session(2, event: event, registration: kim, since: start + 1)
            )
            try await directory.record([
                .arrived(one), .arrived(two), .departed(one, .replaced, at: start + 1),
                .departed(two, .left, at: start + 2),
            ])
            _ = try await directory.remove(event.uid, .event, company: "acme")
            let deliveries = try await directory.takeDeliveries(at: start).sorted { $0.id < $1.id }
            let expected: [WebhookType] = [
                .eventCreated, .eventUpdated, .registrationCreated, .sessionJoined, .sessionJoined, .sessionReplaced,
                .sessionLeft, .eventDeleted,
            ]
            #expect(deliveries.map(\.type) == expected.map(\.rawValue))
            // The time and order of the events, although each type goes to its own endpoint.
            let moments: [Milliseconds] = [0, 0, 0, 0, 1, 1, 2, 0]
            for (index, delivery) in deliveries.enumerated() {
                let message = try members(delivery)
                #expect(message["type"] == .string(delivery.type))
                #expect(message["timestamp"] == .string(Timestamp.text(start + moments[index])))
                #expect(message["sequence"] == .number(Double(index + 1)))
                #expect(message["companyId"] == .string("acme") && message["eventId"] == .string(event.uid))
                #expect(delivery.queuedAt == start && delivery.attempts == 0)
            }
            let ids = try deliveries.map { try members($0)["id"] }
            #expect(ids.allSatisfy { if case .string(let id) = $0 { UUIDText.parse(id) != nil } else { false } })
            guard case .object(let data)? = try members(deliveries[2])["data"] else { throw NotRegistered() }
            #expect(data["registrationId"] == .string(kim.uid) && data["metadata"] == .object(metadata))
            guard case .object(let end)? = try members(deliveries[6])["data"] else { throw NotRegistered() }
            #expect(end["reason"] == .string("left") && end["leftAt"] == .string(Timestamp.text(start + 2)))
        }
    }

    @Test(
        "Stays closed by a stop or a crash are announced like others, once, with the time of their end",
        .ofFiles,
        arguments: [false, true]
    )
    func stopped(isCrash: Bool) async throws {
        let copy = try TestDatabase()
        let (event, kim) = try await database.withDirectory { directory in
            for company in ["acme", "globex"] { _ = try await webhook(.sessionLeft, directory, company: company) }
            let event = try await directory.makeEvent()
            let kim = try await directory.makeRegistration("kim@x.example", for: event)
            let gone = session(1, event: event, registration: kim, since: start)
            try await directory.record([
                .arrived(gone), .departed(gone, .left, at: start + 1),
                .arrived(session(2, event: event, registration: kim, role: .host, since: start + 2)),
                .arrived(session(3, event: event, userID: "u3", since: start + 9000)),
            ])
            database.clock.advance(5000)
            try await directory.beat()
            if isCrash { try run("sh", "-c", "cp \"$1\"/gateway.sqlite* \"$2\"", "sh", database.folder, copy.folder) }
            return (event, kim)
        }
        let after = isCrash ? copy : database
        for isFirst in [true, false] {
            after.clock.advance(60_000)
            try await after.withDirectory { directory in
                let deliveries = try await directory.takeDeliveries(at: after.clock.now).sorted { $0.id < $1.id }
                let told = try deliveries.map { delivery in
                    guard case .object(let data)? = try members(delivery)["data"] else { throw NotRegistered() }
                    return data
                }
                #expect(
                    told.map { $0["reason"] } == (isFirst ? ["left", "stopped", "stopped"] : []).map(JSONValue.string)
                )
                guard isFirst, told.count == 3 else { return }
                #expect(deliveries.allSatisfy { $0.webhook.company == "acme" })
                let moments = [start + 1, start + 5000, start + 9000].map { JSONValue.string(Timestamp.text($0)) }
                #expect(told.map { $0["leftAt"] } == moments)
                #expect(told[1]["registrationId"] == .string(kim.uid) && told[1]["email"] == .string("kim@x.example"))
                #expect(told[1]["role"] == .string("host") && told[1]["joinedAt"] == .string(Timestamp.text(start + 2)))
                #expect(told[2]["userId"] == .string("u3") && told[2]["registrationId"] == nil)
                for delivery in deliveries { try await directory.finish(delivery) }
            }
        }
        #expect(event.company == "acme")
    }

    @Test("A webhook for one event is told about that one only")
    func oneEvent() async throws {
        try await database.withDirectory { directory in
            let (event, other) = (try await directory.makeEvent(), try await directory.makeEvent("other"))
            _ = try await webhook(.eventUpdated, directory, event: event.uid)
            for uid in [other.uid, event.uid] {
                _ = try await directory.update(uid, .event, company: "acme") { $0.name = "New" }
            }
            let deliveries = try await directory.takeDeliveries(at: start)
            #expect(try deliveries.map { try members($0)["eventId"] } == [.string(event.uid)])
        }
    }

    @Test("A failed write announces nothing")
    func failedWrite() async throws {
        struct Refused: Error {}
        try await database.withDirectory { directory in
            _ = try await webhook(.eventUpdated, directory)
            let event = try await directory.makeEvent()
            await #expect(throws: Refused.self) {
                try await directory.writer.write { database, effects in
                    try directory.announce(.eventUpdated, event, database, &effects)
                    throw Refused()
                }
            }
            #expect(try await directory.nextDelivery() == nil)
        }
    }

    @Test("The delivery handler is called when there is a message, and not otherwise")
    func bell() async throws {
        let rings = Mutex(0)
        try await database.withDirectory { directory in
            directory.onDelivery { _ in rings.withLock { $0 += 1 } }
            let event = try await directory.makeEvent()
            #expect(rings.withLock { $0 } == 0)
            _ = try await webhook(.eventUpdated, directory)
            _ = try await directory.update(event.uid, .event, company: "acme") { $0.name = "New" }
            #expect(rings.withLock { $0 } == 1)
        }
    }

    @Test("A webhook's messages of one event go one after the other; other queues do not wait for them")
    func order() async throws {
        try await database.withDirectory { directory in
            _ = try await webhook(.eventUpdated, directory)
            _ = try await webhook(.eventUpdated, directory)
            let (one, two) = (try await directory.makeEvent(), try await directory.makeEvent("two"))
            for name in ["a", "b", "c"] {
                for event in [one, two] {
                    _ = try await directory.update(event.uid, .event, company: "acme") { $0.name = name }
                }
            }
            // Two webhooks and two events: four queues of three.
            var rows: [String: [String]] = [:]
            for round in 0..<3 {
                let due = try await directory.dueDeliveries(at: start)
                #expect(due.count == 4, "round \(round)")
                for delivery in due {
                    let message = try members(delivery)
                    guard case .object(let data)? = message["data"], case .string(let name)? = data["name"],
                        case .string(let event)? = message["eventId"]
                    else { throw NotRegistered() }
                    rows[delivery.webhook.id + event, default: []].append(name)
                    try await directory.finish(delivery)
                }
            }
            #expect(rows.values.allSatisfy { $0 == ["a", "b", "c"] })
            #expect(try await directory.nextDelivery() == nil)
        }
    }

    @Test("A message that is retried later keeps those behind it waiting, and reports when it is due")
    func retry() async throws {
        try await database.withDirectory { directory in
            _ = try await webhook(.eventUpdated, directory)
            let event = try await directory.makeEvent()
            for name in ["a", "b"] {
                _ = try await directory.update(event.uid, .event, company: "acme") { $0.name = name }
            }
            #expect(try await directory.nextDelivery() == start)
            let head = try #require(try await directory.dueDeliveries(at: start).first)
            try await directory.retry(head, at: start + 5000, reason: "answered 500")
            #expect(try await directory.dueDeliveries(at: start + 4999).isEmpty)
            // Not when the second one would have been due, or its waiter would not sleep.
            #expect(try await directory.nextDelivery() == start + 5000)
            #expect(try await directory.nextDelivery(after: start + 5000) == nil)
            let again = try #require(try await directory.dueDeliveries(at: start + 5000).first)
            #expect(again.id == head.id && again.attempts == 1 && again.message == head.message)
            try await directory.finish(again)
            try await directory.finish(again)
            let next = try await directory.dueDeliveries(at: start + 5000)
            #expect(next.count == 1 && next[0].id > head.id && next[0].attempts == 0)
        }
    }

    @Test("A retry further away than possible, from a time when the clock was wrong, is due now")
    func wrongClock() async throws {
        try await database.withDirectory { directory in
            _ = try await webhook(.eventCreated, directory)
            _ = try await directory.makeEvent()
            let head = try #require(try await directory.dueDeliveries(at: start).first)
            try await directory.retry(head, at: start + Directory.farthestRetry, reason: "answered 500")
            #expect(try await directory.dueDeliveries(at: start).isEmpty)
            try await directory.retry(head, at: start + Directory.farthestRetry + 1, reason: "answered 500")
            #expect(try await directory.dueDeliveries(at: start).map(\.id) == [head.id])
        }
    }

    @Test("A backlog costs the same for each message, however long it is", .ofFiles)
    func backlog() async throws {
        let counts = try await [500, 5_000].times { count in
            let database = try TestDatabase()
            return try await database.withDirectory { directory in
                let webhook = try await self.webhook(.eventCreated, directory)
                try await directory.writer.write { database, _ in
                    for index in 0..<count {
                        try database.execute(
                            """
                            INSERT INTO delivery (webhook, event, message, created_at, due_at, is_head)
                            VALUES (?, ?, '{}', 0, 0, ?)
                            """,
                            [webhook.id, "\(index / 2)", index % 2 == 0]
                        )
                    }
                }
                let plans = try await directory.storage.read { database in
                    try database.rows(
                        """
                        EXPLAIN QUERY PLAN SELECT id FROM delivery
                        WHERE webhook = ? AND is_head = 1 AND due_at <= ? ORDER BY due_at, id LIMIT 1
                        """,
                        [webhook.id, 1]
                    ).map { $0["detail"] as String }
                }
                #expect(plans.count == 1 && plans[0].contains("delivery_heads (webhook=? AND due_at<?)"))
                let clock = ContinuousClock()
                let begin = clock.now
                for _ in 0..<200 {
                    guard case .message(let delivery) = try await directory.nextMessage(for: webhook, at: start) else {
                        throw NotRegistered()
                    }
                    try await directory.finish(delivery)
                }
                return clock.now - begin
            }
        }
        #expect(counts[1] < counts[0] * 8)
    }

    @Test("A webhook that is off gets no new messages; waiting ones are sent when it is switched on again")
    func switchedOff() async throws {
        try await database.withDirectory { directory in
            let webhook = try await self.webhook(.eventCreated, directory)
            _ = try await directory.makeEvent("before")
            let off = try #require(try await directory.switchWebhook(webhook.id, company: "acme", isOn: false))
            #expect(off.disabledAt == start && !off.isEnabled)
            _ = try await directory.makeEvent("meanwhile")
            #expect(try await directory.switchWebhook(webhook.id, company: "globex", isOn: true) == nil)
            #expect(directory.webhooks(of: "acme").map(\.isEnabled) == [false])
        }
        let rings = Mutex<[String]>([])
        try await database.withDirectory { directory in
            directory.onDelivery { webhook in rings.withLock { $0.append(webhook.id) } }
            let id = try #require(directory.webhooks(of: "acme").first).id
            #expect(directory.webhooks(of: "acme").map(\.disabledAt) == [start])
            let on = try #require(try await directory.switchWebhook(id, company: "acme", isOn: true))
            #expect(on.isEnabled && rings.withLock { $0 } == [id])
            _ = try await directory.makeEvent("after")
            let names = try await directory.takeDeliveries(at: start).map(\.message)
            #expect(names.count == 2 && names[0].contains("before") && names[1].contains("after"))
        }
    }

    @Test("Switching a webhook on sends waiting messages at once, and hides nothing about its endpoint's health")
    func switchedOn() async throws {
        try await database.withDirectory { directory in
            let webhook = try await self.webhook(.eventCreated, directory)
            for name in ["a", "b"] { _ = try await directory.makeEvent(name) }
            for head in try await directory.dueDeliveries(at: start) {
                try await directory.retry(head, at: start + 3_000_000, reason: "answered 500")
            }
            #expect(try await directory.dueDeliveries(at: start).isEmpty)
            for isOn in [true, false, false, true] {
                database.clock.advance(1)
                _ = try await directory.switchWebhook(
                    webhook.id,
                    company: "acme",
                    isOn: isOn,
                    by: isOn ? .api : .failures
                )
            }
        }
        try await database.withDirectory { directory in
            let webhook = try #require(directory.webhooks(of: "acme").first)
            #expect(webhook.isEnabled && webhook.disabledBy == nil && webhook.enabledAt == start + 4)
            #expect(webhook.failingSince == start && webhook.failures == 0 && webhook.lastError == "answered 500")
            let due = try await directory.dueDeliveries(at: start + 4)
            #expect(due.count == 2)
            _ = try await directory.switchWebhook(webhook.id, company: "acme", isOn: false, by: .failures)
            let off = try await directory.switchWebhook(webhook.id, company: "acme", isOn: false)
            #expect(off?.disabledBy == .failures && off?.failingSince == start)
            try await directory.finish(due[0])
            let well = try #require(directory.webhook(webhook.id, company: "acme"))
            #expect(well.failingSince == nil && well.failures == 0 && well.lastError == nil)
        }
    }

    @Test("Changes are numbered by company, also over a restart; all webhooks told about one see the same number")
    func numbers() async throws {
        var numbers: [[JSONValue?]] = []
        for _ in 0..<2 {
            numbers += try await database.withDirectory { directory in
                for company in ["acme", "globex"] {
                    for _ in 0..<2 { _ = try await webhook(.eventCreated, directory, company: company) }
                }
                _ = try await directory.makeEvent("one")
                let taken = try await directory.takeDeliveries(at: start)
                return [try taken.map { try members($0)["sequence"] }]
            }
        }
        #expect(numbers == [[.number(1), .number(1)], [.number(2), .number(2), .number(2), .number(2)]])
    }

    @Test("The start of an endpoint's failures is known over restarts, until a message arrives")
    func failingSince() async throws {
        try await database.withDirectory { directory in
            _ = try await self.webhook(.eventCreated, directory)
            _ = try await directory.makeEvent()
            for later in [Milliseconds(0), 1000] {
                database.clock.advance(later)
                let head = try #require(try await directory.dueDeliveries(at: start + later).first)
                try await directory.retry(head, at: start + later, reason: "answered 500")
            }
            #expect(directory.allWebhooks.map(\.failingSince) == [start])
        }
        try await database.withDirectory { directory in
            #expect(directory.allWebhooks.map(\.failingSince) == [start])
            _ = try await directory.makeEvent("second")
            let heads = try await directory.dueDeliveries(at: start + 1000)
            try await directory.retry(heads[0], at: nil, reason: "timed out")
            #expect(directory.allWebhooks.map(\.failingSince) == [start])
            try await directory.finish(heads[1])
            #expect(directory.allWebhooks.map(\.failingSince) == [nil])
        }
    }

    @Test("Webhooks, their secrets and their messages survive a restart")
    func restart() async throws {
        let (webhook, before) = try await database.withDirectory { directory in
            let webhook = try await self.webhook(.eventCreated, directory)
            #expect(webhook.secret.key.count == 32)
            _ = try await directory.makeEvent()
            let head = try #require(try await directory.dueDeliveries(at: start).first)
            try await directory.retry(head, at: start + 5000, reason: "answered 500")
            return (webhook, head)
        }
        try await database.withDirectory { directory in
            #expect(directory.webhooks(of: "acme").map(\.id) == [webhook.id])
            let after = try #require(try await directory.dueDeliveries(at: start + 5000).first)
            #expect(after.id == before.id && after.message == before.message && after.attempts == 1)
            #expect(
                after.webhook.id == webhook.id && after.webhook.secret == webhook.secret
                    && after.queuedAt == before.queuedAt
            )
            // The loaded webhook gets new messages.
            _ = try await directory.makeEvent("second")
            #expect(try await directory.takeDeliveries(at: start + 5000).count == 2)
        }
    }

    @Test("A webhook's messages are deleted with it, and it gets no new ones")
    func removal() async throws {
        try await database.withDirectory { directory in
            let (gone, kept) = (
                try await webhook(.eventCreated, directory), try await webhook(.eventCreated, directory)
            )
            _ = try await directory.makeEvent()
            let head = try #require(
                try await directory.dueDeliveries(at: start).first { $0.webhook == gone }
            )
            #expect(try await directory.removeWebhook(gone.id, company: "acme"))
            #expect(try await !directory.removeWebhook(gone.id, company: "acme"))
            #expect(directory.webhooks(of: "acme") == [kept])
            #expect(try await directory.dueDeliveries(at: start).map(\.webhook) == [kept])
            // Somebody was delivering it meanwhile.
            try await directory.retry(head, at: start, reason: "answered 500")
            try await directory.finish(head)
            _ = try await directory.makeEvent("second")
            let all = try await directory.takeDeliveries(at: start)
            #expect(all.map(\.webhook) == [kept, kept])
        }
        try await database.withDirectory { directory in
            #expect(directory.webhooks(of: "acme").count == 1)
        }
    }
}

extension [Int] {
    fileprivate func times(_ body: (Int) async throws -> Duration) async throws -> [Duration] {
        var times: [Duration] = []
        for count in self { times.append(try await body(count)) }
        return times
    }
}
