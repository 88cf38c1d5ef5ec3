import Admission
import Basics
import Directory

/// The members of events and networking hubs in request bodies.
struct EventInput {
    let kind: EventKind

    static let maxPeople = 200
    /// In minutes: up to a week before the start, and up to a day after the end, when registrations expire.
    static let doorsOpen = Schema.integer(0...10_080)
    static let doorsClose = Schema.integer(0...1440)

    /// Of a new one.
    var made: [Schema.Member] {
        [
            Schema.Member(
                name: "companyId",
                schema: .text(Text(kind: .plain, maxLength: 64)),
                isRequired: true,
                description: "The company of the token."
            )
        ] + cloned
    }

    /// Of a clone.
    var cloned: [Schema.Member] { basics + options + KeptMembers.all(of: kind) }

    /// Of a change: whatever is given, also a whole answer of the API as it was read.
    var changed: [Schema.Member] {
        let all = basics + options + KeptMembers.all(of: kind)
        return all.map { Schema.Member(name: $0.name, schema: $0.schema, description: $0.description) } + shown
    }

    /// Members of answers that a change does not change.
    private var shown: [Schema.Member] {
        let owner = Schema.nullable(.text(Text(kind: .plain, maxLength: 64)))
        var members = [
            Schema.Member(name: "uid", schema: .nullable(.uuid), description: "The one in the path."),
            Schema.Member(name: "companyUid", schema: owner, description: "The company of the token."),
            Schema.Member(name: "creatorUid", schema: owner, description: "Not looked at."),
            Schema.Member(name: "url", schema: .nullable(.anyText), description: "Not looked at."),
        ]
        if kind == .networking {
            members.append(Schema.Member(name: "company", schema: owner, description: "The company of the token."))
        }
        return members
    }

    private var basics: [Schema.Member] {
        let name = Schema.Member(name: "name", schema: CommonSchemas.name, isRequired: true)
        switch kind {
        case .event:
            return [
                name, Schema.Member(name: "startDate", schema: .moment, isRequired: true),
                Schema.Member(name: "endDate", schema: .moment, isRequired: true, description: "After the start."),
                Schema.Member(name: "timezone", schema: CommonSchemas.timeZone, isRequired: true),
            ]
        case .networking:
            return [
                name,
                Schema.Member(
                    name: "startDate",
                    schema: .nullable(.moment),
                    description: "With endDate. Without both the hub is always open."
                ),
                Schema.Member(name: "endDate", schema: .nullable(.moment), description: "After the start."),
                Schema.Member(
                    name: "timezone",
                    schema: .nullable(CommonSchemas.timeZone),
                    description: "Etc/UTC if absent."
                ),
            ]
        }
    }

    private var options: [Schema.Member] { Self.options }

    private static let options = [
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
        Schema.Member(
            name: "page",
            schema: .nullable(EventPage.schema),
            description: "What the gateway's pages show that differs from the company's."
        ),
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

    /// The fields of a new event or hub.
    func fields(_ body: Members) throws(Fault) -> EventFields {
        // The schema guarantees that those of an event are present.
        var fields = EventFields(
            name: "",
            startsAt: EventFields.always.lowerBound,
            endsAt: EventFields.always.upperBound,
            timezone: Self.standardTimeZone
        )
        try apply(body, to: &fields)
        return fields
    }

    private static let standardTimeZone = "Etc/UTC"

    /// Changes what the body names. `null` resets an optional field.
    func apply(_ body: Members, to fields: inout EventFields) throws(Fault) {
        // A client may send back an answer in which it has changed one of the two.
        let names = [body.text("name"), body.text("friendlyName")].compactMap { $0 }
        fields.name = names.first { !$0.hasSameBytes(as: fields.name) } ?? fields.name
        if body.has("timezone") { fields.timezone = body.text("timezone") ?? Self.standardTimeZone }
        if body.has("type") { fields.type = body.text("type").flatMap(EventType.init) ?? .virtual }
        if body.has("picture") { fields.picture = body.words("picture") }
        if body.has("networkingHub") { fields.networkingHub = body.text("networkingHub")?.lowercased() }
        if body.has("presenters") { fields.presenters = Self.once(body.list("presenters") ?? []) }
        if let name = Self.organizers(body) { fields.organizers = Self.once(body.list(name) ?? []) }
        if body.has("isRegistrationModeEnabled") {
            fields.isRegistrationModeEnabled = body.bool("isRegistrationModeEnabled") ?? false
        }
        if body.has("page") { fields.page = EventPage.changed(fields.page, body.object("page")) }
        if body.has("metadata") { fields.metadata = body.object("metadata") ?? [] }
        if body.has("secondJoin") { fields.secondJoin = body.text("secondJoin").flatMap(SecondJoin.init) }
        if body.has("doorsOpen") { fields.doorsOpen = body.integer("doorsOpen") }
        if body.has("doorsClose") { fields.doorsClose = body.integer("doorsClose") }
        KeptMembers.apply(body, kind, to: &fields)
        // Again with what the body does not name.
        var problems = Problems()
        Self.setDates(body, &fields, &problems)
        Self.checkOrder(fields.startsAt, fields.endsAt, in: body, &problems)
        Self.checkApart(body, else: fields, &problems)
        try problems.check()
    }

    /// The dates come and go together.
    private static func setDates(_ body: Members, _ fields: inout EventFields, _ problems: inout Problems) {
        let names = ["startDate", "endDate"]
        let given = names.filter { body.has($0) }
        let dates = names.compactMap { body.text($0).flatMap(RFC3339.parse) }
        switch (given.count, dates.count) {
        case (0, _): return
        case (_, 2): (fields.startsAt, fields.endsAt) = (dates[0], dates[1])
        case (2, 0): (fields.startsAt, fields.endsAt) = (EventFields.always.lowerBound, EventFields.always.upperBound)
        case (1, 1) where fields.hasDates:
            if given[0].hasSameBytes(as: names[0]) { fields.startsAt = dates[0] } else { fields.endsAt = dates[0] }
        case (1, 0) where !fields.hasDates: return
        case (2, _):
            let null = names.first { body.text($0) == nil } ?? names[1]
            problems.add(null, "must be a date like the other, or both must be null")
        default:
            let other = names.first { !$0.hasSameBytes(as: given[0]) } ?? names[1]
            let isNull = dates.isEmpty
            problems.add(given[0], isNull ? "can be null only together with \(other)" : "needs \(other) besides")
        }
    }

    /// Which member of the body lists the organizers.
    private static func organizers(_ body: Members) -> String? {
        ["organizers", "hosts"].first { body.has($0) }
    }

    /// Finds what is wrong between the members of a body.
    static func judge(_ body: Members, _ problems: inout Problems) {
        if let start = body.text("startDate").flatMap(RFC3339.parse),
            let end = body.text("endDate").flatMap(RFC3339.parse)
        {
            checkOrder(start, end, in: body, &problems)
        }
        checkApart(body, else: nil, &problems)
    }

    /// Checks that the body is about the company that asks and, of a change, about what the path names.
    static func checkIdentity(_ body: Members, _ tenant: Tenant, uid: String? = nil) throws(Fault) {
        for name in ["companyId", "company", "companyUid"] {
            guard let company = body.text(name) else { continue }
            guard company.hasSameBytes(as: tenant.id) else { throw .companyNotFound }
        }
        guard let uid, let given = body.text("uid") else { return }
        guard given.lowercased().hasSameBytes(as: uid) else { throw .field("uid", "must be the one in the path") }
    }

    /// Checks that an event ends after it starts. The problem names a date that the body has.
    private static func checkOrder(
        _ start: Milliseconds,
        _ end: Milliseconds,
        in body: Members,
        _ problems: inout Problems
    ) {
        guard end <= start else { return }
        switch (body.has("startDate"), body.has("endDate")) {
        case (false, true): problems.add("endDate", "must be after startDate, which is \(Timestamp.text(start))")
        case (true, false):
            problems.add("startDate", "must be before endDate, which is \(Timestamp.text(end)): change both at once")
        default: problems.add("endDate", "must be after startDate")
        }
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

    /// Checks that nobody is in both lists. The problem names an entry that the body has.
    ///
    /// - Parameter fields: those of the event, for a list that the body does not have.
    private static func checkApart(_ body: Members, else fields: EventFields?, _ problems: inout Problems) {
        let name = organizers(body)
        let presenters = body.has("presenters") ? body.list("presenters") ?? [] : fields?.presenters ?? []
        let organizers = name.map { body.list($0) ?? [] } ?? fields?.organizers ?? []
        if body.has("presenters") {
            checkApart(presenters, "presenters", from: organizers, "is an organizer too", &problems)
        } else if let name {
            checkApart(organizers, name, from: presenters, "is a presenter too", &problems)
        }
    }

    private static func checkApart(
        _ people: [String],
        _ name: String,
        from others: [String],
        _ message: String,
        _ problems: inout Problems
    ) {
        let identities = Set(others.map(identity))
        guard let index = people.firstIndex(where: { identities.contains(identity($0)) }) else { return }
        problems.add(Problem("\(name)[\(index)]", message, sentence: bothSentence(people[index])))
    }

    /// Checks that a person who is to be listed is not in the other list.
    static func check(_ person: String, isNotIn listing: Listing, of fields: EventFields) throws(Fault) {
        let (others, message) =
            switch listing {
            case .presenter: (fields.presenters, "is a presenter too")
            case .organizer: (fields.organizers, "is an organizer too")
            }
        guard others.contains(where: { identity($0) == identity(person) }) else { return }
        throw .fields([Problem(listing.other.name, message, sentence: bothSentence(person))])
    }

    private static func bothSentence(_ person: String) -> String {
        "Users cannot be hosts and presenters at the same time: \(person)"
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

extension Listing {
    var other: Listing {
        switch self {
        case .presenter: .organizer
        case .organizer: .presenter
        }
    }
}
