import Basics
import HTTPTypes
import Testing

@testable import ControlPlane

/// The kinds of value that a member may have.
private enum Kind: Sendable {
    case text, textOrNull, list, listOrNull, booleanOrNull, objectOrNull, number, anything

    func fits(_ value: JSONValue) -> Bool {
        switch (self, value) {
        case (.text, .string), (.textOrNull, .string), (.textOrNull, .null), (.list, .array), (.listOrNull, .array),
            (.listOrNull, .null), (.booleanOrNull, .bool), (.booleanOrNull, .null), (.objectOrNull, .object),
            (.objectOrNull, .null), (.number, .number), (.anything, _):
            true
        default: false
        }
    }
}

/// What the platform's reference says about an answer, apart from the code that writes ours.
private indirect enum Form: Sendable {
    case none, text
    /// Has these members, each of its kind; may have more.
    case object(KeyValuePairs<String, Kind>)
    case list(Form, least: Int = 0)

    func faults(in value: JSONValue) -> [String] {
        switch (self, value) {
        case (.none, _), (.text, .string): []
        case (.object(let kinds), .object(let members)):
            kinds.filter { name, kind in !(members[name].map(kind.fits) ?? false) }
                .map { "\($0.key): \(members[$0.key] ?? "is missing")" }
        case (.list(let form, let least), .array(let elements)):
            (elements.count < least ? ["\(elements.count) entries"] : []) + elements.flatMap(form.faults)
        default: ["\(value)"]
        }
    }
}

@Suite("Each call of the platform's public reference that its event, company, networking and registration parts have")
struct PlatformCallTests {
    /// A call as the reference has it.
    private struct Row: Sendable {
        let method: HTTPRequest.Method
        /// With `EVENT` and `HUB` for what exists.
        let path: String
        var body: JSONValue?
        var status = 200
        var form = Form.none
        /// The `errorMessage`, if the reference has one.
        var message: String?
    }

    private static let event = Form.object([
        "uid": .text, "companyUid": .text, "creatorUid": .text, "name": .text, "picture": .textOrNull,
        "startDate": .text, "endDate": .text, "timezone": .text, "type": .text, "metadata": .anything,
        "networkingHub": .textOrNull, "presenters": .listOrNull, "organizers": .listOrNull,
        "isRegistrationModeEnabled": .booleanOrNull, "isAttendeeRegistrationModeEnabled": .booleanOrNull,
        "privateEventInfo": .objectOrNull, "closeCaptioningSettings": .objectOrNull,
    ])
    private static let company = Form.object([
        "uid": .text, "name": .text, "logo": .textOrNull, "parentCompanyId": .textOrNull, "eventIds": .listOrNull,
        "metadata": .objectOrNull,
    ])
    private static let hub = Form.object([
        "uid": .text, "friendlyName": .text, "company": .text, "organizers": .listOrNull,
        "networkingHubRooms": .list, "whitelabel": .objectOrNull,
    ])
    private static let registration = Form.object([
        "name": .text, "email": .text, "join_url": .text, "metadata": .anything,
    ])
    private static let error = Form.object(["errorMessage": .text])

    private static let dates: KeyValuePairs<String, JSONValue> = [
        "startDate": "2027-01-15T17:00:00.000Z", "endDate": "2027-01-15T19:00:00.000Z", "timezone": "Etc/UTC",
    ]
    private static func with(_ more: KeyValuePairs<String, JSONValue>) -> JSONValue {
        .object(object(dates).members + object(more).members)
    }
    private static let settings: KeyValuePairs<String, JSONValue> = [
        "picture": "https://acme.example/p.png", "networkingHub": "HUB", "presenters": ["pete@acme.example"],
        "organizers": ["olga"], "autoSelectLatestReplay": true, "disableEventRecording": .null,
        "isRegistrationModeEnabled": true, "isAttendeeRegistrationModeEnabled": false,
    ]
    private static let captions = object(["transcription": object(["enabled": true])])
    private static let user = object([
        "userId": "test@email.com", "userDisplayName": "Test", "userEmail": "test@email.com", "userAvatar": "",
    ])
    private static let person = object([
        "name": "Test", "email": "test@email.com", "metadata": object(["any": ["thing", 1, .null]]),
    ])
    private static let both = "Users cannot be hosts and presenters at the same time: test@email.com"

    private static let companies: [Row] = [
        Row(method: .get, path: "/company/acme", form: company),
        Row(method: .get, path: "/company/acme/list", form: .list(company)),
        Row(method: .get, path: "/company/acme/events", form: .list(event, least: 1)),
        Row(method: .get, path: "/company/acme/events?startDate=2027-01-01T00:00:00Z", form: .list(event, least: 1)),
        Row(method: .get, path: "/company/acme/events?endDate=2028-01-01T00:00:00.000Z", form: .list(event, least: 1)),
        Row(
            method: .get,
            path: "/company/acme/events?startDate=2027-01-01T00:00:00Z&endDate=2028-01-01T00:00:00Z"
                + "&includeSubCompanies=false",
            form: .list(event, least: 1)
        ),
        Row(method: .get, path: "/company/acme/events?lastDay=true", form: .list(event)),
        Row(method: .get, path: "/company/acme/events?last7days=true", form: .list(event)),
        Row(method: .get, path: "/company/acme/events?last30days=true&includeSubCompanies=true", form: .list(event)),
        Row(method: .get, path: "/company/acme/events?lastDay=true&last7days=true", status: 400, form: error),
        Row(
            method: .get,
            path: "/company/acme/events?lastDay=true&startDate=2027-01-01T00:00:00Z",
            status: 400,
            form: error
        ),
        Row(method: .get, path: "/company/globex", status: 404, form: error),
        // Not served, as the operator's page says.
        Row(method: .post, path: "/company/acme", body: object(["name": "Acme"]), status: 405, form: error),
        Row(method: .post, path: "/company/acme/create", body: object(["name": "Sub"]), status: 404, form: error),
        Row(method: .post, path: "/company/acme/metadata", body: object([:]), status: 404, form: error),
        Row(method: .get, path: "/company/acme/circleRecordings", status: 404, form: error),
    ]

    private static let events: [Row] = [
        Row(
            method: .post,
            path: "/event/create",
            body: .object(
                with(["companyId": "acme", "name": "Test", "type": "Virtual", "closeCaptioningSettings": captions])
                    .members + object(settings).members
            ),
            form: event
        ),
        Row(
            method: .post,
            path: "/event/create",
            body: with(["companyId": "acme", "name": "Test", "type": "LiveStreamInPerson"]),
            form: event
        ),
        Row(
            method: .post,
            path: "/event/create",
            body: with([
                "companyId": "acme", "name": "Test", "type": "Virtual", "presenters": ["test@email.com"],
                "organizers": ["test@email.com"],
            ]),
            status: 400,
            form: error,
            message: both
        ),
        Row(
            method: .post,
            path: "/event/create",
            body: with(["companyId": "nobody", "name": "Test", "type": "Virtual"]),
            status: 404,
            form: error,
            message: "Company not found"
        ),
        Row(method: .get, path: "/event/EVENT", form: event),
        Row(method: .get, path: "/event/9b2b2c5e-0000-4000-8000-000000000000", status: 404, form: error),
        Row(
            method: .post,
            path: "/event/EVENT",
            body: .object(
                with(["name": "Test", "type": "Virtual", "closeCaptioningSettings": captions]).members
                    + object(settings).members
            ),
            form: event
        ),
        Row(
            method: .post,
            path: "/event/EVENT",
            body: object(["organizers": ["test@email.com"], "presenters": ["test@email.com"]]),
            status: 400,
            form: error,
            message: both
        ),
        Row(method: .delete, path: "/event/EVENT"),
        Row(method: .post, path: "/event/EVENT/clone", body: with(["name": "Again"]), form: event),
        Row(
            method: .post,
            path: "/event/EVENT/clone",
            body: .object(
                with([
                    "name": "Again", "type": "Virtual", "bannerUrl": "https://acme.example/b.png",
                    "isPresenterRegistrationModeEnabled": false,
                ]).members + object(settings).members
            ),
            form: event
        ),
        Row(method: .post, path: "/event/EVENT/embedCode", body: user, form: .text),
        Row(
            method: .post,
            path: "/event/EVENT/embedCode",
            body: object(["userId": "u", "userName": "N", "eventSpecific": false]),
            form: .text
        ),
        Row(
            method: .put,
            path: "/event/EVENT/organizer",
            body: object(["organizer": "a"]),
            form: .list(.text, least: 1)
        ),
        Row(
            method: .put,
            path: "/event/EVENT/organizer",
            body: object([:]),
            status: 400,
            form: error,
            message: "Missing organizer field in request"
        ),
        Row(method: .delete, path: "/event/EVENT/organizer/a", form: .list(.text)),
        Row(
            method: .put,
            path: "/event/EVENT/presenter",
            body: object(["presenter": "test@email.com"]),
            form: .list(.text, least: 1)
        ),
        Row(
            method: .put,
            path: "/event/EVENT/presenter",
            body: object([:]),
            status: 400,
            form: error,
            message: "Missing presenter field in request"
        ),
        Row(method: .delete, path: "/event/EVENT/presenter/test%40email.com", form: .list(.text)),
        Row(method: .get, path: "/event/EVENT/availableReplays?secondsValidFor=3600", status: 404, form: error),
    ]

    private static let registrations: [Row] = ["/event/EVENT", "/networking/HUB"].flatMap { path in
        [
            Row(method: .post, path: "\(path)/registrant", body: person, form: registration),
            Row(
                method: .post,
                path: "\(path)/registrant",
                body: object([
                    "name": "N", "email": "n@email.com", "resendInvite": true, "ignoreCustomQuestions": true,
                ]),
                form: registration
            ),
            Row(
                method: .get,
                path: "\(path)/registrants?include=join_url",
                form: .list(registration, least: 1)
            ),
            Row(
                method: .get,
                path: "\(path)/registrants",
                form: .list(.object(["name": .text, "email": .text, "metadata": .anything]), least: 1)
            ),
            Row(
                method: .delete,
                path: "\(path)/registrant",
                body: object(["email": "known@email.com"]),
                status: 204
            ),
        ]
    }

    private static let hubs: [Row] = [
        Row(
            method: .post,
            path: "/networking",
            body: object([
                "friendlyName": "Lounge", "company": "acme", "organizers": ["olga"],
                "networkingHubRooms": [object(["name": "Sofa", "maxSlots": 8])],
                "whitelabel": object(["hidePagination": true, "hideChat": true, "hideRandomUserMingle": false]),
            ]),
            form: hub
        ),
        Row(
            method: .post,
            path: "/networking",
            body: object([
                "friendlyName": "Lounge", "company": "nobody", "organizers": .null, "networkingHubRooms": [],
            ]),
            status: 404,
            form: error,
            message: "Company not found"
        ),
        Row(method: .get, path: "/networking/HUB", form: hub),
        Row(
            method: .post,
            path: "/networking/HUB",
            body: object([
                "uid": "HUB", "friendlyName": "Other", "company": "acme", "organizers": .null,
                "networkingHubRooms": [object(["name": "Chair", "maxSlots": 2])],
                "whitelabel": object(["hideChat": true]),
            ]),
            form: hub
        ),
        Row(method: .post, path: "/networking/HUB/embedCode", body: user, form: .text),
        Row(
            method: .get,
            path: "/networking/HUB/participantsList",
            form: .list(.object(["meta": .objectOrNull, "when": .number]))
        ),
        Row(
            method: .post,
            path: "/networking/HUB/inviteUser",
            body: object(["userId": "a", "invitedUserId": "b"]),
            status: 404,
            form: error
        ),
        Row(
            method: .post,
            path: "/networking/HUB/setUserProfile",
            body: object(["userId": "a", "userProfile": object([:])]),
            status: 404,
            form: error
        ),
        Row(method: .post, path: "/networking/HUB/clearChat", body: object(["hard": true]), status: 404, form: error),
        Row(method: .get, path: "/networking/HUB/circle/c/recording/r", status: 404, form: error),
    ]

    private static let rows = companies + events + registrations + hubs

    /// The value with what exists in place of `EVENT` and `HUB`.
    private func placed(_ value: JSONValue, _ hub: String) -> JSONValue {
        switch value {
        case .string("HUB"): .string(hub)
        case .object(let members): .object(members.map { JSONMember($0.name, placed($0.value, hub)) })
        default: value
        }
    }

    @Test("It is served with the status, the members and the text of the reference", arguments: rows.indices)
    func call(index: Int) async throws {
        let (row, service) = (Self.rows[index], try Service())
        let (event, hub) = (try await service.makeEvent(), try await service.makeEvent(hub: true))
        for path in ["/event/\(event)", "/networking/\(hub)"] {
            let known = object(["name": "Known", "email": "known@email.com"])
            #expect(try await service.call(.post, "\(path)/registrant", known).status == 200)
        }
        let path = row.path.replacing("EVENT", with: event).replacing("HUB", with: hub)
        let reply = try await service.call(row.method, path, row.body.map { placed($0, hub) })
        #expect(reply.status == row.status, "\(row.method) \(row.path): \(reply.text)")
        #expect(row.form.faults(in: reply.json) == [], "\(row.method) \(row.path)")
        if row.status >= 400 { #expect(reply["hasError"] == true) }
        if let message = row.message { #expect(reply.message == message) }
    }

    @Test(
        "What is not served outside of that says so as JSON",
        arguments: [
            (.post, "/api/integrations/webhooks"), (.get, "/api/analytics/getVideoWatchOverTime/EVENT"),
            (.post, "/api/v3/events/EVENT/registrant"), (.get, "/api/v3/events/EVENT/join/DRnpv3xSa8t0"),
        ] as [(HTTPRequest.Method, String)]
    )
    func elsewhere(method: HTTPRequest.Method, path: String) async throws {
        let reply = await (try Service()).send(method, path)
        #expect(reply.status == 404 && reply["hasError"] == true && reply.message != nil, "\(reply.text)")
    }

    @Test("A token is obtained as the reference has it")
    func token() async throws {
        let body = object([
            "client_id": "acme", "client_secret": .string(Service.secret), "grant_type": "client_credentials",
            "audience": "https://www.introvoke.com/api",
        ])
        let reply = await (try Service()).send(
            .post,
            "/api/oauth/token",
            [.contentType: "application/json"],
            body: body.serialized()
        )
        #expect(reply.status == 200 && reply["token_type"] == "Bearer")
        // The quickstart keeps it in a cookie, which browsers drop if it is over four kilobytes.
        #expect(try required(reply["access_token"]?.text).utf8.count < 3500)
    }
}
