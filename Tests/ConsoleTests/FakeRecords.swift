import Admission
import Basics
import Synchronization

@testable import Console
@testable import Directory

/// A database with one event, one hub, one webhook and one message of each state, whose texts are all hostile.
final class FakeRecords: Records {
    /// What every text from outside contains.
    static let hostile = "</td><script>alert(1)</script><img src=x onerror='x'>\"&\u{202e}"
    static let endpoint = "https://ops:pass-word@hooks.acme.example:8443/hook/path-secret?key=query-secret#<b>"
    static let uid = "11111111-1111-1111-1111-111111111111"

    /// Whether it has nothing of any company.
    let isEmpty = Mutex(false)
    let redelivered = Mutex<[String]>([])
    let fault = Mutex<StorageFault?>(nil)

    var storageFault: StorageFault? { fault.withLock { $0 } }

    private func event(_ kind: EventKind) -> Event {
        var fields = EventFields(name: Self.hostile, startsAt: start, endsAt: start + 1000, timezone: Self.hostile)
        fields.presenters = ["presenter \(Self.hostile)"]
        fields.organizers = ["organizer \(Self.hostile)"]
        if kind == .networking { (fields.startsAt, fields.endsAt) = (0, EventFields.always.upperBound) }
        return Event(uid: Self.uid, kind: kind, company: "acme", creator: "api", createdAt: start, fields: fields)
    }

    func events(
        of company: String,
        _ kind: EventKind,
        _ filter: EventFilter,
        limit: Int,
        after: EventCursor?
    ) async throws -> EventPage {
        guard !isEmpty.withLock({ $0 }) else { return EventPage(events: [], hasMore: false, total: 0) }
        return EventPage(events: after == nil ? [event(kind)] : [], hasMore: after == nil, total: 61)
    }

    func registrations(
        of uid: String,
        _ kind: EventKind,
        company: String,
        _ filter: RegistrationFilter,
        limit: Int,
        after: Int64?
    ) async throws -> RegistrationPage? {
        guard uid.hasSameBytes(as: Self.uid) else { return nil }
        let person = Registration(
            uid: Self.uid,
            name: Self.hostile,
            email: "\(Self.hostile)@x.example",
            metadata: [],
            joinCode: JoinCode(bits: 7),
            registeredAt: start
        )
        let isEmpty = isEmpty.withLock { $0 }
        return RegistrationPage(
            event: event(kind),
            registrations: isEmpty ? [] : [person],
            next: isEmpty ? nil : 1,
            total: isEmpty ? 0 : 61
        )
    }

    func webhooks(of company: String) -> [Webhook] {
        guard !isEmpty.withLock({ $0 }) else { return [] }
        var webhook = Webhook(
            id: "w1",
            company: company,
            types: [.eventCreated, .sessionJoined],
            endpoint: Self.endpoint,
            secret: .random(),
            createdAt: start
        )
        (webhook.lastError, webhook.failingSince, webhook.failures) = (Self.hostile, start, 3)
        return [webhook]
    }

    func deliveries(
        to webhook: String,
        company: String,
        status: DeliveryRecord.Status?,
        limit: Int,
        before: Int64?
    ) async throws -> DeliveryPage? {
        guard webhook.hasSameBytes(as: "w1") else { return nil }
        let all = DeliveryRecord.Status.allCases.enumerated().map { number, status in
            DeliveryRecord(
                row: Int64(number),
                uid: "msg_\(number)",
                type: "event.created",
                event: Self.uid,
                status: status,
                createdAt: start,
                attempts: number,
                triedAt: nil,
                response: status == .delivered ? 204 : nil,
                error: status == .failed ? Self.hostile : nil,
                dueAt: nil,
                isBehind: false
            )
        }
        return DeliveryPage(deliveries: all, total: 61, next: 1)
    }

    func redeliver(_ uid: String, to webhook: String, company: String) async throws -> DeliveryRecord? {
        redelivered.withLock { $0.append("\(uid) to \(webhook) of \(company)") }
        return try await deliveries(to: webhook, company: company, status: nil, limit: 1, before: nil)?.deliveries[0]
    }
}
