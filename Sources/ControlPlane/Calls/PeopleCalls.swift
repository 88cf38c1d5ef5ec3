import Admission
import Basics
import Directory
import HTTPTypes

/// Shows and erases what a company has about a person, by e-mail.
enum PeopleCalls {
    private static let path = "/api/v1/company/{companyId}/people"

    private static let email = Call.Parameter(
        name: "email",
        schema: CommonSchemas.claimedEmail,
        description: "The person's e-mail: an address, or any other text that a token had as e-mail.",
        isRequired: true
    )

    static let calls = [
        Call(
            method: .get,
            path: path,
            id: "getPerson",
            summary: "All registrations, stays and removals of a person, and the events whose lists contain them",
            tag: "Company",
            query: [email],
            success: Call.Success(schema: schema, description: "The person's data; empty lists if there is none"),
            faults: [404],
            cost: .much,
            handler: .company { incoming, tenant in
                let email = try person(incoming, tenant)
                return Answer(value(try await incoming.directory.person(email: email, company: tenant.id)))
            }
        ),
        Call(
            method: .delete,
            path: path,
            id: "erasePerson",
            summary:
                "Erases a person: ends registrations, lifts removals, and keeps attendance without a name",
            tag: "Company",
            query: [email],
            success: Call.Success(schema: erasureSchema, description: "How much was erased"),
            faults: [404],
            cost: .much,
            handler: .company { incoming, tenant in
                let email = try person(incoming, tenant)
                let erasure = try await incoming.directory.erasePerson(email: email, company: tenant.id)
                return Answer(
                    .object([
                        JSONMember("registrations", .number(Double(erasure.registrations))),
                        JSONMember("stays", .number(Double(erasure.stays))),
                        JSONMember("messages", .number(Double(erasure.messages))),
                        JSONMember("events", .number(Double(erasure.events))),
                        JSONMember("removals", .number(Double(erasure.removals))),
                    ])
                )
            }
        ),
    ]

    private static func person(_ incoming: Incoming, _ tenant: Tenant) throws(Fault) -> String {
        try incoming.checkOwnCompany(tenant)
        // The check of the query guarantees that it is present.
        return incoming.query.text("email") ?? ""
    }

    private static let count = Schema.integer(0...1_000_000_000)

    private static let erasureSchema = Schema.named(
        "Erasure",
        .object([
            Schema.Member(name: "registrations", schema: count, isRequired: true),
            Schema.Member(name: "stays", schema: count, isRequired: true),
            Schema.Member(
                name: "messages",
                schema: count,
                isRequired: true,
                description: "Webhook messages that wait or are kept."
            ),
            Schema.Member(
                name: "events",
                schema: count,
                isRequired: true,
                description: "Events whose presenters or organizers included the e-mail."
            ),
            Schema.Member(name: "removals", schema: count, isRequired: true),
        ])
    )

    private static let schema = Schema.named(
        "Person",
        .object([
            Schema.Member(
                name: "events",
                schema: .list(
                    .object([
                        Schema.Member(name: "eventId", schema: .uuid, isRequired: true),
                        Schema.Member(name: "name", schema: .anyText, isRequired: true),
                        Schema.Member(
                            name: "listedAs",
                            schema: .choice(Listing.allCases.map(\.name)),
                            isRequired: true
                        ),
                        Schema.Member(name: "removedAt", schema: .nullable(.moment), isRequired: true),
                    ])
                ),
                isRequired: true,
                description: "Events whose presenters or organizers include the e-mail."
            ),
            Schema.Member(
                name: "registrations",
                schema: .list(
                    .object([
                        Schema.Member(name: "eventId", schema: .uuid, isRequired: true),
                        Schema.Member(name: "registrationId", schema: .uuid, isRequired: true),
                        Schema.Member(name: "name", schema: .anyText, isRequired: true),
                        Schema.Member(name: "email", schema: .anyText, isRequired: true),
                        Schema.Member(name: "metadata", schema: .document, isRequired: true),
                        Schema.Member(name: "registeredAt", schema: .moment, isRequired: true),
                        Schema.Member(name: "removedAt", schema: .nullable(.moment), isRequired: true),
                    ])
                ),
                isRequired: true
            ),
            Schema.Member(
                name: "stays",
                schema: .list(
                    .object([
                        Schema.Member(name: "eventId", schema: .anyText, isRequired: true),
                        Schema.Member(name: "registrationId", schema: .nullable(.anyText), isRequired: true),
                        Schema.Member(name: "userId", schema: .anyText, isRequired: true),
                        Schema.Member(name: "name", schema: .nullable(.anyText), isRequired: true),
                        Schema.Member(name: "email", schema: .nullable(.anyText), isRequired: true),
                        Schema.Member(name: "role", schema: .anyText, isRequired: true),
                        Schema.Member(name: "joinedAt", schema: .moment, isRequired: true),
                        Schema.Member(name: "leftAt", schema: .nullable(.moment), isRequired: true),
                        Schema.Member(name: "joins", schema: count, isRequired: true),
                        Schema.Member(name: "device", schema: .nullable(.anyText), isRequired: true),
                        Schema.Member(name: "browser", schema: .nullable(.anyText), isRequired: true),
                        Schema.Member(name: "site", schema: .nullable(.anyText), isRequired: true),
                    ])
                ),
                isRequired: true
            ),
            Schema.Member(
                name: "removals",
                schema: .list(
                    .object([Schema.Member(name: "eventId", schema: .anyText, isRequired: true)] + RemovalJSON.members)
                ),
                isRequired: true,
                description: "Includes removals of the person's registrations and user ids."
            ),
        ])
    )

    private static func value(_ person: PersonRecord) -> JSONValue {
        .object([
            JSONMember("events", .array(person.listings.map(value))),
            JSONMember("registrations", .array(person.registrations.map(value))),
            JSONMember("stays", .array(person.stays.map(value))),
            JSONMember(
                "removals",
                .array(
                    person.removals.map { removal in
                        .object([JSONMember("eventId", .string(removal.event))] + RemovalJSON.values(removal))
                    }
                )
            ),
        ])
    }

    private static func value(_ registered: PersonRecord.Registered) -> JSONValue {
        let registration = registered.registration
        return .object([
            JSONMember("eventId", .string(registered.event)),
            JSONMember("registrationId", .string(registration.uid)),
            JSONMember("name", .string(registration.name)), JSONMember("email", .string(registration.email)),
            JSONMember("metadata", .object(registration.metadata)),
            JSONMember("registeredAt", .string(Timestamp.text(registration.registeredAt))),
            JSONMember("removedAt", text(registered.removedAt.map(Timestamp.text))),
        ])
    }

    private static func value(_ listed: PersonRecord.Listed) -> JSONValue {
        .object([
            JSONMember("eventId", .string(listed.event)), JSONMember("name", .string(listed.name)),
            JSONMember("listedAs", .string(listed.listing.name)),
            JSONMember("removedAt", text(listed.removedAt.map(Timestamp.text))),
        ])
    }

    private static func value(_ stay: PersonRecord.Stayed) -> JSONValue {
        .object([
            JSONMember("eventId", .string(stay.event)), JSONMember("registrationId", text(stay.registration)),
            JSONMember("userId", .string(stay.user)), JSONMember("name", text(stay.name)),
            JSONMember("email", text(stay.email)), JSONMember("role", .string(stay.role)),
            JSONMember("joinedAt", .string(Timestamp.text(stay.joinedAt))),
            JSONMember("leftAt", text(stay.leftAt.map(Timestamp.text))),
            JSONMember("joins", .number(Double(stay.joins))), JSONMember("device", text(stay.source.device)),
            JSONMember("browser", text(stay.source.browser)), JSONMember("site", text(stay.source.site)),
        ])
    }

    private static func text(_ text: String?) -> JSONValue { text.map(JSONValue.string) ?? .null }
}
