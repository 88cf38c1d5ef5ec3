import Admission
import Basics
import Directory
import HTTPTypes

/// A company and the list of its events.
enum CompanyCalls {
    static let calls = [
        Call(
            method: .get,
            path: "/api/v1/company/{companyId}",
            id: "getCompany",
            summary: "The company with the uids of its events",
            tag: "Company",
            success: Call.Success(schema: schema, description: "The company"),
            faults: [404],
            cost: .list,
            handler: .company { incoming, tenant in
                try checkOwn(incoming, tenant)
                let events = try await incoming.directory.eventIDs(of: tenant.id)
                return Answer(
                    .object([
                        JSONMember("uid", .string(tenant.id)), JSONMember("name", .string(tenant.name)),
                        JSONMember("logo", .null), JSONMember("parentCompanyId", .null),
                        JSONMember("eventIds", .array(events.map(JSONValue.string))),
                        JSONMember("metadata", .object([])),
                    ])
                )
            }
        ),
        Call(
            method: .get,
            path: "/api/v1/company/{companyId}/events",
            id: "listEvents",
            summary: "The company's events, soonest first",
            tag: "Company",
            query: [
                Call.Parameter(name: "from", schema: .moment, description: "Leaves out events that end before."),
                Call.Parameter(name: "to", schema: .moment, description: "Leaves out events that start after."),
                PageRequest.limitParameter, EventPosition.parameter,
            ],
            success: Call.Success(
                schema: .list(EventJSON.schema(.event)),
                description: "A page of the list",
                isPage: true
            ),
            faults: [404],
            cost: .list,
            handler: .company { incoming, tenant in
                try checkOwn(incoming, tenant)
                return try await events(incoming, tenant)
            }
        ),
    ]

    static let schema = Schema.named(
        "Company",
        .object([
            Schema.Member(name: "uid", schema: .anyText, isRequired: true),
            Schema.Member(name: "name", schema: .anyText, isRequired: true),
            Schema.Member(name: "logo", schema: .nullable(.anyText), isRequired: true),
            Schema.Member(name: "parentCompanyId", schema: .nullable(.anyText), isRequired: true),
            Schema.Member(name: "eventIds", schema: .list(.uuid), isRequired: true),
            Schema.Member(name: "metadata", schema: .document, isRequired: true, description: "Always empty."),
        ])
    )

    /// Checks that the path names the company that asks.
    static func checkOwn(_ incoming: Incoming, _ tenant: Tenant) throws(Fault) {
        guard incoming.parameters[0].hasSameBytes(as: tenant.id) else { throw .companyNotFound }
    }

    private static func events(_ incoming: Incoming, _ tenant: Tenant) async throws -> Answer {
        let page = PageRequest(incoming)
        let events = try await incoming.directory.events(
            of: tenant.id,
            .event,
            from: incoming.query.text("from").flatMap(RFC3339.parse),
            to: incoming.query.text("to").flatMap(RFC3339.parse),
            limit: page.limit + 1,
            after: page.cursor.flatMap(EventPosition.read)
        )
        let shown = events.prefix(page.limit)
        return page.answer(
            shown.map { EventJSON.value($0, incoming.snapshot) },
            next: events.count > page.limit ? shown.last.map(EventPosition.text) : nil
        )
    }
}

/// Where the list of events continues, as encoded in the cursor.
enum EventPosition {
    static let parameter = Call.Parameter(
        name: "cursor",
        schema: .text(Text(kind: .cursor(digits: 48))),
        description: "Where the list continues; from the `Link` of the previous page."
    )

    static func text(_ event: Event) -> String {
        let start = UInt64(bitPattern: event.fields.startsAt)
        return Hexadecimal.text(start) + event.uid.filter { $0 != "-" }
    }

    static func read(_ text: String) -> EventCursor? {
        let words = stride(from: 0, to: 48, by: 16).compactMap { UInt64(text.dropFirst($0).prefix(16), radix: 16) }
        guard words.count == 3 else { return nil }
        return EventCursor(
            startsAt: Milliseconds(bitPattern: words[0]),
            uid: UUIDText.format(high: words[1], low: words[2])
        )
    }
}
