import Admission
import Basics
import JOSE
import Testing

@Suite("Token authority: whose tokens are valid for viewing")
struct TokenAuthorityTests {
    static let url = "https://embed.example.com"

    static func key(_ fill: UInt8, id: String? = nil) throws -> Key {
        try Key.secret([UInt8](repeating: fill, count: 32), algorithm: .hs256, id: id)
    }

    static func authority(
        issuers: [String] = [],
        audiences: [String] = [],
        passedClaims: [String] = [],
        companies: Int = 2,
        names: ClaimNames = ClaimNames(),
        appliesTo: LeaseScope = .registrations
    ) throws -> TokenAuthority {
        let all = [
            Company(id: "acme", keys: [try key(1)], issuers: issuers, audiences: audiences),
            Company(id: "globex", keys: [try key(2)]),
        ]
        return TokenAuthority(
            companies: Array(all.prefix(companies)),
            publicURL: url,
            claimNames: names,
            passedClaims: passedClaims,
            appliesTo: appliesTo,
            maxSize: 8192,
            generation: 1
        )
    }

    static let exp = JSONMember("exp", .number(2_000_000_000))

    /// An embed token in the form of Get Embed, with changes; `nil` removes the claim.
    static func claims(_ changes: [(String, JSONValue?)] = []) -> [JSONMember] {
        var claims = [
            JSONMember("iss", .string(url)), JSONMember("companyId", .string("acme")),
            JSONMember("eventId", .string("launch")), JSONMember("sub", .string("u1")), exp,
        ]
        for (name, value) in changes {
            claims.removeAll { $0.name == name }
            if let value { claims.append(JSONMember(name, value)) }
        }
        return claims
    }

    static func outcome(
        _ claims: [JSONMember],
        type: String?,
        key: UInt8 = 1,
        by authority: TokenAuthority? = nil
    ) throws -> Result<Viewer, TokenFault> {
        let token = bytes(try Token.sign(claims, type: type, with: Self.key(key)))
        let authority = try authority ?? Self.authority()
        do throws(TokenFault) { return .success(try authority.viewer(for: token.span)) } catch {
            return .failure(error)
        }
    }

    /// Any invalid claim is reported as `.claims` here.
    static func fault(
        _ claims: [JSONMember],
        type: String?,
        key: UInt8 = 1,
        by authority: TokenAuthority? = nil
    ) throws -> TokenFault? {
        switch try outcome(claims, type: type, key: key, by: authority) {
        case .success: nil
        case .failure(.claim): .claims
        case .failure(let fault): fault
        }
    }

    static let registration: [(String, JSONValue?)] = [("registrationId", .string("r1"))]

    @Test(
        "typ decides the use; an API token, or any other type, is not for viewing",
        arguments: [
            ("embed+jwt", nil), ("Embed+JWT", nil), ("registration+jwt", nil), ("JWT", nil), ("jwt", nil), (nil, nil),
            ("api+jwt", .type), ("API+JWT", .type), ("application/api+jwt", .type), ("at+jwt", .type), ("", .type),
            ("secevent+jwt", .type), ("embed+jwt ", .type), ("JWS", .type),
        ] as [(String?, TokenFault?)]
    )
    func type(type: String?, expected: TokenFault?) throws {
        #expect(try Self.fault(Self.claims(Self.registration), type: type) == expected)
    }

    @Test("The kind of viewer: by typ for our tokens, by the registration claim for a customer's own")
    func kind() throws {
        let plain = Self.claims()
        let registered = Self.claims(Self.registration)
        #expect(try Self.outcome(plain, type: "embed+jwt").get().kind == .embed)
        #expect(try Self.outcome(plain, type: nil).get().kind == .embed)
        #expect(try Self.outcome(registered, type: nil).get().kind == .registration)
        #expect(try Self.outcome(registered, type: "registration+jwt").get().registration == "r1")
        // An embed token is never for a registration, whatever it contains.
        let embed = try Self.outcome(registered, type: "embed+jwt").get()
        #expect(embed.kind == .embed && embed.registration == nil && !embed.isLeased)
        // A registration token without a registration is invalid.
        #expect(try Self.fault(plain, type: "registration+jwt") == .claims)
    }

    @Test("Attack: another company's key, in every way of naming the company")
    func otherKey() throws {
        for type in ["embed+jwt", "registration+jwt", nil] {
            #expect(try Self.fault(Self.claims(Self.registration), type: type, key: 2) == .signature)
            let theirs = Self.claims(Self.registration + [("companyId", .string("globex"))])
            #expect(try Self.fault(theirs, type: type, key: 1) == .signature)
            #expect(try Self.outcome(theirs, type: type, key: 2).get().company == "globex")
        }
        let authority = try Self.authority(issuers: ["https://id.acme.example"])
        let byIssuer = Self.claims([("companyId", nil), ("iss", .string("https://id.acme.example"))])
        #expect(try Self.fault(byIssuer, type: nil, key: 2, by: authority) == .signature)
        #expect(try Self.outcome(byIssuer, type: nil, by: authority).get().company == "acme")
    }

    @Test("Attack: the issuer of one company with the company claim of another")
    func issuerAndCompanyDiffer() throws {
        let authority = try Self.authority(issuers: ["https://id.acme.example"])
        let claims = Self.claims([
            ("companyId", .string("globex")), ("iss", .string("https://id.acme.example")),
        ])
        for key: UInt8 in [1, 2] { #expect(try Self.fault(claims, type: nil, key: key, by: authority) == .company) }
    }

    struct Naming: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let type: String?
        let issuer: JSONValue?
        let company: JSONValue?
        let configuredIssuer: String?
        let companies: Int
        let fault: TokenFault?

        init(
            _ what: String,
            type: String? = nil,
            iss issuer: JSONValue?,
            company: JSONValue?,
            issuer configured: String? = nil,
            companies: Int = 2,
            _ fault: TokenFault?
        ) {
            testDescription = what
            self.type = type
            self.issuer = issuer
            self.company = company
            configuredIssuer = configured
            self.companies = companies
            self.fault = fault
        }
    }

    static let namings = [
        Naming("ours", type: "embed+jwt", iss: .string(url), company: .string("acme"), nil),
        Naming("ours without iss", type: "embed+jwt", iss: nil, company: .string("acme"), .issuer),
        Naming("ours, other iss", type: "embed+jwt", iss: .string(url + "/"), company: .string("acme"), .issuer),
        Naming("ours, iss a number", type: "embed+jwt", iss: .number(1), company: .string("acme"), .claims),
        Naming("ours without company", type: "embed+jwt", iss: .string(url), company: nil, companies: 1, .company),
        Naming("ours, unknown company", type: "embed+jwt", iss: .string(url), company: .string("x"), .company),
        Naming(
            "ours keep our issuer",
            type: "embed+jwt",
            iss: .string(url),
            company: .string("acme"),
            issuer: "i",
            nil
        ),
        Naming("own, company claim", iss: nil, company: .string("acme"), nil),
        Naming("own, unknown company", iss: nil, company: .string("x"), companies: 1, .company),
        Naming("own, company a number", iss: nil, company: .number(1), .company),
        Naming("own, company null, one company", iss: nil, company: .null, companies: 1, nil),
        Naming("own, nothing, one company", iss: nil, company: nil, companies: 1, nil),
        Naming("own, nothing, two companies", iss: nil, company: nil, .company),
        Naming("own, issuer", iss: .string("i"), company: nil, issuer: "i", nil),
        Naming("own, issuer and company", iss: .string("i"), company: .string("acme"), issuer: "i", nil),
        Naming("own, other issuer", iss: .string("j"), company: .string("acme"), issuer: "i", .issuer),
        Naming("own, issuer missing", iss: nil, company: .string("acme"), issuer: "i", .issuer),
        Naming("own, other issuer, one company", iss: .string("j"), company: nil, issuer: "i", companies: 1, .issuer),
        Naming("own, unknown issuer, two companies", iss: .string("j"), company: nil, .company),
        Naming("own, issuer nobody asked for", iss: .string("j"), company: nil, companies: 1, nil),
        Naming(
            "own, our issuer where another is due",
            iss: .string(url),
            company: .string("acme"),
            issuer: "i",
            .issuer
        ),
        Naming("company in other case", iss: nil, company: .string("ACME"), .company),
        Naming("company empty", iss: nil, company: .string(""), .company),
    ]

    @Test("Which company a token belongs to, and when to none", arguments: namings)
    func company(naming: Naming) throws {
        let authority = try Self.authority(
            issuers: naming.configuredIssuer.map { [$0] } ?? [],
            companies: naming.companies
        )
        let claims = Self.claims([("iss", naming.issuer), ("companyId", naming.company)])
        #expect(try Self.fault(claims, type: naming.type, by: authority) == naming.fault)
    }

    @Test("aud must name the company's audience in its own tokens; ours are made for the gateway, whatever aud says")
    func audience() throws {
        let authority = try Self.authority(audiences: ["webinars"])
        let ours = JSONValue.string(Self.url)
        let cases: [(String?, JSONValue?, TokenFault?)] = [
            (nil, .string("webinars"), nil), (nil, .array([.string("x"), .string("webinars")]), nil),
            (nil, nil, .audience), (nil, .string("x"), .audience), (nil, ours, .audience), (nil, .number(1), .claims),
            ("embed+jwt", ours, nil), ("embed+jwt", .string("webinars"), nil), ("embed+jwt", nil, nil),
            ("embed+jwt", .string("before"), nil),
        ]
        for (type, value, fault) in cases {
            #expect(try Self.fault(Self.claims([("aud", value)]), type: type, by: authority) == fault)
        }
    }

    @Test(
        "Claims that are missing, of the wrong type, or unfit for a header field",
        arguments: [
            ([("sub", nil)], .claims), ([("sub", .string(""))], .claims), ([("sub", .string(" "))], .claims),
            ([("sub", .object([]))], .claims), ([("sub", .string("a\r\nX-Gateway-Role: host"))], .claims),
            ([("sub", .string("a\u{0}b"))], .claims), ([("sub", .string("a\u{7f}"))], .claims),
            ([("sub", .string("a\u{85}"))], .claims), ([("sub", .string("a\tb"))], .claims),
            ([("sub", .string(String(repeating: "a", count: 1025)))], .claims),
            ([("sub", .string(String(repeating: "a", count: 1024)))], nil), ([("sub", .string("ü"))], nil),
            ([("eventId", nil)], .claims), ([("eventId", .string(""))], .claims),
            ([("eventId", .number(7.5))], .claims),
            ([("eventId", .null)], .claims), ([("eventId", .array([.string("launch")]))], .claims),
            ([("eventId", .string("launch\n"))], .claims), ([("eventId", .string(" launch"))], .claims),
            ([("eventId", nil), ("eventSpecific", .bool(true))], .claims),
            ([("eventId", nil), ("eventSpecific", .bool(false))], nil),
            ([("eventSpecific", .string("false"))], .claims), ([("eventSpecific", .number(0))], .claims),
            ([("eventSpecific", .null)], nil), ([("sub", .bool(true))], .claims),
            ([("registrationId", .number(-1e300))], .claims), ([("registrationId", .string(""))], .claims),
            ([("registrationId", .string("r1")), ("eventId", nil), ("eventSpecific", .bool(false))], .claims),
            ([("registrationId", .string("r1")), ("sub", nil)], nil),
            ([("email", .string("a@b\r\nx: y"))], .claims), ([("email", .null)], nil),
            ([("email", .number(1))], .claims),
            ([("email", .string(String(repeating: "a", count: 321)))], .claims),
            ([("picture", .string("https://x/\u{0}"))], .claims), ([("picture", .string("https://x/y.png"))], nil),
            ([("name", .string("Kim\r\nX: y"))], nil),
            ([("name", .string(String(repeating: "a", count: 1025)))], .claims),
            ([("jti", .string("a\nb"))], .claims), ([("jti", .string("t1"))], nil),
        ] as [([(String, JSONValue?)], TokenFault?)]
    )
    func claims(changes: [(String, JSONValue?)], expected: TokenFault?) throws {
        #expect(try Self.fault(Self.claims(changes), type: nil) == expected)
    }

    @Test("The token's claims arrive in the viewer")
    func viewer() throws {
        let changes: [(String, JSONValue?)] = [
            ("sub", .string(" u1 ")), ("name", .string("Kim \u{1F600}")), ("email", .string("kim@acme.example")),
            ("picture", .string("https://x/y.png")), ("jti", .string("t1")), ("eventSpecific", .bool(false)),
        ]
        let viewer = try Self.outcome(Self.claims(changes), type: "embed+jwt").get()
        #expect(viewer.userID == " u1 ", "byte for byte")
        #expect(viewer.name == "Kim \u{1F600}")
        #expect(viewer.email == "kim@acme.example")
        #expect(viewer.avatar == "https://x/y.png")
        #expect(viewer.tokenID == "t1")
        #expect(viewer.event == "launch" && viewer.eventBytes == bytes("launch"))
        #expect(!viewer.eventSpecific)
        #expect(viewer.validity.expires == 2_000_000_000)
        #expect(viewer.fingerprint.wholeMatch(of: /[0-9a-f]{8}/) != nil)
    }

    @Test("Integers are ids by their decimal text, under mapped names too, and null counts as absent")
    func numbersAsIDs() throws {
        let changes: [(String, JSONValue?)] = [
            ("sub", .number(42)), ("eventId", .number(-7)), ("registrationId", .exactNumber("12345678901234567890")),
            ("email", .null), ("name", .null), ("eventSpecific", .null),
        ]
        let viewer = try Self.outcome(Self.claims(changes), type: nil).get()
        #expect(viewer.userID == "42" && viewer.event == "-7" && viewer.registration == "12345678901234567890")
        #expect(try Self.outcome(Self.claims([("registrationId", .null)]), type: nil).get().registration == nil)
        var names = ClaimNames()
        (names.userID, names.company) = ("uid", "tenant")
        let mapped = Self.claims([("uid", .number(1)), ("tenant", .null), ("companyId", nil)])
        let authority = try Self.authority(companies: 1, names: names)
        #expect(try Self.outcome(mapped, type: nil, by: authority).get().userID == "1")
    }

    @Test(
        "The fault names the claim as the configuration does",
        arguments: [
            ([("uid", .object([]))], "uid"), ([("uid", nil)], "uid"), ([("eventId", nil)], "eventId"),
            ([("email", .number(1))], "email"), ([("eventSpecific", .string("yes"))], "eventSpecific"),
            ([("exp", .string("never"))], "exp"), ([("tier", .string(String(repeating: "x", count: 2049)))], "tier"),
        ] as [([(String, JSONValue?)], String)]
    )
    func faultyClaim(changes: [(String, JSONValue?)], name: String) throws {
        var names = ClaimNames()
        names.userID = "uid"
        let authority = try Self.authority(passedClaims: ["tier"], names: names)
        let claims = Self.claims([("uid", .string("u1"))] + changes)
        guard case .failure(let fault) = try Self.outcome(claims, type: nil, by: authority) else {
            Issue.record("accepted")
            return
        }
        #expect(fault == .claim(name) && fault.code == "claim:\(name)")
    }

    @Test("One of several issuers and audiences must be named")
    func lists() throws {
        let authority = try Self.authority(issuers: ["i", "j"], audiences: ["a", "b"], companies: 1)
        for (iss, aud, fault) in [
            ("i", "a", nil), ("j", "b", nil), ("k", "a", .issuer), ("i", "c", .audience), ("", "a", .issuer),
        ] as [(String, String, TokenFault?)] {
            let claims = Self.claims([("iss", .string(iss)), ("aud", .string(aud)), ("companyId", nil)])
            #expect(try Self.fault(claims, type: nil, by: authority) == fault, "\(iss) \(aud)")
        }
    }

    @Test("Configured claims are passed on as text, others are not")
    func passedClaims() throws {
        let authority = try Self.authority(passedClaims: ["tier", "seats", "staff", "roles", "none", "missing"])
        let claims = Self.claims([
            ("tier", .string("gold ✓")), ("seats", .number(3)), ("staff", .bool(true)), ("none", .null),
            ("roles", .array([.string("a"), .string("b")])), ("secret", .string("x")),
        ])
        let viewer = try Self.outcome(claims, type: "embed+jwt", by: authority).get()
        #expect(
            viewer.passed == [
                PassedClaim(name: "tier", text: "gold ✓"), PassedClaim(name: "seats", text: "3"),
                PassedClaim(name: "staff", text: "true"), PassedClaim(name: "roles", text: #"["a","b"]"#),
            ]
        )
    }

    @Test("A token without eventSpecific, and every registration token, is for its event only")
    func eventSpecific() throws {
        #expect(try Self.outcome(Self.claims(), type: "embed+jwt").get().eventSpecific)
        let wide = Self.claims(Self.registration + [("eventSpecific", .bool(false))])
        #expect(try Self.outcome(wide, type: "registration+jwt").get().eventSpecific)
        #expect(try Self.outcome(wide, type: nil).get().eventSpecific)
    }

    @Test("Customers' claim names apply to customers' tokens; ours use our own")
    func claimNames() throws {
        var names = ClaimNames()
        names.userID = "uid"
        names.event = "room"
        names.company = "tenant"
        let authority = try Self.authority(names: names)
        let theirs = Self.claims([
            ("uid", .string("theirs")), ("room", .string("r7")), ("tenant", .string("acme")), ("companyId", nil),
        ])
        let viewer = try Self.outcome(theirs, type: nil, by: authority).get()
        #expect(viewer.userID == "theirs" && viewer.event == "r7")
        #expect(try Self.fault(theirs, type: "embed+jwt", by: authority) == .company)
        #expect(try Self.outcome(Self.claims(), type: "embed+jwt", by: authority).get().userID == "u1")
    }

    @Test("applies_to all leases embed tokens by user id")
    func appliesTo() throws {
        let all = try Self.authority(appliesTo: .all)
        #expect(try Self.outcome(Self.claims(), type: nil, by: all).get().isLeased)
        #expect(try !Self.outcome(Self.claims(), type: nil).get().isLeased)
        #expect(try Self.outcome(Self.claims(Self.registration), type: nil).get().isLeased)
    }

    @Test("Attack: a token that is too large, cut, or changed in any byte")
    func bytesMatter() throws {
        let authority = try Self.authority()
        let good = bytes(try Token.sign(Self.claims(), type: "embed+jwt", with: Self.key(1)))
        func isGood(_ token: [UInt8]) -> Bool { (try? authority.viewer(for: token.span)) != nil }
        #expect(isGood(good))
        for place in good.indices {
            var changed = good
            changed[place] = changed[place] == 65 ? 66 : 65
            #expect(!isGood(changed))
            #expect(!isGood(Array(good[..<place])))
        }
        let large = Self.claims([("x", .string(String(repeating: "a", count: 7000)))])
        #expect(try Self.fault(large, type: nil) == .tooLarge)
    }
}
