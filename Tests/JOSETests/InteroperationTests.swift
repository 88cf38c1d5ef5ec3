import Basics
import Foundation
import Testing

@testable import JOSE

/// Another implementation signs and we verify, and the reverse: [JWCrypto](https://jwcrypto.readthedocs.io), the Debian
/// package python3-jwcrypto, in one Python process for all cases.
struct InteroperationTests {
    struct Question: Encodable {
        /// A JWK for each of our tokens, with what it verifies.
        var ours: [Case] = []
    }

    struct Case: Codable {
        let algorithm: String
        let token: String
        /// The JWK or PEM to verify with.
        let key: String
        /// The signing keys, in PEM and as a JWK; only in their answer.
        var privateKeys: [String]?
    }

    struct Answer: Decodable {
        let verified: [Bool]
        let theirs: [Case]
    }

    @Test("Our tokens and keys are accepted there, and theirs here, for every algorithm")
    func bothWays() throws {
        var question = Question()
        for algorithm in Algorithm.allCases {
            let key = algorithm.isSymmetric ? nil : try Key.generate(algorithm, id: "k")
            let signer = try key ?? Key.secret(Keys.secret, algorithm: algorithm, id: "k")
            let token = try Token.sign(
                [JSONMember("exp", .number(1_800_000_000)), JSONMember("n", .string("é\u{1}😀"))],
                type: "JWT",
                with: signer
            )
            let jwk = key?.publicJWK?.serialized() ?? bytes(#"{"kty":"oct","k":"\#(encoded(Keys.secret))"}"#)
            question.ours.append(
                Case(algorithm: algorithm.rawValue, token: token, key: String(decoding: jwk, as: UTF8.self))
            )
            guard let key else { continue }
            for pem in [PublicForms.pem(of: key), try key.privatePEM()] {
                let pem = String(decoding: pem, as: UTF8.self)
                question.ours.append(Case(algorithm: algorithm.rawValue, token: token, key: pem))
            }
        }

        let answer = try Self.ask(question)
        #expect(answer.verified.count == question.ours.count)
        for (good, ours) in zip(answer.verified, question.ours) {
            #expect(good, "\(ours.algorithm) with \(ours.key.prefix(30))")
        }

        #expect(Set(answer.theirs.map(\.algorithm)) == Set(Algorithm.allCases.map(\.rawValue)))
        for theirs in answer.theirs {
            let algorithm = try #require(Algorithm(name: theirs.algorithm))
            let key = try Self.key(theirs.key, algorithm)
            #expect(
                fault(of: bytes(theirs.token), with: [key]) == nil,
                "\(theirs.algorithm) with \(theirs.key.prefix(30))"
            )
            for text in theirs.privateKeys ?? [] {
                let signer = try Self.key(text, algorithm)
                #expect(signer.canSign)
                let message = bytes("message")
                #expect(key.verifies(try signer.sign(message), of: message), "\(theirs.algorithm), \(text.prefix(30))")
            }
        }
    }

    private static func key(_ text: String, _ algorithm: Algorithm) throws -> Key {
        if text.hasPrefix("{") {
            return try #require(try Key.jwks(bytes(text)).first { $0.algorithm == algorithm })
        }
        return try Key.pem(bytes(text), algorithm: algorithm, id: nil)
    }

    private static func ask(_ question: Question) throws -> Answer {
        let python = Process()
        python.executableURL = URL(fileURLWithPath: "/usr/bin/python3")
        python.arguments = ["-c", peer]
        let (input, output) = (Pipe(), Pipe())
        python.standardInput = input
        python.standardOutput = output
        try python.run()
        try input.fileHandleForWriting.write(contentsOf: JSONEncoder().encode(question))
        try input.fileHandleForWriting.close()
        let answer = try output.fileHandleForReading.readToEnd() ?? Data()
        python.waitUntilExit()
        try #require(python.terminationStatus == 0, "python3 with jwcrypto: apt-get install python3-jwcrypto")
        return try JSONDecoder().decode(Answer.self, from: answer)
    }

    private static let peer = """
        import json, sys
        from jwcrypto import jwk, jws
        from cryptography.hazmat.primitives import serialization as form

        def read(text):
            return jwk.JWK.from_json(text) if text.startswith("{") else jwk.JWK.from_pem(text.encode())

        def good(case):
            token = jws.JWS()
            token.deserialize(case["token"])
            try:
                token.verify(read(case["key"]), case["algorithm"])
            except jws.InvalidJWSSignature:
                return False
            return json.loads(token.payload)["n"] == "\\u00e9\\u0001\\U0001f600"

        rsa = jwk.JWK.generate(kty="RSA", size=2048)
        keys = {}
        for bits, curve in (("256", "P-256"), ("384", "P-384"), ("512", "P-521")):
            keys["HS" + bits] = jwk.JWK.generate(kty="oct", size=512)
            keys["RS" + bits] = keys["PS" + bits] = rsa
            keys["ES" + bits] = jwk.JWK.generate(kty="EC", crv=curve)
        keys["EdDSA"] = jwk.JWK.generate(kty="OKP", crv="Ed25519")

        theirs = []
        for algorithm, key in keys.items():
            token = jws.JWS(json.dumps({"exp": 1800000000, "iat": 1700000000.25}))
            token.add_signature(key, algorithm, json.dumps({"alg": algorithm, "typ": "JWT"}))
            text = token.serialize(compact=True)
            if algorithm.startswith("HS"):
                theirs.append(dict(algorithm=algorithm, token=text, key=key.export()))
                continue
            secret = [key.export_to_pem(private_key=True, password=None).decode(), key.export()]
            if algorithm != "EdDSA":
                secret.append(key.get_op_key("sign").private_bytes(
                    form.Encoding.PEM, form.PrivateFormat.TraditionalOpenSSL, form.NoEncryption()).decode())
            theirs.append(dict(algorithm=algorithm, token=text, key=key.export_public(), privateKeys=secret))
            theirs.append(dict(algorithm=algorithm, token=text, key=key.export_to_pem().decode()))

        json.dump(dict(verified=[good(case) for case in json.load(sys.stdin)["ours"]], theirs=theirs), sys.stdout)
        """
}
