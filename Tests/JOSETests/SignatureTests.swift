import Basics
import Testing

@testable import JOSE

struct SignatureTests {
    @Test("A key verifies its own signatures, and another key of its kind does not", arguments: Algorithm.allCases)
    func roundTrip(_ algorithm: Algorithm) throws {
        let key = try Key.generate(algorithm, id: "k")
        let other = try Key.generate(algorithm, id: "k")
        let text = try Token.sign([JSONMember("exp", .number(1_800_000_000))], type: "embed+jwt", with: key)
        #expect(fault(of: bytes(text), with: [key]) == nil)
        #expect(fault(of: bytes(text), with: [other]) == .signature)
        #expect(fault(of: bytes(text), with: [other, key]) == nil)
        let token = try Token(bytes(text))
        #expect(token.type == "embed+jwt")
        #expect(token.keyID == "k")
        #expect(token.algorithm == algorithm)
        for length in [0, 1, 63, 64, 65, 1000, 100_000] {
            let message = [UInt8](repeating: 0x61, count: length)
            let signature = try key.sign(message)
            #expect(key.verifies(signature, of: message))
            #expect(!key.verifies(signature, of: message + [0]))
        }
    }

    @Test("No single bit of a token can be changed", arguments: Keys.ofEachFamily)
    func everyBit(_ key: Key) throws {
        let token = bytes(try Token.sign([JSONMember("exp", .number(1_800_000_000))], type: nil, with: key))
        #expect(fault(of: token, with: Keys.all) == nil)
        for index in token.indices {
            for bit in 0..<8 {
                var tampered = token
                tampered[index] ^= 1 << UInt8(bit)
                #expect(fault(of: tampered, with: Keys.all) != nil, "byte \(index), bit \(bit)")
            }
        }
    }

    @Test("A token cut anywhere is refused")
    func everyPrefix() {
        let token = bytes(honestToken)
        for length in 0..<token.count {
            #expect(fault(of: Array(token.prefix(length)), with: Keys.all) != nil)
            #expect(fault(of: Array(token.suffix(length)), with: Keys.all) != nil)
        }
    }

    @Test("A kid chooses, then keys without an id; without a kid the first three of the algorithm are tried")
    func choice() throws {
        func secret(_ letter: Character, _ id: String?) throws -> Key {
            try Key.secret(bytes(String(repeating: letter, count: 32)), algorithm: .hs256, id: id)
        }
        let (a, b, c, d) = (try secret("a", "a"), try secret("b", "b"), try secret("c", "c"), try secret("d", nil))
        let named = bytes(try Token.sign([JSONMember("exp", .number(1_800_000_000))], type: nil, with: b))
        #expect(fault(of: named, with: [a, c, b]) == nil)
        #expect(fault(of: named, with: [a, c]) == .unknownKey)
        #expect(fault(of: named, with: [a, try secret("b", nil)]) == nil)
        #expect(fault(of: named, with: [a, d]) == .signature)
        #expect(fault(of: named, with: [try secret("a", "b"), b]) == nil)
        let unnamed = bytes(try Token.sign([JSONMember("exp", .number(1_800_000_000))], type: nil, with: d))
        #expect(fault(of: unnamed, with: [a, b, d]) == nil)
        #expect(fault(of: unnamed, with: [Keys.rs256, Keys.es256, a, b, d]) == nil)
        #expect(fault(of: unnamed, with: [a, b, c, d]) == .signature)
        #expect(fault(of: unnamed, with: [Keys.rs256]) == .algorithm)
    }

    @Test("One key serves many threads at once")
    func threads() async throws {
        let message = bytes("message")
        let signatures = try Keys.all.map { try $0.sign(message) }
        let wrong = bytes("another")
        let results = await withTaskGroup(of: Bool.self) { group in
            for worker in 0..<8 {
                group.addTask {
                    (0..<40).allSatisfy { round in
                        let index = (worker + round) % Keys.all.count
                        let key = Keys.all[index]
                        return key.verifies(signatures[index], of: message)
                            && !key.verifies(signatures[index], of: wrong)
                            && (try? key.sign(message)) != nil
                    }
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(results.count == 8 && results.allSatisfy { $0 })
    }

    @Test("MACs and hashes match RFC 4231 and FIPS 180-4")
    func digests() {
        let data = bytes("what do ya want for nothing?")
        let code = MACKey(bytes("Jefe")).code(for: data.span)
        #expect(encoded(code) == "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM")
        #expect(encoded(SHA256.hash(bytes("abc"))) == "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0")
        #expect(encoded(SHA256.hash([])) == "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU")
        let key = MACKey(bytes("Jefe"))
        let nothing: [UInt8] = []
        let empty = key.code(for: nothing.span)
        #expect(empty.count == 32 && empty != code)
        let comparisons = [
            equalInConstantTime(code.span, code.span), equalInConstantTime(code.span, empty.span),
            equalInConstantTime(code.span, code.span.extracting(..<31)),
            key.verifies(code.span, of: data.span), key.verifies(empty.span, of: data.span),
            key.verifies(code.span.extracting(..<16), of: data.span),
        ]
        #expect(comparisons == [true, false, false, true, false, false])
    }

    /// Made with `openssl dgst -sigopt rsa_padding_mode:pss` and the private half of ``KeyFixtures/rsa``.
    static let pss: [(String, Bool, String)] = [
        (
            "a salt of 32 bytes", true,
            """
            DGr2Q_oYy7ycheXiOkNs731PQZNUM-YCaXYOD_OoTqro319j_5jacghEU3pEL3hPUgCwY-ltE-24yaQGkdBiCsK3fwZRk9UFymIL\
            MgVLaqz8eKSFQ1vvGY8XTrJUiZkRlJia47aKQn3Kf5ybeDv3vhCw0y1qnr9zcfk1A0_Xdxf9TcV7Ebr4wiczcJvNNJUc0HKPx2gI\
            o50sGCQ72_w2z3hcHJGl9EFtyAvxIrx8eMF3pLV_CWE6aXO9MGHcOT9fkMeSsbKb56hMmtS3BtmmvasFz6ulvO7tbvGQQ-gkhcqS\
            HIqpQ84cH-oCi_ITjz8_X1r9l9PX6cwFTHdZjNt_4A
            """
        ),
        (
            "a salt of 20 bytes", false,
            """
            P8c_SPS79f1wQzXGB6esRHVHfi7oohNqmurdFKvFb2AU73qWdzSkq8deqTpeM6ivN2qZpeSpU5NRSPjj85B0LlxAvgcmvgcq0Zoy\
            kQ7DG1NZJCokjUxrdDu18uzvYLvy-H-_JIpYrstuUlPlQS59tdCb3vrNgYIPL3MbOmXZ324F2NDTQ35GV9dQ1ByzQbfFi1_nWdQ_\
            f9SiMqItmEYI11GfEA_oYYI6xca1c3dTMwTkvRVs0uUtifnIJFQYYMroGVT5UyvMD06grfb7W98B9St5puhnUZcLPPIALJfRzCQ3\
            u5YHjiqeV5niwatuXRKY3pMlEf18BV_GOuxo-emJuA
            """
        ),
        (
            "no salt", false,
            """
            EiLVww6MZj3yMAAmjEFz94e7LaDWz7x7K88BI1835ki3UXlw4l_tryx9LS5GZSaRORBUvFwdQl2E38dYIKOtwFZ14J5gjXFvevlb\
            0eW6JHToTZTOdXqiwMF57ylM9FaHHGQ6M3qO9MZaJFILFJhLkPXaUoIsKPIumlnCqvAARSzOR3Pp4N6RCHm0-7AdVEjomFy5A47I\
            7krPYzBagtBCuEFC3H3ilPRldpEI6nzy9_ydqd19gH3lLkiP9YhHhdviaIGq6pK3fOBq7rQF9ORkMk93y0ANsnpF4Mi1zhYDpVs5\
            maLL5nt8bt0BB1Qi5Cqd1OxAfvrXts4KjnZHDfWXXg
            """
        ),
        (
            "the longest salt", false,
            """
            UFENyCVwyQmivtyb9_z1xBcQUEBVoMbC8lk62LE0V6sbCG1MXDpy0aMbqhSyd-PYZxtlKvuFxfijlfz3ZxWpTT1OGT9IE7IBN0Xd\
            Gc2cvCwu-gtQ7z5_UVSa0ZnvlOIZgjK8zFXukjUTI4fB7n-M1pm4l1Ej5tkBaYnT0q8TfJ7IcuajDiqlAF807sq-CMm5KOrkrX96\
            TyEug7wwnqJOy6rWYN2BaT9xqIVgiwuT_U1ih7tzfW3k6tdnf0qCw66-iPX1LDSd__fwuHO-Qb3YstPOMC6xw-e__Qnb_c-zdS8w\
            bedCCkC6kOLcME0WwKPoKN4Xam_K_DWvOY8GkiRueg
            """
        ),
        (
            "SHA-1 in the mask", false,
            """
            jRlYZkPOBXhZRgf0UhVrtv5ZYYfZ94hLSIaBlCBVcMgIjKd4IxzxLjaOw_4FF9lr1AvUfIm4XJykLKQXoHpcDlJ3oWBD-IyDi1Pe\
            _P4FyTdVoWWU164GembOhGVPwaJ8aReuqXaYW0cIwf0zubp0W6GsHlhr0zlFG_MMvkkBkrlwD7g1DjBii0nFK5kXM4DVUOTQfA8e\
            posUPf-U1VH1WOhYucJbd0h7x8PWeBABSgtsfb6NSizRz4rjK8p8Ehm1WRm7uXFRrQ3d2sgnbIgcJSuoIXCEH2c3ZLVzPFf9EUm9\
            4suTT2Un_AxN3XuUaL4PPQGubx30GXDhVUwve1YWtA
            """
        ),
    ]

    @Test("RSASSA-PSS accepts only a salt as long as the digest, and the same digest in the mask", arguments: pss)
    func salt(_ form: String, _ isGood: Bool, _ signature: String) throws {
        let key = try Key.pem(bytes(KeyFixtures.rsa), algorithm: .ps256, id: nil)
        #expect(key.verifies(try #require(decoded(signature)), of: bytes("message")) == isGood)
    }

    @Test("Zero halves and other lengths do not reach OpenSSL")
    func halves() {
        let zero = [UInt8](repeating: 0, count: 32)
        let one: [UInt8] = zero.dropLast() + [1]
        func der(_ signature: [UInt8]) -> [UInt8]? { ECDSASignature.der(fromJWS: signature.span, half: 32) }
        #expect(der(one + one) == [0x30, 6, 2, 1, 1, 2, 1, 1])
        let refused: [[UInt8]] = [zero + one, one + zero, zero + zero, one, one + one + [0], []]
        for signature in refused {
            #expect(der(signature) == nil)
        }
    }
}

struct MutationTests {
    /// SplitMix64: the same mutations every time.
    struct Generator {
        var state: UInt64
        mutating func next(_ bound: Int) -> Int {
            state &+= 0x9E37_79B9_7F4A_7C15
            var z = state
            z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
            return Int((z ^ (z >> 31)) % UInt64(bound))
        }
    }

    @Test("Twenty thousand mutated tokens end in a refusal", arguments: [1, 2, 3, 4])
    func tokens(_ seed: Int) throws {
        var random = Generator(state: UInt64(seed))
        // Only the fast algorithms: the others differ in the last step only.
        let honest = try [Keys.hs256, Keys.rs256, Keys.eddsa].map { key in
            bytes(try Token.sign([JSONMember("exp", .number(1_800_000_000))], type: "JWT", with: key))
        }
        for _ in 0..<5000 {
            var token = honest[random.next(honest.count)]
            for _ in 0...random.next(4) { mutate(&token, &random) }
            guard !honest.contains(token) else { continue }
            #expect(fault(of: token, with: Keys.all) != nil)
        }
    }

    /// Here the signature is made after the mutation, so the parsers see every one.
    @Test("Mutated headers and claims with valid signatures never crash the process", arguments: [5, 6])
    func texts(_ seed: Int) {
        var random = Generator(state: UInt64(seed))
        var accepted = 0
        for _ in 0..<5000 {
            var header = bytes(#"{"alg":"HS256","kid":"hs","typ":"JWT","x":["\ud83d\ude00",-1.5e3]}"#)
            var claims = bytes(goodClaims)
            if random.next(2) == 0 { mutate(&header, &random) } else { mutate(&claims, &random) }
            if fault(of: bytes(signed(header, claims, by: Keys.hs256)), with: Keys.all) == nil { accepted += 1 }
        }
        #expect(accepted > 0 && accepted < 5000)
    }

    private func mutate(_ text: inout [UInt8], _ random: inout Generator) {
        guard !text.isEmpty else { return }
        let at = random.next(text.count)
        switch random.next(6) {
        case 0: text[at] ^= 1 << UInt8(random.next(8))
        case 1: text[at] = UInt8(random.next(256))
        case 2: text.remove(at: at)
        case 3: text.insert(UInt8(random.next(256)), at: at)
        case 4: text.removeSubrange(at..<min(text.count, at + random.next(16)))
        default:
            text.insert(
                contentsOf: text[at..<min(text.count, at + random.next(16))],
                at: random.next(text.count)
            )
        }
    }
}
