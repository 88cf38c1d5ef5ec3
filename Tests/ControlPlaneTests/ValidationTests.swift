import Admission
import Basics
import Directory
import Foundation
import HTTPTypes
import JOSE
import Testing

@testable import ControlPlane
@testable import GatewayConfiguration

@Suite("Bodies are checked, and the answer names the member and what was wrong with it")
struct ValidationTests {
    private static let date = "not a date and time of RFC 3339, such as 2026-11-22T17:00:00Z"

    private static let events: [(String, JSONValue, String)] = [
        ("name", .null, "is required"), ("name", 5, "must be a text"), ("name", " \t\u{2003}", "must not be blank"),
        ("name", "a\u{0}b", "must not hold the character NUL"),
        ("name", .string(String(repeating: "n", count: 257)), "longer than 256 characters"),
        ("companyId", .null, "is required"), ("startDate", "tomorrow", date), ("startDate", "2026-11-22", date),
        ("startDate", "2026-11-22T17:00:00", date), ("startDate", "2026-02-29T17:00:00Z", date),
        ("startDate", "2026-11-22T24:00:00Z", date), ("startDate", 1_700_000_000, "must be a text"),
        ("endDate", "2027-01-15T09:00:00Z", "must be after startDate"),
        ("endDate", "2027-01-15T10:00:00+01:00", "must be after startDate"),
        ("timezone", "Mars/Olympus", "not a name of the IANA time zone database, such as Europe/Berlin"),
        ("type", "Party", #"must be one of "Virtual", "LiveStreamInPerson""#),
        ("picture", "javascript:alert(1)", "not an http or https URL"),
        ("picture", "https://user:pass@host/", "not an http or https URL"),
        ("picture", "https:///path", "not an http or https URL"),
        ("picture", "https://host/a b", "not an http or https URL"), ("networkingHub", "hub", "not a UUID"),
        ("presenters", "ann", "must be an array"),
        ("presenters", .array(.init(repeating: "a", count: 201)), "has more than 200 entries"),
        ("isRegistrationModeEnabled", "yes", "must be true or false"), ("metadata", [1], "must be an object"),
        (
            "metadata", .object([JSONMember("a", .string(String(repeating: "m", count: 16 << 10)))]),
            "larger than 16 KiB"
        ),
        ("page", "blue", "must be an object"),
        ("secondJoin", "kick", #"must be one of "take_over", "ask", "refuse""#),
        ("doorsOpen", -1, "must be 0 to 10080"), ("doorsOpen", 10_081, "must be 0 to 10080"),
        ("doorsClose", "5", "must be a whole number"), ("doorsClose", 1441, "must be 0 to 1440"),
    ]

    @Test("Events", arguments: events)
    func event(name: String, value: JSONValue, fault: String) async throws {
        let service = try Service()
        let reply = try await service.call(.post, "/event/create", newEvent().replacing(name, value))
        #expect(reply.status == 400)
        #expect(reply.message == "\(name): \(fault)")
        #expect(reply.code == "invalid_request")
        guard value != .null, name != "companyId" else { return }
        // The same applies to changes, and refused ones change nothing.
        let uid = try await service.makeEvent()
        let before = try await service.call(.get, "/event/\(uid)")
        let change = try await service.call(.patch, "/event/\(uid)", .object([JSONMember(name, value)]))
        // Of dates, it also says what the event has.
        #expect(change.message?.hasPrefix("\(name): \(fault)") == true)
        #expect(try await service.call(.get, "/event/\(uid)").text == before.text)
    }

    @Test("What pages show of an event is checked member by member")
    func page() async throws {
        let body = newEvent([
            "page": object([
                "accent": "blue", "logo": "http://acme.example/l.png", "contact": "javascript:alert(1)", "Home": "x",
                "name": "a\u{7}b",
            ])
        ])
        let reply = try await (try Service()).call(.post, "/event/create", body)
        #expect(reply.status == 400)
        for field in ["accent", "logo", "contact", "Home", "name"] {
            #expect(reply.message?.contains("page.\(field): ") == true, "\(reply.text)")
        }
    }

    @Test("Entries of lists are named by their position")
    func entries() async throws {
        let body = newEvent(["presenters": ["ann", " "]])
        let reply = try await (try Service()).call(.post, "/event/create", body)
        #expect(reply.message == "presenters[1]: must not be blank")
        for person in ["a@b", "a b@c.example", "\u{200B}a@b.example", "mailto:a@b.example", "@"] as [JSONValue] {
            let body = newEvent(["organizers": [person]])
            let reply = try await (try Service()).call(.post, "/event/create", body)
            #expect(reply.message == "organizers[0]: not an e-mail address, such as name@example.com")
        }
    }

    @Test("Nobody is both organizer and presenter, whatever the spelling")
    func bothLists() async throws {
        let service = try Service()
        // The sentence has the person as the call does.
        let text = "Users cannot be hosts and presenters at the same time: "
        let body = newEvent(["presenters": ["Ann@Example.com"], "organizers": [" ann@example.COM "]])
        let created = try await service.call(.post, "/event/create", body)
        #expect(created.status == 400)
        #expect(created.message == text + "Ann@Example.com")
        let uid = try await service.makeEvent(["presenters": ["Ann@Example.com"]])
        let added = try await service.call(.put, "/event/\(uid)/organizer", object(["organizer": "ann@example.com"]))
        #expect(added.status == 400)
        #expect(added.message == text + "ann@example.com")
        let changed = try await service.call(.post, "/event/\(uid)", object(["organizers": ["ANN@example.com"]]))
        #expect(changed.message == text + "ANN@example.com")
    }

    @Test("A full list accepts nobody else")
    func fullList() async throws {
        let service = try Service()
        let people = (0..<200).map { JSONValue.string("p\($0)") }
        let uid = try await service.makeEvent(["organizers": .array(people)])
        let path = "/event/\(uid)/organizer"
        #expect(try await service.call(.put, path, object(["organizer": "one more"])).status == 400)
        #expect(try await service.call(.put, path, object(["organizer": " p0 "])).status == 200)
    }

    @Test(
        "Embeds",
        arguments: [
            ("userId", .null, "is required"), ("userId", " ", "must not be blank"), ("userId", 7, "must be a text"),
            ("userId", "a\r\nb", "must not hold control characters"),
            ("userId", "a\u{80}", "must not hold control characters"),
            ("userId", .string(String(repeating: "n", count: 257)), "longer than 256 characters"),
            ("userEmail", "a\u{80}@example.com", "not an e-mail address, such as name@example.com"),
            ("userAvatar", "https://a.example/\u{9f}", "not an http or https URL"),
            ("userEmail", "nobody", "not an e-mail address, such as name@example.com"),
            ("userEmail", "a@b@c", "not an e-mail address, such as name@example.com"),
            ("userAvatar", "data:image/png;base64,", "not an http or https URL"),
            ("eventSpecific", "no", "must be true or false"),
            ("userName", .string(String(repeating: "n", count: 257)), "longer than 256 characters"),
        ] as [(String, JSONValue, String)]
    )
    func embed(name: String, value: JSONValue, fault: String) async throws {
        let service = try Service()
        let uid = try await service.makeEvent()
        for call in ["embedCode", "embed"] {
            let body = object(["userId": "u"]).replacing(name, value)
            let reply = try await service.call(.post, "/event/\(uid)/\(call)", body)
            #expect(reply.status == 400)
            #expect(reply.message == "\(name): \(fault)")
        }
    }

    @Test("A token too large for a cookie is refused, and the longest member is named")
    func tokenSize() async throws {
        let service = try Service()
        let uid = try await service.makeEvent()
        let body = object([
            "userId": .string(String(repeating: "\u{1F600}", count: 256)),
            "userName": .string(String(repeating: "\u{1F600}", count: 200)),
            "userAvatar": .string("https://a.example/" + String(repeating: "a", count: 900)),
        ])
        let reply = try await service.call(.post, "/event/\(uid)/embedCode", body)
        #expect(reply.status == 400)
        #expect(reply.message == "userId: too long: the token would not fit into a cookie")
    }

    @Test("The longest registration still fits into a cookie")
    func longestRegistration() async throws {
        let service = try Service()
        let uid = try await service.makeEvent()
        let body = object([
            "name": .string(String(repeating: "\u{1F600}", count: 256)),
            "email": .string(
                String(repeating: "e", count: 64) + "@" + String(repeating: "label.", count: 30) + "example"
            ),
        ])
        let reply = try await service.call(.post, "/event/\(uid)/registrant", body)
        #expect(reply.status == 200, "\(reply.text)")
        #expect((reply["joinUrl"]?.text?.utf8.count ?? 9999) < 3800)
    }

    @Test(
        "Registrations",
        arguments: [
            ("name", .null, "is required"), ("name", "", "must not be blank"), ("email", .null, "is required"),
            ("email", "ann", "not an e-mail address, such as name@example.com"),
            ("email", "ann@", "not an e-mail address, such as name@example.com"),
            ("email", "a@b", "not an e-mail address, such as name@example.com"),
            ("email", "x@a..example", "not an e-mail address, such as name@example.com"),
            (
                "email", .string(String(repeating: "l", count: 65) + "@b.example"),
                "not an e-mail address, such as name@example.com"
            ),
            ("email", "a nn@example.com", "not an e-mail address, such as name@example.com"),
            ("email", "ann\n@example.com", "not an e-mail address, such as name@example.com"),
            ("email", .string(String(repeating: "e", count: 250) + "@e.example"), "longer than 254 characters"),
            ("metadata", "x", "must be an object"), ("resend", 1, "must be true or false"),
        ] as [(String, JSONValue, String)]
    )
    func registration(name: String, value: JSONValue, fault: String) async throws {
        let service = try Service()
        let uid = try await service.makeEvent()
        let body = object(["name": "Ann", "email": "ann@example.com"]).replacing(name, value)
        let reply = try await service.call(.post, "/event/\(uid)/registrant", body)
        #expect(reply.status == 400)
        #expect(reply.message == "\(name): \(fault)")
    }

    @Test(
        "Attack: e-mails older than the stricter rule cannot be got rid of; they are removed, resent, shown and erased",
        arguments: ["a@b", "x@a..example", "Ünder.score_@host", String(repeating: "l", count: 65) + "@b.example"]
    )
    func oldEmails(email: String) async throws {
        let service = try Service()
        let uid = try await service.makeEvent()
        func store() async throws {
            let person = NewRegistration(name: "Ann", email: email)
            _ = try await service.directory.register(person, for: uid, .event, company: "acme")
        }
        let body = object(["name": "Ann", "email": .string(email)])
        let again = body.replacing("resend", true)
        let path = "/event/\(uid)/registrant"
        #expect(try await service.call(.post, path, again).status == 400)
        #expect(try await service.call(.delete, path, object(["email": .string(email)])).status == 404)
        try await store()
        #expect(try await service.call(.post, path, body).status == 400)
        let reply = try await service.call(.post, path, again)
        #expect(reply.status == 200 && reply["email"]?.text == email)
        #expect(try await service.call(.delete, path, object(["email": .string(" " + email)])).status == 204)
        #expect(try await service.call(.post, path, again).status == 400)
        try await store()
        let query = email.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
        let person = "/company/acme/people?email=\(query)"
        #expect(try await service.call(.get, person)["registrations"]?.list.count == 2)
        #expect(try await service.call(.delete, person)["registrations"] == 2)
        #expect(try await service.call(.get, person)["registrations"]?.list.count == 0)
    }

    @Test(
        "Webhooks",
        arguments: [
            ("endpoint", "http://hooks.example/x", "not an https URL that messages can be posted to"),
            ("endpoint", "https://u:p@hooks.example/x", "not an https URL that messages can be posted to"),
            ("endpoint", "https://127.1/x", "not an https URL that messages can be posted to"),
            ("endpoint", "https:///x", "not an https URL that messages can be posted to"),
            ("endpoint", "https://hooks.example:0/x", "not an https URL that messages can be posted to"),
            ("endpoint", "ftp://hooks.example/x", "not an https URL that messages can be posted to"),
            ("endpoint", "https://hooks.example/x#part", "must not have a fragment, which is never sent"),
            ("endpoint", "https://10.1.2.3/x", "10.1.2.3 is not a public address, \(Self.notAllowed)"),
            ("endpoint", "https://[::1]:8443/x", "::1 is not a public address, \(Self.notAllowed)"),
            ("endpoint", "https://169.254.169.254/", "169.254.169.254 is not a public address, \(Self.notAllowed)"),
            ("endpoint", "https://LOCALHOST/x", "localhost is not a public address, \(Self.notAllowed)"),
            ("endpoint", "https://a.localhost/x", "a.localhost is not a public address, \(Self.notAllowed)"),
            ("endpoint", .null, "is required"),
            ("endpoint", "https://nowhere.example/x", "nowhere.example \(Self.noAddress)"),
            ("endpoint", "https://private.example/x", "private.example \(Self.noAddress)"),
            ("endpoint", "https://mixed.example/x", "mixed.example \(Self.noAddress)"),
            ("eventId", "x", "not a UUID"),
        ] as [(String, JSONValue, String)]
    )
    func webhook(name: String, value: JSONValue, fault: String) async throws {
        let body = object(["eventType": "event.created", "endpoint": "https://hooks.example/x"]).replacing(name, value)
        let reply = try await (try Service()).call(.post, "/webhooks", body)
        #expect(reply.status == 400)
        #expect(reply.message == "\(name): \(fault)")
    }

    private static let noAddress = "has no address, or not only such as messages may be delivered to"
    private static let notAllowed = "unless the operator of the gateway allows it"

    @Test("Webhooks may use http to networks that the operator allows, and to no others")
    func plainWebhooks() async throws {
        let service = try Service {
            $0.control.webhookPrivateAddresses = [try AddressRange(parsing: "10.0.0.0/8")]
        }
        for (endpoint, status) in [
            ("http://10.1.2.3/x", 201), ("https://10.1.2.3/x", 201), ("https://192.0.1.1/x", 201),
            ("http://192.0.1.1/x", 400), ("https://192.168.1.1/x", 400), ("http://localhost/x", 400),
            ("http://private.example/x", 201), ("http://hooks.example/x", 400), ("http://mixed.example/x", 400),
        ] {
            let body = object(["eventType": "event.created", "endpoint": .string(endpoint)])
            #expect(try await service.call(.post, "/webhooks", body).status == status, "\(endpoint)")
        }
    }

    @Test(
        "Queries",
        arguments: [
            ("limit=0", "limit: must be 1 to 1000"), ("limit=1001", "limit: must be 1 to 1000"),
            ("limit=x", "limit: must be a whole number"), ("limit=1&limit=2", "limit: given twice"),
            ("cursor=zz", "cursor: not one that a list gave"),
            ("from=yesterday", "from: not a date of RFC 3339, such as 2026-11-22 or 2026-11-22T17:00:00Z"),
            ("to=%ff", "A text is not percent-encoded UTF-8"),
        ]
    )
    func query(query: String, message: String) async throws {
        let reply = try await (try Service()).call(.get, "/company/acme/events?\(query)")
        #expect(reply.status == 400)
        #expect(reply.message == message)
    }
}

extension JSONValue {
    /// The object with one member replaced; `null` removes it.
    func replacing(_ name: String, _ value: JSONValue) -> JSONValue {
        .object(members.filter { $0.name != name } + (value == .null ? [] : [JSONMember(name, value)]))
    }
}
