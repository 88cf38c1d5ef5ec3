import Basics

@testable import JOSE

/// Tokens whose header requests something forbidden, or can be read in two ways.
enum HeaderForgeries {
    static let all: [Forgery] = [
        extensions, keyChoice, ownSecret, kids, kidTypes, kidNames, typs, typNames, texts, encodings, widths,
    ].flatMap { $0 }

    private static func hs(_ header: String) -> String { signed(header, goodClaims, by: Keys.hs256) }

    private static let extensions: [Forgery] = [
        "\"crit\":[\"exp\"]", "\"crit\":[]", "\"crit\":[\"b64\"],\"b64\":false", "\"crit\":\"exp\"", "\"crit\":null",
        "\"crit\":[\"http://example.com/UNDEFINED\"],\"http://example.com/UNDEFINED\":true", "\"crit\":[\"alg\"]",
        "\"crit\":{}", "\"\\u0063rit\":[\"exp\"]", "\"b64\":false", "\"b64\":true", "\"b64\":0", "\"zip\":\"DEF\"",
        "\"zip\":null",
    ].map { (member: String) in
        Forgery("header with \(member)", .critical, hs("{\"alg\":\"HS256\",\"kid\":\"hs\",\(member)}"))
    }

    /// Headers that bring their own key (CVE-2018-0114), which is never read.
    private static let keyChoice: [Forgery] = {
        guard let own = try? Key.generate(.es256, id: nil), let jwk = own.publicJWK?.serialized() else {
            fatalError("no key for the attacker")
        }
        let key = String(decoding: jwk, as: UTF8.self)
        let certificate = encoded(PublicForms.der(of: own))
        let brought = rows([
            ("jwk", key), ("jwk that is private", key.replacing("{", with: "{\"d\":\"AQAB\",")),
            ("jku", "\"https://attacker.example/keys.json\""), ("jku at localhost", "\"http://127.0.0.1/keys\""),
            ("x5u", "\"https://attacker.example/cert.pem\""), ("x5u as a file", "\"file:///etc/passwd\""),
            ("x5c", "[\"\(certificate)\"]"), ("x5t", "\"\(certificate.prefix(27))\""),
            ("x5t#S256", "\"\(certificate.prefix(43))\""), ("keys", "[\(key)]"),
        ])
        return brought.flatMap { (name: String, value: String) -> [Forgery] in
            let member = name.split(separator: " ")[0]
            return [
                Forgery(
                    "embedded \(name), no kid",
                    .signature,
                    signed("{\"alg\":\"ES256\",\"\(member)\":\(value)}", goodClaims, by: own)
                ),
                Forgery(
                    "embedded \(name) under our kid",
                    .signature,
                    signed("{\"alg\":\"ES256\",\"kid\":\"es\",\"\(member)\":\(value)}", goodClaims, by: own)
                ),
            ]
        }
    }()

    private static let ownSecret: [Forgery] = {
        let secret = bytes("the attacker's secret")
        let header = "{\"alg\":\"HS256\",\"jwk\":{\"kty\":\"oct\",\"k\":\"\(encoded(secret))\"}}"
        return [Forgery("embedded jwk that is a secret", .signature, hmacSigned(secret, header))]
    }()

    private static let kids: [Forgery] =
        [
            "../../../../../../dev/null", "/dev/null", "/etc/passwd", "..\\\\..\\\\windows\\\\win.ini",
            "file:///dev/null",
            "https://attacker.example/key", "x' UNION SELECT 'AA", "' OR '1'='1", "hs'--", "; sleep 10", "|| id",
            "$(id)",
            "`id`", "%00", "hs\\u0000", "hs\\n", " hs", "hs ", "HS", "h", "hs2", "", "*", "%s%s%n", "${jndi:ldap://x}",
            "__proto__", "constructor", "\u{202E}sh", "hs\u{200B}", "0",
        ].map { (kid: String) -> Forgery in
            Forgery("kid \(kid)", .unknownKey, hmacSigned([0], "{\"alg\":\"HS256\",\"kid\":\"\(kid)\"}"))
        }

    private static let kidTypes: [Forgery] =
        ["1", "-1", "1e400", "null", "true", "[]", "[\"hs\"]", "{}", "{\"kid\":\"hs\"}"].map {
            (kid: String) -> Forgery in
            Forgery("kid that is \(kid)", .header, hs("{\"alg\":\"HS256\",\"kid\":\(kid)}"))
        }

    private static let kidNames: [Forgery] = [
        Forgery(
            "kid of 257 bytes",
            .header,
            hs("{\"alg\":\"HS256\",\"kid\":\"\(String(repeating: "k", count: 257))\"}")
        ),
        Forgery(
            "kid of 5000 bytes",
            .header,
            hs("{\"alg\":\"HS256\",\"kid\":\"\(String(repeating: "k", count: 5000))\"}")
        ),
        Forgery(
            "kid that Unicode calls equal to ours",
            .unknownKey,
            hs("{\"alg\":\"HS256\",\"kid\":\"\u{212A}1\"}"),
            keys: [Keys.again(Keys.es256, as: .es256, id: "K1")]
        ),
    ]

    private static let typs: [Forgery] =
        ["null", "1", "[]", "[\"JWT\"]", "{}", "false"].map { (typ: String) -> Forgery in
            Forgery("typ that is \(typ)", .header, hs("{\"alg\":\"HS256\",\"kid\":\"hs\",\"typ\":\(typ)}"))
        }

    private static let typNames: [Forgery] = [
        Forgery(
            "typ of 257 bytes",
            .header,
            hs("{\"alg\":\"HS256\",\"typ\":\"\(String(repeating: "t", count: 257))\"}")
        )
    ]

    private static let texts: [Forgery] = rows([
        ("header that is an array", #"["alg","HS256"]"#), ("header that is a string", #""HS256""#),
        ("header that is a number", "256"), ("header that is null", "null"), ("header that is empty", ""),
        ("header that is white space", " "), ("header cut short", #"{"alg":"HS256""#),
        ("duplicate alg, none last", #"{"alg":"HS256","alg":"none"}"#),
        ("duplicate alg, none first", #"{"alg":"none","alg":"HS256"}"#),
        ("duplicate alg, the same", #"{"alg":"HS256","alg":"HS256"}"#),
        ("duplicate alg by an escape", #"{"alg":"HS256","\u0061lg":"none"}"#),
        ("duplicate kid", #"{"alg":"HS256","kid":"x","kid":"hs"}"#),
        ("duplicate kid by an escape", #"{"alg":"HS256","kid":"x","k\u0069d":"hs"}"#),
        ("duplicate member deep inside", #"{"alg":"HS256","x":[{"a":1,"a":2}]}"#),
        ("two header objects", #"{"alg":"HS256"}{"alg":"none"}"#), ("garbage after the header", #"{"alg":"HS256"}x"#),
        ("zero byte after the header", "{\"alg\":\"HS256\"}\0"),
        ("zero byte before the header", "\0{\"alg\":\"HS256\"}"),
        ("comma after the last member", #"{"alg":"HS256",}"#), ("comment in the header", #"{/**/"alg":"HS256"}"#),
        ("single quotes", "{'alg':'HS256'}"), ("bare names", "{alg:\"HS256\"}"),
        ("header after a BOM", "\u{FEFF}{\"alg\":\"HS256\"}"),
        ("raw newline in a string", "{\"alg\":\"HS256\",\"x\":\"\n\"}"),
        ("raw zero in a string", "{\"alg\":\"HS256\0\"}"),
        ("lone surrogate in a name", #"{"alg":"HS256","\ud800":1}"#), ("bad escape", #"{"alg":"HS256","x":"\x41"}"#),
        ("number 1e400 in the header", #"{"alg":"HS256","x":1e400}"#),
        ("number 01 in the header", #"{"alg":"HS256","x":01}"#),
        (
            "header nested 17 deep",
            "{\"alg\":\"HS256\",\"x\":\(String(repeating: "[", count: 16))\(String(repeating: "]", count: 16))}"
        ),
        (
            "header nested 1000 deep",
            "{\"alg\":\"HS256\",\"x\":\(String(repeating: "[", count: 1000))\(String(repeating: "]", count: 1000))}"
        ),
        ("header nested 4000 deep, never closed", "{\"alg\":\"HS256\",\"x\":\(String(repeating: "[", count: 4000))"),
        ("header with 300 members", "{\"alg\":\"HS256\"\((0..<300).map { ",\"\($0)\":0" }.joined())}"),
        ("header under a form feed", "\u{0C}{\"alg\":\"HS256\"}"),
    ]).map { Forgery($0, .header, hs($1)) }

    /// Bytes that are not UTF-8.
    private static let broken: [(String, [UInt8])] = [
        ("a lone continuation byte", [0x80]), ("an overlong letter", [0xC1, 0xA1]),
        ("an overlong slash", [0xC0, 0xAF]),
        ("an overlong zero", [0xC0, 0x80]), ("a surrogate", [0xED, 0xA0, 0x80]), ("a cut sequence", [0xE2, 0x82]),
        ("five bytes", [0xF8, 0x88, 0x80, 0x80, 0x80]), ("past U+10FFFF", [0xF4, 0x90, 0x80, 0x80]), ("0xFF", [0xFF]),
    ]

    private static let encodings: [Forgery] = broken.flatMap { (name: String, text: [UInt8]) -> [Forgery] in
        let header: [UInt8] = bytes(#"{"alg":"HS256","x":""#) + text + bytes("\"}")
        let claims: [UInt8] = bytes(#"{"exp":1800000000,"sub":""#) + text + bytes("\"}")
        return [
            Forgery("UTF-8 error in the header: \(name)", .header, signed(header, bytes(goodClaims), by: Keys.hs256)),
            Forgery(
                "UTF-8 error in the claims: \(name)",
                .claims,
                signed(bytes(#"{"alg":"HS256"}"#), claims, by: Keys.hs256)
            ),
        ]
    }

    /// Headers in another encoding than UTF-8.
    private static let widths: [Forgery] = {
        let wide: [UInt8] = bytes(#"{"alg":"HS256"}"#).flatMap { [$0, 0] }
        let claims = bytes(goodClaims)
        return [
            Forgery("header in UTF-16", .header, signed(wide, claims, by: Keys.hs256)),
            Forgery("header in UTF-16 after a BOM", .header, signed([0xFF, 0xFE] + wide, claims, by: Keys.hs256)),
        ]
    }()
}
