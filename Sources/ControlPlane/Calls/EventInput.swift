import Admission
import Basics
import Directory

/// The members of an event in request bodies.
enum EventInput {
    static let maxPeople = 200
    /// In minutes: up to a week before the start, and up to a day after the end, when registrations expire.
    static let doorsOpen = Schema.integer(0...10_080)
    static let doorsClose = Schema.integer(0...1440)

    static let dates = [
        Schema.Member(name: "name", schema: CommonSchemas.name, isRequired: true),
        Schema.Member(name: "startDate", schema: .moment, isRequired: true),
        Schema.Member(name: "endDate", schema: .moment, isRequired: true, description: "After the start."),
        Schema.Member(name: "timezone", schema: CommonSchemas.timeZone, isRequired: true),
    ]

    static let options = [
        Schema.Member(name: "type", schema: .nullable(CommonSchemas.eventType)),
        Schema.Member(name: "picture", schema: CommonSchemas.optional(.url, 2048)),
        Schema.Member(name: "networkingHub", schema: .nullable(.uuid)),
        Schema.Member(
            name: "presenters",
            schema: .nullable(.list(CommonSchemas.person, upTo: maxPeople)),
            description: "User ids or e-mails; nobody may also be an organizer."
        ),
        Schema.Member(
            name: "organizers",
            schema: .nullable(.list(CommonSchemas.person, upTo: maxPeople)),
            description: "User ids or e-mails."
        ),
        Schema.Member(name: "isRegistrationModeEnabled", schema: .nullable(.boolean)),
        Schema.Member(name: "metadata", schema: .nullable(.document)),
        Schema.Member(
            name: "secondJoin",
            schema: .nullable(CommonSchemas.secondJoin),
            description: "What happens to a second join of a registration; null for the gateway's configured rule."
        ),
        Schema.Member(
            name: "doorsOpen",
            schema: .nullable(doorsOpen),
            description: "How many minutes before the start attendees are let in; null for any time. Hosts always are."
        ),
        Schema.Member(
            name: "doorsClose",
            schema: .nullable(doorsClose),
            description: "How many minutes after the end attendees are let in, and may stay; null for any time."
        ),
    ]

    /// The fields of a new event.
    static func fields(_ body: Members) throws(Fault) -> EventFields {
        // The schema guarantees that these are present.
        var fields = EventFields(name: "", startsAt: 0, endsAt: 0, timezone: "")
        try apply(body, to: &fields)
        return fields
    }

    /// Changes what the body names. `null` resets an optional field.
    static func apply(_ body: Members, to fields: inout EventFields) throws(Fault) {
        if let name = body.text("name") { fields.name = name }
        if let start = body.text("startDate").flatMap(RFC3339.parse) { fields.startsAt = start }
        if let end = body.text("endDate").flatMap(RFC3339.parse) { fields.endsAt = end }
        if let timezone = body.text("timezone") { fields.timezone = timezone }
        if body.has("type") { fields.type = body.text("type").flatMap(EventType.init) ?? .virtual }
        if body.has("picture") { fields.picture = body.words("picture") }
        if body.has("networkingHub") { fields.networkingHub = body.text("networkingHub")?.lowercased() }
        if body.has("presenters") { fields.presenters = once(body.list("presenters") ?? []) }
        if body.has("organizers") { fields.organizers = once(body.list("organizers") ?? []) }
        if body.has("isRegistrationModeEnabled") {
            fields.isRegistrationModeEnabled = body.bool("isRegistrationModeEnabled") ?? false
        }
        if body.has("metadata") { fields.metadata = body.object("metadata") ?? [] }
        if body.has("secondJoin") { fields.secondJoin = body.text("secondJoin").flatMap(SecondJoin.init) }
        if body.has("doorsOpen") { fields.doorsOpen = body.integer("doorsOpen") }
        if body.has("doorsClose") { fields.doorsClose = body.integer("doorsClose") }
        // Again with what the body does not name.
        var problems = Problems()
        checkOrder(fields.startsAt, fields.endsAt, &problems)
        checkApart(fields.presenters, fields.organizers, &problems)
        try problems.check()
    }

    /// Finds what is wrong between the members of a body.
    static func judge(_ body: Members, _ problems: inout Problems) {
        if let start = body.text("startDate").flatMap(RFC3339.parse),
            let end = body.text("endDate").flatMap(RFC3339.parse)
        {
            checkOrder(start, end, &problems)
        }
        checkApart(body.list("presenters") ?? [], body.list("organizers") ?? [], &problems)
    }

    private static func checkOrder(_ start: Milliseconds, _ end: Milliseconds, _ problems: inout Problems) {
        if end <= start { problems.add("endDate", "must be after startDate") }
    }

    /// Checks that a webinar's networking hub belongs to its company.
    ///
    /// - Parameter since: the webinar's previous hub, which may have been deleted.
    static func checkHub(
        _ fields: EventFields,
        since: String? = nil,
        _ view: DirectoryView,
        _ tenant: Tenant
    ) throws(Fault) {
        guard let hub = fields.networkingHub, !(since?.hasSameBytes(as: hub) ?? false) else { return }
        guard let record = view.event(hub), record.kind == .networking, record.company.hasSameBytes(as: tenant.id)
        else {
            throw .field("networkingHub", "not a networking hub of this company")
        }
    }

    /// Checks that nobody is in both lists.
    static func checkApart(_ presenters: [String], _ organizers: [String], _ problems: inout Problems) {
        guard !presenters.isEmpty, !organizers.isEmpty else { return }
        let identities = Set(organizers.map(identity))
        guard let index = presenters.firstIndex(where: { identities.contains(identity($0)) }) else { return }
        problems.add(
            Problem(
                "presenters[\(index)]",
                "is an organizer too",
                sentence: "Users cannot be hosts and presenters at the same time: \(presenters[index])"
            )
        )
    }

    /// Removes duplicates and surrounding white space. Keeps the order of first appearance.
    private static func once(_ people: [String]) -> [String] {
        var seen: Set<ExactText> = []
        return people.map(entered).filter { seen.insert(listedIdentity($0)).inserted }
    }

    /// A user id or e-mail without the characters at its ends that are not part of it.
    static func entered(_ person: String) -> String {
        person.utf8.contains(UInt8(ascii: "@")) ? EmailAddress.entered(person) : trimmed(person)
    }

    /// The person that an entry of a list means. Earlier versions stored entries with surrounding white space.
    static func identity(_ person: String) -> ExactText { listedIdentity(trimmed(person)) }
}
