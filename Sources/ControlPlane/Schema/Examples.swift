import Basics

/// The values that the OpenAPI document shows: what a made-up company says and is told.
enum Examples {
    static let event = "0f8fad5b-d9cb-469f-a165-70867728950e"
    static let requestID = "5f2b8c1e9d4a7063"
    static let registration = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
    private static let message = "6f1f9d3e-6a0b-4a51-8f3c-2b1d0e9c8a7f"
    private static let host = "https://events.example.com"
    private static let token = "eyJhbGciOiJIUzI1NiIsInR5cCI6ImVtYmVkK2p3dCJ9.eyJldmVudCI6IjBmOGZhZDViIn0.c2lnbmF0dXJl"
    static let embedURL = "\(host)/event/\(event)?token=\(token)"

    /// The value of a member.
    ///
    /// - Parameter context: the schema that has the member, such as `Person.stays`.
    static func value(of member: String, in context: String) -> JSONValue? {
        if let value = values[ExactText("\(context).\(member)")] { return value }
        return values[ExactText(member)]
    }

    /// The optional members that an example shows besides the required ones.
    static func optional(in context: String) -> [String] { optionals[ExactText(context)] ?? [] }

    private static let optionals: [ExactText: [String]] = [
        "NewEvent": ["organizers", "presenters", "picture", "metadata"],
        "NewNetworkingHub": ["organizers", "networkingHubRooms"],
        "NewHub": ["company", "whitelabel"],
        "EventChanges": ["name", "doorsOpen"],
        "NetworkingHubChanges": ["friendlyName"],
        "EventClone": ["presenters"],
        "NetworkingHubWhitelabel": ["hidePagination", "hideChat", "hideRandomUserMingle"],
        "NewRegistration": ["metadata"],
        "ListedNewRegistration": ["metadata"],
        "RegistrationChanges": ["name", "email"],
        "RegistrationOutcome": ["registration"],
        "NewWebhook": ["eventTypes"],
        "WebhookChange": ["eventTypes"],
        "EmbedRequest": ["userName", "userEmail"],
        "NewRemoval": ["email", "reason"],
        "Removal": ["email"],
        "TokenRequest": ["client_id", "client_secret"],
        "Participant": ["registrationId"],
        "Session": ["registrationId"],
        "Error": ["problems"],
        "TokenError": ["error_description"],
    ]

    private static let values: [ExactText: JSONValue] = {
        var values: [ExactText: JSONValue] = [:]
        for (name, text) in texts { values[ExactText(name)] = .string(text) }
        for context in people { values[ExactText("\(context).name")] = .string("Ada Lovelace") }
        for (name, number) in numbers { values[ExactText(name)] = .number(number) }
        for (name, value) in others { values[ExactText(name)] = value }
        return values
    }()

    private static let texts: [(String, String)] =
        [
            // Companies and credentials.
            ("companyId", "acme"), ("companyUid", "acme"), ("creatorUid", "acme"), ("company", "acme"),
            ("Company.uid", "acme"), ("Company.name", "Acme Events"), ("client_id", "acme"),
            ("client_secret", "the secret that the operator gave you"), ("audience", "\(host)/api"),
            ("access_token", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhY21lIn0.c2lnbmF0dXJl"),
            ("grant_type", "client_credentials"),
            // Events.
            ("uid", event), ("eventId", event), ("event", event), ("name", "Spring launch"),
            ("eventName", "Spring launch"), ("EventChanges.name", "Spring launch, new date"),
            ("EventClone.name", "Autumn launch"), ("NetworkingHub.name", "Lounge"), ("friendlyName", "Lounge"),
            ("NewNetworkingHub.name", "Lounge"), ("NetworkingHubClone.name", "Library"),
            ("NetworkingHubRoom.name", "Sofa"),
            ("picture", "https://www.acme.example/launch.png"), ("bannerUrl", "https://www.acme.example/banner.png"),
            ("EventPage.name", "Acme Academy"), ("logo", "https://www.acme.example/academy.svg"), ("accent", "#1d4ed8"),
            ("contact", "help@acme.example"), ("home", "https://www.acme.example/academy"),
            ("startDate", "2027-03-01T17:00:00.000Z"), ("endDate", "2027-03-01T19:00:00.000Z"),
            ("timezone", "Europe/Paris"), ("url", "\(host)/event/\(event)"),
            ("NetworkingHub.url", "\(host)/networking/\(event)"),
            ("Embed.url", embedURL), ("token", token), ("expiresAt", "2027-03-01T20:00:00.000Z"),
            ("organizer", "olga@acme.example"), ("presenter", "pete@acme.example"), ("who", "pete@acme.example"),
            // People.
            ("userId", "u-17"), ("userName", "Ada Lovelace"), ("userDisplayName", "Ada Lovelace"),
            ("username", "Ada Lovelace"), ("email", "ada@example.com"), ("userEmail", "ada@example.com"),
            ("userAvatar", "https://www.acme.example/ada.png"), ("avatar", "https://www.acme.example/ada.png"),
            ("registrationId", registration), ("joinCode", "7K3MXQ9RT2WD"),
            ("join_url", "\(host)/event/\(event)?token=\(token)"), ("joinUrl", "\(host)/event/\(event)?token=\(token)"),
            ("registeredAt", "2027-02-14T09:30:00.000Z"), ("joinedAt", "2027-03-01T16:58:12.000Z"),
            ("leftAt", "2027-03-01T18:41:07.000Z"), ("firstJoin", "2027-03-01T16:58:12.000Z"),
            ("lastLeave", "2027-03-01T18:41:07.000Z"), ("removedAt", "2027-03-01T17:20:00.000Z"), ("role", "attendee"),
            ("device", "desktop"), ("browser", "firefox"), ("site", "www.acme.example"),
            ("session", "9f86d081884c7d65"), ("reason", "Shared the link in public"),
            ("until", "2027-03-02T00:00:00.000Z"), ("q", "launch"),
            // Webhooks.
            ("endpoint", "https://hooks.acme.example/gateway"),
            ("secret", "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="),
            ("createdAt", "2027-02-01T12:00:00.000Z"), ("eventType", "registration.created"),
            ("lastError", "answered 500"), ("disabledBy", "failures"), ("messageId", message), ("delivery", message),
            ("oldSecretExpiresAt", "2027-02-02T12:00:00.000Z"), ("Delivery.id", message),
            ("Delivery.type", "registration.created"), ("Delivery.status", "delivered"),
            ("lastAttemptAt", "2027-02-01T12:00:01.000Z"),
            // Errors.
            ("errorMessage", "endDate: must be after startDate"), ("code", "invalid_request"),
            ("requestId", requestID), ("field", "endDate"), ("message", "must be after startDate"),
            ("error", "invalid_client"), ("error_description", "The client is not known, or its secret is wrong"),
            ("TokenError.errorMessage", "The client is not known, or its secret is wrong"),
            ("TokenError.code", "invalid_client"), ("type", "about:blank"), ("title", "Bad Request"),
            ("detail", "Send a request that follows RFC 9112, with an unambiguous path."),
            ("Problem.errorMessage", "Send a request that follows RFC 9112, with an unambiguous path."),
            ("Problem.code", "bad_request"),
        ]

    /// Schemas whose `name` is a person's.
    private static let people = [
        "Registration", "ShownRegistration", "NewRegistration", "ListedNewRegistration", "RegistrationChanges",
        "Participant", "Session", "Person.registrations", "Person.stays",
    ]

    private static let numbers: [(String, Double)] = [
        ("expires_in", 3600), ("doorsOpen", 15), ("doorsClose", 30), ("embedLifetime", 7200), ("maxSlots", 8),
        ("when", 1_803_920_292_000), ("registered", 240), ("attended", 180), ("peakConcurrent", 151),
        ("totalMinutes", 9216.5), ("averageMinutes", 51.2), ("minutes", 102.92), ("joins", 2), ("replaced", 1),
        ("registrations", 2), ("stays", 3), ("messages", 0), ("events", 1), ("removals", 0), ("status", 400),
        ("limit", 100), ("concurrencyStep", 1), ("RegistrationOutcome.status", 200), ("responseStatus", 200),
        ("milliseconds", 84),
        ("attempts", 1),
    ]

    private static let others: [(String, JSONValue)] = [
        ("concurrency", .array([.array([.string("2027-03-01T16:58:00.000Z"), .number(3)])])),
        (
            "dropOff",
            .array([
                .array([.string("2027-03-01T17:00:00.000Z"), .number(0.9889)]),
                .array([.string("2027-03-01T17:12:00.000Z"), .number(0.9444)]),
            ])
        ),
        ("organizers", .array([.string("olga@acme.example")])), ("presenters", .array([.string("pete@acme.example")])),
        ("metadata", .object([JSONMember("source", .string("newsletter"))])),
        ("Company.metadata", .object([])), ("Company.eventIds", .array([.string(event)])), ("logo", .null),
        ("parentCompanyId", .null), ("networkingHub", .null), ("secondJoin", .null),
        ("isRegistrationModeEnabled", .bool(true)),
        ("autoSelectLatestReplay", .null), ("disableEventRecording", .null),
        ("isAttendeeRegistrationModeEnabled", .null), ("isPresenterRegistrationModeEnabled", .null),
        ("closeCaptioningSettings", .null), ("Event.bannerUrl", .null), ("hidePagination", .bool(false)),
        ("hideRandomUserMingle", .bool(false)), ("failingSince", .null), ("Webhook.lastError", .null),
        ("disabledAt", .null), ("Webhook.disabledBy", .null), ("Webhook.eventId", .null),
        ("Webhook.oldSecretExpiresAt", .null), ("WebhookTest.error", .null), ("Delivery.error", .null),
        ("nextAttemptAt", .null), ("query.atomic", .bool(false)),
        ("eventTypes", .array([.string("registration.created"), .string("registration.cancelled")])),
        ("Person.registrations.removedAt", .null), ("Person.events.removedAt", .null),
        ("NetworkingHub.startDate", .null), ("NetworkingHub.endDate", .null),
    ]
}

extension Schema {
    /// What ``example`` has for a text of which nothing better is known.
    static let unknownText = "text"

    /// A realistic value of this schema.
    var example: JSONValue { example("", in: "") }

    /// - Parameters:
    ///   - name: of the member or parameter that has the value.
    ///   - context: the schema that has the member.
    func example(_ name: String, in context: String) -> JSONValue {
        if let value = Examples.value(of: name, in: context), accepts(value) { return value }
        switch self {
        case .text(let text): return .string(text.example)
        case .boolean: return .bool(true)
        case .integer(let range): return .number(Double(range.contains(1) ? 1 : range.lowerBound))
        case .number: return .number(1)
        case .list(let element, _, _): return .array([element.example(name, in: context)])
        case .tuple(let elements): return .array(elements.map { $0.example(name, in: context) })
        case .object(let members), .input(let members):
            let context = name.isEmpty || context.isEmpty ? context + name : "\(context).\(name)"
            return Self.example(members, in: context)
        case .document: return .object([])
        case .nothing: return .null
        case .nullable(let schema), .oneOf(_, _, let schema): return schema.example(name, in: context)
        // A schema of its own is not seen as a part of another.
        case .named(let own, let schema): return schema.example("", in: own)
        }
    }

    private static func example(_ members: [Member], in context: String) -> JSONValue {
        let optional = Examples.optional(in: context)
        var shown = members.filter { member in
            member.isRequired || optional.contains { $0.hasSameBytes(as: member.name) }
        }
        if shown.isEmpty { shown = Array(members.prefix(1)) }
        return .object(shown.map { JSONMember($0.name, $0.schema.example($0.name, in: context)) })
    }

    private func accepts(_ value: JSONValue) -> Bool {
        var problems = Problems()
        check(value, "", &problems)
        return problems.all.isEmpty
    }
}

extension Text {
    fileprivate var example: String {
        switch kind {
        case .choice(let choices): choices.first ?? ""
        case .uuid: Examples.event
        case .moment, .momentOrDay: "2027-03-01T17:00:00.000Z"
        case .email, .storedEmail, .emailUnlessStored, .person, .claim: "ada@example.com"
        case .url, .pageURL: "https://www.acme.example/"
        case .endpoint: "https://hooks.acme.example/gateway"
        case .color: "#1d4ed8"
        case .contact: "help@acme.example"
        case .cursor(let digits): String(repeating: "0", count: digits)
        case .any, .plain, .words, .line, .segment: Schema.unknownText
        }
    }
}
