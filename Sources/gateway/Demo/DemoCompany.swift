import Admission
import Basics
import GatewayConfiguration
import JOSE

/// The company of the demo, with its configuration, its events and its viewers' links. Its key is new for each run.
struct DemoCompany {
    let publicURL: String
    private let secret: [UInt8]
    private let key: Key

    private static let id = "acme"
    private static let keyID = "demo"
    private static let event = "launch"
    private static let otherEvent = "retrospective"
    private static let host = "grace"

    init(publicURL: String) throws(KeyError) {
        self.publicURL = publicURL
        secret = Base64URL.encode(SystemRandom.bytes(32).span)
        key = try Key.secret(secret, algorithm: .hs256, id: Self.keyID)
    }

    /// The configuration that an operator would write, except for the free ports and the secret, which is not in a
    /// file.
    func settings(port: Int, upstreamPort: Int) throws(ConfigurationError) -> Settings {
        let text = """
            public_url = "\(publicURL)"
            drain_timeout = "1s"
            [[listener]]
            address = "127.0.0.1:\(port)"
            [admin]
            address = "127.0.0.1:0"
            [[upstream]]
            name = "embed-host"
            servers = ["127.0.0.1:\(upstreamPort)"]
            [[route]]
            path = "/"
            upstream = "embed-host"
            access = "public"
            [[route]]
            path = "/event/{event}/**"
            upstream = "embed-host"
            access = "token"
            [[route]]
            path = "/networking/{event}/**"
            upstream = "embed-host"
            access = "token"
            [[route]]
            path = "/assets/**"
            upstream = "embed-host"
            access = "public"
            [[company]]
            id = "\(Self.id)"
            name = "Acme"
            [[company.key]]
            id = "\(Self.keyID)"
            algorithm = "HS256"
            secret_file = "secret"
            [limits]
            joins_per_minute = 0
            failures_per_minute = 0
            [log]
            level = "warning"
            format = "text"
            access = true
            """
        let secret = secret
        return try Settings(
            loading: ConfigurationSource(
                name: "demo",
                text: text,
                environment: { _ in nil },
                readFile: { $0 == "secret" ? .success(secret) : .failure(.notFound) }
            )
        )
    }

    /// Its events, one of which lists a presenter.
    func directory() -> DirectoryView {
        let directory = DirectoryView()
        directory.set(EventRecord(company: Self.id, presenters: [Self.host]), for: Self.event)
        directory.set(EventRecord(company: Self.id), for: Self.otherEvent)
        return directory
    }

    func links() throws(KeyError) -> [DemoLink] {
        let ada = Person(id: "ada", name: "Ada Lovelace", registration: "R-1815")
        let alan = Person(id: "alan", name: "Alan Turing", registration: "R-1912")
        let katherine = Person(id: "katherine", name: "Katherine Johnson")
        let grace = Person(id: Self.host, name: "Grace Hopper")
        return try [
            link(
                "Ada's join link",
                ada,
                expect: "Open it in two browsers, or in a normal and a private window: the second replaces the first."
            ),
            link(
                "Alan's join link",
                alan,
                expect: "Another registration: he and Ada watch at the same time."
            ),
            link(
                "Katherine's embed link",
                katherine,
                expect: "A known user without a registration: opens in as many browsers as you like."
            ),
            link(
                "Grace's embed link",
                grace,
                expect: "The event lists her as a presenter: the page shows the role host."
            ),
            link(
                "An expired link",
                ada,
                lifetime: -600,
                expect: "Refused with 401 and a page that says what to do."
            ),
            link(
                "A link for another event",
                ada,
                tokenEvent: Self.otherEvent,
                expect: "Ada's token for the retrospective, tried on the launch: refused with 403."
            ),
        ]
    }

    private struct Person {
        var id: String
        var name: String
        var registration: String?
    }

    /// - Parameters:
    ///   - tokenEvent: the event that the token is for, if it differs from the one that the link opens.
    ///   - lifetime: in seconds from now.
    private func link(
        _ title: String,
        _ person: Person,
        tokenEvent: String = event,
        lifetime: Int64 = 4 * 3600,
        expect: String
    ) throws(KeyError) -> DemoLink {
        let names = ClaimNames()
        let now = WallClock.seconds()
        var claims = [
            JSONMember("iss", .string(publicURL)),
            JSONMember("iat", .number(Double(min(now, now + lifetime)))),
            JSONMember("exp", .number(Double(now + lifetime))),
            JSONMember(names.company, .string(Self.id)),
            JSONMember(names.event, .string(tokenEvent)),
            JSONMember(names.eventSpecific, .bool(true)),
            JSONMember(names.userID, .string(person.id)),
            JSONMember(names.name, .string(person.name)),
            JSONMember(names.email, .string("\(person.id)@example.com")),
        ]
        if let registration = person.registration {
            claims.append(JSONMember(names.registration, .string(registration)))
        }
        let type = person.registration == nil ? "embed+jwt" : "registration+jwt"
        let token = try Token.sign(claims, type: type, with: key)
        let address = "\(publicURL)/event/\(Self.event)?token=\(token)"
        return DemoLink(title: title, address: address, expectation: expect)
    }
}
