import Admission
import Basics
import JOSE
import Testing

@Suite("A session stays open exactly as long as its token would still be read the same way")
struct StandingBehindTests {
    private enum Change: String, CaseIterable {
        case nothing, order, otherCompany, issuer, audience, moreIssuers, moreAudiences, publicURL, claims, key
    }

    private func authority(_ change: Change = .nothing) throws -> TokenAuthority {
        var acme = Company(
            id: "acme",
            keys: [try TokenAuthorityTests.key(change == .key ? 3 : 1)],
            issuers: (change == .moreIssuers ? ["https://sso.example"] : [])
                + [change == .issuer ? "https://new.example" : "https://login.example"],
            audiences: [change == .audience ? "other" : "embed"] + (change == .moreAudiences ? ["more"] : [])
        )
        if change == .order {
            acme = Company(
                id: "acme",
                keys: [try TokenAuthorityTests.key(1, id: "renamed")],
                issuers: acme.issuers,
                audiences: acme.audiences
            )
        }
        let globex = Company(
            id: "globex",
            keys: [try TokenAuthorityTests.key(2)],
            issuers: change == .otherCompany ? ["https://globex.example"] : []
        )
        var names = ClaimNames()
        if change == .claims { names.email = "mail" }
        return TokenAuthority(
            companies: change == .order ? [globex, acme] : [acme, globex],
            publicURL: change == .publicURL ? "https://new.example.com" : TokenAuthorityTests.url,
            claimNames: names,
            appliesTo: .registrations,
            maxSize: 8192,
            generation: 2
        )
    }

    private func viewer(type: String?) throws -> Viewer {
        let issuer = type == nil ? "https://login.example" : TokenAuthorityTests.url
        let claims = TokenAuthorityTests.claims([("iss", .string(issuer)), ("aud", .string("embed"))])
        return try TokenAuthorityTests.outcome(claims, type: type, by: try authority()).get()
    }

    @Test("A customer's own token: its key, issuer, audience and claim names count", arguments: Change.allCases)
    private func own(change: Change) throws {
        let stands = try authority(change).standsBehind(try viewer(type: nil))
        #expect(stands == [.nothing, .order, .otherCompany, .moreIssuers, .moreAudiences, .publicURL].contains(change))
    }

    @Test("A token of ours: its key and public_url count, not the company's audience", arguments: Change.allCases)
    private func ours(change: Change) throws {
        let stands = try authority(change).standsBehind(try viewer(type: "embed+jwt"))
        #expect(
            stands
                == [.nothing, .order, .otherCompany, .issuer, .moreIssuers, .audience, .moreAudiences, .claims]
                .contains(change)
        )
    }

    @Test("A session that an earlier version sealed with the audience of a token of ours goes on")
    func sealedBefore() throws {
        let made = try viewer(type: "embed+jwt")
        let voucher = try #require(made.voucher)
        for audience in ["embed", TokenAuthorityTests.url, nil, "another"] {
            let terms = Voucher.Terms([TokenAuthorityTests.url, audience] + ClaimNames().all)
            let before = Viewer(
                kind: .embed,
                company: "acme",
                event: "launch",
                eventSpecific: true,
                userID: "u1",
                validity: made.validity,
                fingerprint: "0badcafe",
                voucher: Voucher(key: voucher.key, isOurs: true, terms: terms)
            )
            #expect(try authority().standsBehind(before) == (audience != "another"))
        }
    }

    @Test("While a company's key set is awaited, its own tokens' sessions neither stand nor fall; ours are known")
    func awaitsKeys() throws {
        let made = try [viewer(type: nil), viewer(type: "embed+jwt")]
        func standings(_ key: UInt8, awaits: Bool) throws -> [TokenAuthority.Standing] {
            let acme = Company(
                id: "acme",
                keys: [try TokenAuthorityTests.key(key)],
                issuers: ["https://login.example"],
                audiences: ["embed"],
                awaitsKeys: awaits
            )
            let authority = TokenAuthority(
                companies: [acme],
                publicURL: TokenAuthorityTests.url,
                claimNames: ClaimNames(),
                appliesTo: .registrations,
                maxSize: 8192,
                generation: 1
            )
            return made.map(authority.standing)
        }
        #expect(try standings(1, awaits: true) == [.stands, .stands])
        #expect(try standings(3, awaits: true) == [.awaitsKeys, .falls])
        #expect(try standings(3, awaits: false) == [.falls, .falls])
    }

    @Test("Absent and empty are different")
    func none() throws {
        func authority(_ audience: String?, _ issuer: String?) throws -> TokenAuthority {
            TokenAuthority(
                companies: [
                    Company(
                        id: "acme",
                        keys: [try TokenAuthorityTests.key(1)],
                        issuers: issuer.map { [$0] } ?? [],
                        audiences: audience.map { [$0] } ?? []
                    )
                ],
                publicURL: TokenAuthorityTests.url,
                claimNames: ClaimNames(),
                appliesTo: .registrations,
                maxSize: 8192,
                generation: 1
            )
        }
        let claims = TokenAuthorityTests.claims([("iss", .string("x"))])
        let viewer = try TokenAuthorityTests.outcome(claims, type: nil, by: try authority(nil, "x")).get()
        #expect(try authority(nil, "x").standsBehind(viewer))
        #expect(try !authority("", "x").standsBehind(viewer))
        #expect(try !authority("x", nil).standsBehind(viewer))
        #expect(try !authority(nil, nil).standsBehind(viewer))
    }
}
