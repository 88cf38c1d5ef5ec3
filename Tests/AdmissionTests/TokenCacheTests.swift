import Admission
import Basics
import JOSE
import Testing

/// A cache that takes its tokens as arrays, since a macro cannot take a span.
private final class Cached {
    private var cache: TokenCache

    init(capacity: Int, seed: UInt64) { cache = TokenCache(capacity: capacity, seed: seed) }

    var count: Int { cache.count }

    func viewer(_ token: [UInt8], _ generation: UInt64) -> Viewer? {
        cache.viewer(for: token.span, generation: generation)
    }

    func insert(_ viewer: Viewer, for token: [UInt8], _ generation: UInt64) {
        cache.insert(viewer, for: token.span, generation: generation)
    }

    func insertForeign(_ token: [UInt8], _ generation: UInt64) {
        cache.insert(.foreign, for: token.span, generation: generation)
    }

    func holds(_ token: [UInt8], _ generation: UInt64) -> Bool {
        cache.finding(for: token.span, generation: generation) != nil
    }

    func move(from former: TokenAuthority, to authority: TokenAuthority) { cache.move(from: former, to: authority) }
}

@Suite("Token cache: exact bytes and generation, bounded")
struct TokenCacheTests {
    private func token(_ number: Int, length: Int = 300) -> [UInt8] {
        var numbers = Numbers(seed: UInt64(number) &* 7919 &+ 1)
        return (0..<length).map { _ in UInt8(ascii: "A") + UInt8(numbers.next() % 26) }
    }

    @Test("Attack: a token that differs in one byte, anywhere, is not found", arguments: [1, 7, 31, 64, 65, 333])
    func otherBytes(length: Int) {
        let cache = Cached(capacity: 8, seed: 3)
        let known = token(1, length: length)
        cache.insert(viewer(), for: known, 1)
        #expect(cache.viewer(known, 1) != nil)
        for place in known.indices {
            var forged = known
            forged[place] ^= 1
            #expect(cache.viewer(forged, 1) == nil)
            #expect(cache.viewer(Array(known[..<place]), 1) == nil)
        }
        #expect(cache.viewer((known + [65]), 1) == nil)
        #expect(cache.viewer(([65] + known), 1) == nil)
    }

    @Test("Attack: other claims before a known signature")
    func sameSignature() {
        let cache = Cached(capacity: 8, seed: 3)
        let signature = token(9, length: 86)
        let tokens = (0..<8).map { token($0, length: 200) + signature }
        let viewers = (0..<8).map { viewer(userID: "u\($0)") }
        for number in 0..<8 { cache.insert(viewers[number], for: tokens[number], 1) }
        for number in 0..<8 {
            #expect(cache.viewer(tokens[number], 1) === viewers[number])
        }
        #expect(cache.viewer((token(8, length: 200) + signature), 1) == nil)
    }

    @Test("After a change of keys nothing from before is found")
    func generation() {
        let cache = Cached(capacity: 8, seed: 3)
        cache.insert(viewer(), for: token(1), 1)
        #expect(cache.viewer(token(1), 2) == nil)
        #expect(cache.viewer(token(1), 1) != nil)
        let second = viewer(userID: "u2")
        cache.insert(second, for: token(1), 2)
        #expect(cache.viewer(token(1), 2) === second)
        #expect(cache.count == 2)
    }

    @Test("A second insertion replaces the first")
    func replaced() {
        let cache = Cached(capacity: 8, seed: 3)
        let second = viewer(userID: "u2")
        cache.insert(viewer(), for: token(1), 1)
        cache.insert(second, for: token(1), 1)
        #expect(cache.count == 1)
        #expect(cache.viewer(token(1), 1) === second)
    }

    @Test("Entries in use stay, others give way")
    func eviction() {
        let cache = Cached(capacity: 4, seed: 3)
        for number in 0..<4 { cache.insert(viewer(), for: token(number), 1) }
        for number in 4..<200 {
            #expect(cache.viewer(token(0), 1) != nil)
            cache.insert(viewer(), for: token(number), 1)
            #expect(cache.count == 4)
        }
        #expect(cache.viewer(token(1), 1) == nil)
    }

    @Test("It never returns anything but what was inserted, whatever the order", arguments: [1, 2, 3, 16, 100])
    func model(capacity: Int) {
        let cache = Cached(capacity: capacity, seed: 11)
        var numbers = Numbers(seed: UInt64(capacity))
        let tokens = (0..<150).map { token($0, length: 20 + $0) }
        let viewers = (0..<150).map { viewer(userID: "u\($0)") }
        var found = 0
        var inserted = Set<Int>()
        for _ in 0..<6000 {
            let number = Int(numbers.next() % 150)
            if numbers.next() % 2 == 0 {
                cache.insert(viewers[number], for: tokens[number], 1)
                inserted.insert(number)
                // The newest is always present.
                #expect(cache.viewer(tokens[number], 1) === viewers[number])
            } else if let viewer = cache.viewer(tokens[number], 1) {
                found += 1
                #expect(viewer === viewers[number] && inserted.contains(number))
            }
            #expect(cache.count <= capacity)
        }
        #expect(found > 0)
        // Every entry that is counted can be found: none is lost in the index.
        let present = tokens.indices.filter { cache.viewer(tokens[$0], 1) != nil }.count
        #expect(present == cache.count)
    }
}

@Suite("Token cache: a change of keys costs only those whom it concerns")
struct TokenCacheChangeTests {
    private func authority(
        acme: UInt8 = 1,
        id: String? = nil,
        audiences: [String] = [],
        url: String = TokenAuthorityTests.url,
        isMore: Bool = false,
        issuer: String? = nil,
        generation: UInt64
    ) throws -> TokenAuthority {
        var companies = [
            Company(id: "acme", keys: [try TokenAuthorityTests.key(acme, id: id)], audiences: audiences),
            Company(id: "globex", keys: [try TokenAuthorityTests.key(2)]),
        ]
        if isMore {
            let key = try TokenAuthorityTests.key(3)
            companies.append(Company(id: "initech", keys: [key], issuers: issuer.map { [$0] } ?? []))
        }
        return TokenAuthority(
            companies: companies,
            publicURL: url,
            claimNames: ClaimNames(),
            appliesTo: .registrations,
            maxSize: 8192,
            generation: generation
        )
    }

    private static let tokens = (acme: Array("token of acme".utf8), globex: Array("token of globex".utf8))

    /// Which tokens, found under a first authority, are still found under `next`.
    private func kept(_ next: TokenAuthority) throws -> (acme: Bool, globex: Bool, foreign: Bool) {
        let cache = Cached(capacity: 8, seed: 5)
        let former = try authority(generation: 1)
        cache.insert(viewer(company: "acme"), for: Self.tokens.acme, 1)
        cache.insert(viewer(company: "globex"), for: Self.tokens.globex, 1)
        cache.insertForeign([1, 2, 3], 1)
        cache.move(from: former, to: next)
        let generation = next.generation
        return (
            cache.holds(Self.tokens.acme, generation), cache.holds(Self.tokens.globex, generation),
            cache.holds([1, 2, 3], generation)
        )
    }

    @Test("The same keys read again are no change")
    func same() throws {
        guard case .none = try authority(generation: 2).change(from: authority(generation: 1)) else {
            Issue.record("a change")
            return
        }
    }

    @Test("Another key, key id or audience of one company leaves the tokens of another")
    func oneCompany() throws {
        let changed = [
            try authority(acme: 9, generation: 2), try authority(id: "new", generation: 2),
            try authority(audiences: ["x"], generation: 2),
        ]
        for next in changed { #expect(try kept(next) == (false, true, false)) }
    }

    @Test("Attack: what all tokens depend on leaves none")
    func everything() throws {
        #expect(try kept(authority(url: "https://other.example", generation: 2)) == (false, false, false))
        #expect(try kept(authority(isMore: true, issuer: "i", generation: 2)) == (false, false, false))
    }

    @Test("Another company, which claims no issuer, leaves the tokens of those that were there")
    func anotherCompany() throws {
        #expect(try kept(authority(isMore: true, generation: 2)) == (true, true, false))
    }

    @Test("Attack: what an older generation has found does not come back")
    func older() throws {
        let cache = Cached(capacity: 8, seed: 5)
        cache.insert(viewer(company: "globex"), for: Self.tokens.globex, 1)
        cache.move(from: try authority(generation: 2), to: try authority(acme: 9, generation: 3))
        #expect(!cache.holds(Self.tokens.globex, 3))
    }
}

@Suite("Companies by the thousand")
struct ManyCompaniesTests {
    private static func authority(_ companies: [Company]) -> TokenAuthority {
        TokenAuthority(
            companies: companies,
            publicURL: TokenAuthorityTests.url,
            claimNames: ClaimNames(),
            appliesTo: .registrations,
            maxSize: 8192,
            generation: 1
        )
    }

    private static let claims = [
        JSONMember("sub", .string("u")), JSONMember("eventId", .string("launch")), TokenAuthorityTests.exp,
    ]

    @Test("Each token finds its own company among many, by its id or by its issuer")
    func found() throws {
        let companies = try (0..<300).map { number in
            let key = try Key.secret(
                Array("a secret of company number \(number) \(number + 1000)".utf8),
                algorithm: .hs256,
                id: nil
            )
            return Company(
                id: "c\(number)",
                keys: [key],
                issuers: number % 2 == 0 ? ["https://c\(number).example"] : []
            )
        }
        let authority = Self.authority(companies)
        for number in [0, 1, 150, 299] {
            let company = companies[number]
            let name =
                company.issuers.first.map { JSONMember("iss", .string($0)) }
                ?? JSONMember("companyId", .string(company.id))
            let claims = [name] + Self.claims
            let token = Array(try Token.sign(claims, type: "JWT", with: company.keys[0]).utf8)
            let viewer = try authority.viewer(for: token.span)
            #expect(viewer.company == company.id)
        }
    }

    @Test("A token that names nobody belongs to the only company that need not be named, however many others there are")
    func unnamed() throws {
        func company(_ id: String, _ fill: UInt8, mustBeNamed: Bool) throws -> Company {
            Company(id: id, keys: [try TokenAuthorityTests.key(fill)], mustBeNamed: mustBeNamed)
        }
        func outcome(_ companies: [Company]) throws -> TokenFault? {
            try TokenAuthorityTests.fault(Self.claims, type: "JWT", by: Self.authority(companies))
        }
        let file = try company("acme", 1, mustBeNamed: false)
        let more = try [company("globex", 2, mustBeNamed: true), company("initech", 3, mustBeNamed: true)]
        #expect(try outcome([file] + more) == nil)
        #expect(try outcome([company("acme", 1, mustBeNamed: true)]) == .company)
        #expect(try outcome([file, company("globex", 2, mustBeNamed: false)]) == .company)
    }
}
