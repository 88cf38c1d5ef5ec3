import Basics
import JOSE
import Testing

@testable import Admission

@Suite("What bad signatures from one address may cost")
struct SignatureAllowanceTests {
    private let limiter = SignatureAllowance.makeLimiter()
    private let keys: [Key]
    private let mac: Key
    private let authority: TokenAuthority

    init() throws {
        keys = try (0..<3).map { try Key.generate(.es384, id: "acme-\($0)") }
        mac = try TokenAuthorityTests.key(1)
        authority = TokenAuthority(
            companies: [
                Company(id: "acme", keys: [mac] + keys, audiences: ["us"]),
                Company(id: "globex", keys: keys, issuers: ["https://globex.example"]),
            ],
            publicURL: TokenAuthorityTests.url,
            claimNames: ClaimNames(),
            appliesTo: .registrations,
            maxSize: 8192,
            generation: 1
        )
    }

    private func allowance(_ address: UInt64 = 7, at now: Milliseconds = 0) -> SignatureAllowance {
        SignatureAllowance(limiter, address: address, now: now)
    }

    /// A token of a company that accepts "us" as audience; without a `kid` unless the key has one.
    private func token(_ key: Key, audience: String = "us", type: String? = nil) throws -> [UInt8] {
        bytes(try Token.sign(TokenAuthorityTests.claims([("aud", .string(audience))]), type: type, with: key))
    }

    private func fault(_ token: [UInt8], _ allowance: SignatureAllowance) -> TokenFault? {
        do throws(TokenFault) {
            _ = try authority.viewer(for: token.span, allowance: allowance)
            return nil
        } catch {
            return error
        }
    }

    @Test("Attack: bad ES384 signatures without kid, for three keys each, are checked for 25 ms a second")
    func flood() throws {
        let bad = try token(Key.generate(.es384, id: nil))
        for second: Milliseconds in 0..<3 {
            let faults = (0..<100).map { fault(bad, allowance(at: 100_000 + second * 1000 + $0)) }
            // 4.5 ms each.
            #expect(faults.prefix(6).allSatisfy { $0 == .signature })
            #expect(faults.dropFirst(6).allSatisfy { $0 == .unchecked })
            #expect(allowance(at: 100_000 + second * 1000 + 400).pause == 600)
        }
    }

    @Test("Attack: during such a flood MACs are checked, other addresses served, and key pairs' tokens a second later")
    func others() throws {
        let bad = try token(Key.generate(.es384, id: nil))
        let good = try token(keys[1])
        for _ in 0..<10 { _ = fault(bad, allowance()) }
        #expect(fault(good, allowance()) == .unchecked)
        #expect(fault(good, allowance(8)) == nil)
        #expect(fault(good, allowance(at: 1000)) == nil)
        #expect(fault(try token(mac), allowance()) == nil)
        #expect(fault(try token(TokenAuthorityTests.key(9)), allowance()) == .signature)
    }

    @Test("Valid tokens cost an address nothing, however many join from it")
    func good() throws {
        let good = try token(keys[2])
        for _ in 0..<30 { #expect(fault(good, allowance()) == nil) }
    }

    @Test("Attack: a good signature with refused claims is charged like a bad one")
    func claims() throws {
        let good = try token(keys[0], audience: "somebody else")
        let faults = (0..<40).map { _ in fault(good, allowance()) }
        #expect(faults.first == .audience && faults.last == .unchecked)
    }

    @Test("An unknown kid, and a kid of another company, are refused without any check")
    func unknownKey() throws {
        let unknown = try token(Key.generate(.es384, id: "somebody"))
        let named = bytes(
            try Token.sign(
                TokenAuthorityTests.claims([("iss", .string("https://globex.example")), ("companyId", nil)]),
                type: nil,
                with: Key.generate(.hs256, id: "acme-mac")
            )
        )
        let globex = TokenAuthority(
            companies: [Company(id: "globex", keys: keys, issuers: ["https://globex.example"])],
            publicURL: TokenAuthorityTests.url,
            claimNames: ClaimNames(),
            appliesTo: .registrations,
            maxSize: 8192,
            generation: 1
        )
        for _ in 0..<40 {
            let allowance = allowance()
            #expect(throws: TokenFault.unknownKey) { try globex.viewer(for: named.span, allowance: allowance) }
        }
        // Acme has a key without an id, which is not an ES384 key.
        for _ in 0..<40 { #expect(fault(unknown, allowance()) == .algorithm) }
        #expect(!allowance().isSpent)
    }

    @Test("Attack: tokens in our own form, which are also tried with verify-only keys, cost no more than others")
    func verifyingKeys() throws {
        let forged = try token(Key.generate(.es384, id: nil), type: "embed+jwt")
        let forgotten = try token(keys[1], type: "embed+jwt")
        #expect(fault(forgotten, allowance()) == .keyNotSignedBefore)
        for _ in 0..<10 { #expect(fault(forged, allowance()) == .algorithm) }
        #expect(allowance().isSpent)
        #expect(fault(forgotten, allowance()) == .algorithm)
        #expect(fault(forgotten, allowance(8)) == .keyNotSignedBefore)
        #expect(fault(try token(mac, type: "embed+jwt"), allowance()) == nil)
    }

    @Test(
        "Attack: on public routes, unchecked tokens are withheld from upstreams; tokens that nobody here signs are not"
    )
    func withheld() throws {
        func isWithheld(_ token: [UInt8]) -> Bool { authority.withholds(token.span, allowance: allowance()) }
        let bad = try token(Key.generate(.es384, id: nil))
        #expect(!isWithheld(bad))
        for _ in 0..<10 { _ = fault(bad, allowance()) }
        #expect(isWithheld(bad))
        #expect(!isWithheld(try token(Key.generate(.hs512, id: "theirs"))))
    }
}
