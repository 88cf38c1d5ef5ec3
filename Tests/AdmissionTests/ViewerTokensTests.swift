import Admission
import Basics
import JOSE
import Testing

@Suite("Viewer tokens: the tokens that we make are the ones that we accept as ours")
struct ViewerTokensTests {
    static let event = "01234567-89ab-4cde-8f01-23456789abcd"
    static let now: Int64 = 1_700_000_000
    static let tokens = ViewerTokens(
        publicURL: TokenAuthorityTests.url,
        embedLifetime: 4 * 3600,
        registrationLifetime: 30 * 86_400
    )
    static let person = RegisteredPerson(
        event: event,
        registration: "fedcba98-7654-4210-8f01-23456789abcd",
        name: "Kim Ünal 😀",
        email: "kim@acme.example",
        registeredAt: now * 1000 + 999
    )

    private func company(_ keys: [Key]? = nil, audience: String? = nil) throws -> Company {
        Company(id: "acme", keys: try keys ?? [TokenAuthorityTests.key(1)], audiences: audience.map { [$0] } ?? [])
    }

    private func accepted(_ made: ViewerTokens.Made, by authority: TokenAuthority? = nil) throws -> Viewer {
        let token = bytes(made.token)
        return try (authority ?? TokenAuthorityTests.authority()).viewer(for: token.span)
    }

    @Test("An embed token is accepted as one, with everything given about the user", arguments: [true, false])
    func embed(eventSpecific: Bool) throws {
        let user = ViewerTokens.User(id: "u1", name: "Kim", email: "kim@acme.example", avatar: "https://x/y.png")
        let made = try Self.tokens.embed(
            user,
            event: Self.event,
            eventSpecific: eventSpecific,
            company: company(),
            now: Self.now
        )
        let viewer = try accepted(made)
        #expect(viewer.kind == .embed && viewer.company == "acme" && viewer.event == Self.event)
        #expect(viewer.eventSpecific == eventSpecific && viewer.registration == nil && !viewer.isLeased)
        #expect(viewer.userID == "u1" && viewer.name == "Kim" && viewer.email == "kim@acme.example")
        #expect(viewer.avatar == "https://x/y.png")
        #expect(viewer.validity.issuedAt == Self.now)
        #expect(viewer.validity.expires == Self.now + 4 * 3600 && made.expiresAt == Self.now + 4 * 3600)
    }

    @Test("Absent user data is not in the token, and each token has its own id")
    func bareUser() throws {
        func make() throws -> Viewer {
            try accepted(
                Self.tokens.embed(
                    ViewerTokens.User(id: "u1"),
                    event: Self.event,
                    eventSpecific: true,
                    company: company(),
                    now: Self.now
                )
            )
        }
        let (one, two) = (try make(), try make())
        #expect(one.name == nil && one.email == nil && one.avatar == nil)
        #expect(one.tokenID != nil && one.tokenID != two.tokenID)
    }

    @Test("A registration token is accepted as one, and is leased")
    func registration() throws {
        let viewer = try accepted(Self.tokens.registration(Self.person, closesAt: 0, company: company()))
        #expect(viewer.kind == .registration && viewer.isLeased && viewer.eventSpecific)
        #expect(viewer.registration == Self.person.registration && viewer.userID == Self.person.registration)
        #expect(viewer.event == Self.event && viewer.name == Self.person.name && viewer.email == Self.person.email)
        #expect(viewer.tokenID == Self.person.registration)
        // The lease deleted under the directory's key is this token's.
        let event = bytes(Self.event)
        let subject = SubjectKey(
            kind: .registration,
            company: "acme",
            event: event.span,
            id: Self.person.registration
        )
        #expect(viewer.subject == subject)
    }

    @Test("A registration's token is the same each time, if the algorithm has a unique signature")
    func deterministic() throws {
        func make(_ key: Key) throws -> ViewerTokens.Made {
            try Self.tokens.registration(Self.person, closesAt: 0, company: company([key]))
        }
        let secret = try TokenAuthorityTests.key(1)
        let (one, two) = (try make(secret), try make(secret))
        #expect(one.token == two.token && one.expiresAt == two.expiresAt)
        #expect(try make(TokenAuthorityTests.key(3)).token != one.token)
    }

    /// A year: how long a registration's token outlasts its event's close.
    private static let year: Int64 = 365 * 86_400

    @Test(
        "A registration's token outlasts its event by a year, and lives for its configured lifetime if that is longer",
        arguments: [
            (0, now + 30 * 86_400), (now * 1000, now + year), ((now + 90 * 86_400) * 1000, now + 90 * 86_400 + year),
            ((now - year + 30 * 86_400) * 1000, now + 30 * 86_400),
            ((now - year + 30 * 86_400) * 1000 + 1000, now + 30 * 86_400 + 1), (-1, now + 30 * 86_400),
        ] as [(Milliseconds, Int64)]
    )
    func expiry(closesAt: Milliseconds, expected: Int64) throws {
        let made = try Self.tokens.registration(Self.person, closesAt: closesAt, company: company())
        #expect(made.expiresAt == expected)
        let viewer = try accepted(made)
        #expect(viewer.validity.expires == expected && viewer.validity.issuedAt == Self.now)
    }

    @Test("Attack: a token in our own form, signed with a key that only verifies")
    func verifyingKeys() throws {
        let keys = try [TokenAuthorityTests.key(1), TokenAuthorityTests.key(3), TokenAuthorityTests.key(4)]
        func viewer(_ token: String, earlier: [Key]) throws -> Viewer {
            let company = Company(id: "acme", keys: keys, earlierKeys: earlier)
            let authority = TokenAuthority(
                companies: [company],
                publicURL: TokenAuthorityTests.url,
                claimNames: ClaimNames(),
                appliesTo: .registrations,
                maxSize: 8192,
                generation: 1
            )
            let text = bytes(token)
            return try authority.viewer(for: text.span)
        }
        for (index, key) in keys.enumerated() {
            let signer = try company([key])
            let user = ViewerTokens.User(id: "u1")
            for made in [
                try Self.tokens.registration(Self.person, closesAt: 0, company: signer).token,
                try Self.tokens.embed(user, event: Self.event, eventSpecific: true, company: signer, now: Self.now)
                    .token,
            ] {
                if index == 0 {
                    _ = try viewer(made, earlier: [])
                } else {
                    // The log says that its key may lack `signed_before`.
                    #expect(throws: TokenFault.keyNotSignedBefore) { try viewer(made, earlier: []) }
                    #expect(throws: TokenFault.keyNotSignedBefore) { try viewer(made, earlier: [keys[3 - index]]) }
                    _ = try viewer(made, earlier: [key])
                }
            }
            // The company's own tokens may be signed with any of them.
            let own = try Token.sign(TokenAuthorityTests.claims(), type: "JWT", with: key)
            _ = try viewer(own, earlier: [])
        }
    }

    @Test("Attack: a first key that cannot sign, such as an outside issuer's, makes tokens in our own form")
    func outsideIssuerFirst() throws {
        let pair = try Key.generate(.es256, id: "es")
        let set = JSONValue.object([JSONMember("keys", .array([try #require(pair.publicJWK)]))])
        let publicHalf = try #require(try Key.jwks(set.serialized()).first)
        let made = try Self.tokens.registration(Self.person, closesAt: 0, company: company([pair]))
        let authority = TokenAuthority(
            companies: [try company([publicHalf])],
            publicURL: TokenAuthorityTests.url,
            claimNames: ClaimNames(),
            appliesTo: .registrations,
            maxSize: 8192,
            generation: 1
        )
        #expect(throws: TokenFault.keyNotSignedBefore) { try accepted(made, by: authority) }
    }

    @Test("A link sent before its event was postponed is valid until a day after the event's new date")
    func putOff() throws {
        let gate = Gate()
        gate.now = Self.now * 1000
        let day: Milliseconds = 86_400_000
        func move(closesAt: Milliseconds) {
            gate.directory.set(EventRecord(company: "acme", closesAt: closesAt), for: Self.event)
        }
        let closesAt = gate.now + 2 * day
        let sent = try accepted(Self.tokens.registration(Self.person, closesAt: closesAt, company: company()))
        move(closesAt: closesAt)
        let session = SessionID(joinedAt: closesAt - 1000, random0: 1, random1: 2)
        #expect(gate.admission.end(of: session, sent, in: Self.event, gate.rules) == closesAt)
        gate.now = closesAt - 1
        #expect(gate.ask(sent).admitted != nil)
        gate.now = closesAt
        #expect(gate.ask(sent).refusal == .tokenExpired)
        move(closesAt: closesAt + 200 * day)
        #expect(gate.ask(sent).admitted != nil)
        gate.now = closesAt + 200 * day - 1
        #expect(gate.ask(sent).admitted != nil)
        gate.now += 1
        #expect(gate.ask(sent).refusal == .tokenExpired)
    }

    @Test("The first key that can sign signs; without one there is no token")
    func keys() throws {
        let pair = try Key.generate(.es256, id: "es")
        let made = try Self.tokens.registration(Self.person, closesAt: 0, company: company([pair]))
        let authority = TokenAuthority(
            companies: [try company([pair])],
            publicURL: TokenAuthorityTests.url,
            claimNames: ClaimNames(),
            appliesTo: .registrations,
            maxSize: 8192,
            generation: 1
        )
        #expect(try accepted(made, by: authority).userID == Self.person.registration)
        #expect(throws: KeyError.self) {
            try Self.tokens.registration(Self.person, closesAt: 0, company: company([]))
        }
    }

    @Test("A company's audience is in its tokens, and its own claim names are not")
    func audienceAndNames() throws {
        var names = ClaimNames()
        names.userID = "uid"
        names.company = "tenant"
        names.registration = "seat"
        let authority = try TokenAuthorityTests.authority(audiences: ["webinars"], names: names)
        let made = try Self.tokens.registration(Self.person, closesAt: 0, company: company(audience: "webinars"))
        #expect(try accepted(made, by: authority).registration == Self.person.registration)
        let without = try Self.tokens.registration(Self.person, closesAt: 0, company: company())
        // A link that was made before the company had an audience.
        #expect(try accepted(without, by: authority).registration == Self.person.registration)
    }

    @Test("Attack: a token of another company's key, or for another gateway, is not ours")
    func others() throws {
        let foreign = try Self.tokens.registration(
            Self.person,
            closesAt: 0,
            company: company([TokenAuthorityTests.key(2)])
        )
        #expect(throws: TokenFault.signature) { try accepted(foreign) }
        let elsewhere = ViewerTokens(publicURL: "https://other.example", embedLifetime: 1, registrationLifetime: 1)
        let made = try elsewhere.registration(Self.person, closesAt: 0, company: company())
        #expect(throws: TokenFault.issuer) { try accepted(made) }
    }
}
