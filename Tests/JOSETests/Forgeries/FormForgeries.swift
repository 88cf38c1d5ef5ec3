@testable import JOSE

/// Tokens that are not exactly three parts of canonical base64url.
enum FormForgeries {
    static let all: [Forgery] = [parts, missing, sizes, inserted, spelling].flatMap { $0 }

    private static let (header, claims, signature) = honest

    private static let parts: [Forgery] = rows([
        ("nothing", ""), ("a dot", "."), ("a word", "token"), ("one part", header),
        ("two parts", "\(header).\(claims)"),
        ("two parts and no dot between", "\(header)\(claims).\(signature)"), ("four parts", honestToken + ".AAAA"),
        ("a dot more at the end", honestToken + "."), ("a dot more in front", "." + honestToken),
        ("two dots in the middle", "\(header)..\(claims).\(signature)"), ("three dots", "..."),
        ("ten thousand dots cut", String(repeating: ".", count: 8000)),
        (
            "a JWE of five parts",
            "eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0..48V1_ALb6US04U3b.5eym8TW_c8SuK0lt.XFBoMYUZodetZdvTiFvSkQ"
        ),
        ("the honest token in five parts", honestToken + ".AAAA.AAAA"), ("two tokens", honestToken + honestToken),
        ("two tokens with a comma", "\(honestToken),\(honestToken)"),
        (
            "JSON serialization",
            "{\"protected\":\"\(header)\",\"payload\":\"\(claims)\",\"signature\":\"\(signature)\"}"
        ),
        ("claims alone", goodClaims.replacing(".", with: "")),
    ]).map { Forgery("form: \($0)", .malformed, $1) }

    private static let missing: [Forgery] = [
        Forgery("form: two dots alone", .header, ".."),
        Forgery("form: no header", .header, ".\(claims).\(signature)"),
        Forgery("form: no claims", .claims, "\(header)..\(signature)"),
        Forgery("form: no signature", .signature, "\(header).\(claims)."),
        Forgery("form: detached claims, signed", .claims, signed("{\"alg\":\"HS256\"}", "", by: Keys.hs256)),
        Forgery(
            "form: JWE header in three parts",
            .algorithm,
            "eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0.\(claims).\(signature)"
        ),
    ]

    private static let sizes: [Forgery] = [
        Forgery(
            "1 MB of claims",
            .tooLarge,
            signed("{\"alg\":\"HS256\"}", "{\"x\":\"\(String(repeating: "x", count: 1_000_000))\"}", by: Keys.hs256)
        ),
        Forgery(
            "1 MB of brackets",
            .tooLarge,
            signed("{\"alg\":\"HS256\"}", String(repeating: "[", count: 1_000_000), by: Keys.hs256)
        ),
        Forgery("1 MB of dots", .tooLarge, String(repeating: ".", count: 1_000_000)),
        Forgery("1 MB of zero bytes", .tooLarge, [UInt8](repeating: 0, count: 1_000_000)),
        Forgery("a byte more than the limit", .tooLarge, String(repeating: "A", count: 8193)),
        Forgery("exactly the limit, of nothing", .malformed, String(repeating: "A", count: 8192)),
    ]

    /// One extra byte, at every place where a lenient reader drops it.
    private static let inserted: [Forgery] = rows([
        (" ", "space"), ("\n", "newline"), ("\r\n", "CR LF"), ("\t", "tab"), ("=", "padding"), ("\0", "zero byte"),
        ("%3D", "percent code"),
        ("\u{A0}", "no-break space"), ("\u{200B}", "zero-width space"), ("\u{FEFF}", "BOM"), ("\"", "quotation mark"),
    ]).flatMap { (extra: String, name: String) -> [Forgery] in
        let (start, end) = (header.prefix(9), header.dropFirst(9))
        let places = rows([
            ("in front", "\(extra)\(honestToken)"),
            ("at the end", "\(honestToken)\(extra)"),
            ("in the header", "\(start)\(extra)\(end).\(claims).\(signature)"),
            ("before the first dot", "\(header)\(extra).\(claims).\(signature)"),
            ("after the first dot", "\(header).\(extra)\(claims).\(signature)"),
            ("before the second dot", "\(header).\(claims)\(extra).\(signature)"),
            ("after the second dot", "\(header).\(claims).\(extra)\(signature)"),
        ])
        return places.map { Forgery("\(name) \($0)", .encoding, $1) }
    }

    /// Other spellings of the same bytes.
    private static let spelling: [Forgery] = {
        let text = #"{"alg":"HS256","kid":"hs"}"#
        // Neither length is a multiple of three, so that the last digits have unused bits.
        let padded = signed(text, goodClaims + "  ", by: Keys.hs256).split(separator: ".").map(String.init)
        func idle(_ part: String) -> String {
            let digits = bytes("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
            var changed = bytes(part)
            let last = digits.firstIndex(of: changed[changed.count - 1]) ?? 0
            changed[changed.count - 1] = digits[last | 1]
            return String(decoding: changed, as: UTF8.self)
        }
        return [
            Forgery("idle bits set in the signature", .encoding, "\(header).\(claims).\(idle(signature))"),
            Forgery(
                "idle bits set in the header",
                .encoding,
                [idle(padded[0]), padded[1], padded[2]].joined(separator: ".")
            ),
            Forgery(
                "idle bits set in the claims",
                .encoding,
                [padded[0], idle(padded[1]), padded[2]].joined(separator: ".")
            ),
            Forgery("signature padded", .encoding, honestToken + "="),
            Forgery("signature padded twice", .encoding, honestToken + "=="),
            Forgery("signature with one digit more", .encoding, honestToken + "AA"),
            Forgery("plus in the signature", .encoding, "\(header).\(claims).+\(signature.dropFirst())"),
            Forgery("slash in the signature", .encoding, "\(header).\(claims)./\(signature.dropFirst())"),
            Forgery("plus in the claims", .encoding, "\(header).+\(claims.dropFirst()).\(signature)"),
            Forgery("percent-encoded dot", .malformed, "\(header)%2E\(claims).\(signature)"),
            Forgery("full-width dot", .malformed, "\(header)\u{FF0E}\(claims).\(signature)"),
            Forgery(
                "byte 0x80 in the signature",
                .encoding,
                bytes("\(header).\(claims).") + [0x80] + bytes(signature).dropFirst()
            ),
            Forgery("byte 0xFF at the end", .encoding, bytes(honestToken) + [0xFF]),
            Forgery("with its scheme", .encoding, "Bearer " + honestToken),
            Forgery("in quotation marks", .encoding, "\"\(honestToken)\""),
            Forgery("with a fragment", .encoding, honestToken + "#x"),
            Forgery("with another parameter", .encoding, honestToken + "&token=x"),
            Forgery("in UTF-16", .encoding, bytes(honestToken).flatMap { [$0, 0] }),
        ]
    }()
}
