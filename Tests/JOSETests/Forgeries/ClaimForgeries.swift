@testable import JOSE

/// Tokens with a valid signature whose claims must not be trusted.
enum ClaimForgeries {
    static let all: [Forgery] = [texts, times, dates].flatMap { $0 }

    private static func token(_ claims: String) -> String {
        signed(#"{"alg":"HS256","kid":"hs"}"#, claims, by: Keys.hs256)
    }

    private static let texts: [Forgery] = rows([
        ("claims that are an array", "[]"), ("claims that are a string", "\"exp\""), ("claims that are null", "null"),
        ("claims that are a number", "1800000000"), ("claims that are empty", ""),
        ("claims cut short", "{\"exp\":1800000000"),
        ("nested token for claims", honestToken), ("duplicate exp", #"{"exp":1800000000,"exp":1}"#),
        ("duplicate exp, the good one last", #"{"exp":1,"exp":1800000000}"#),
        ("duplicate exp by an escape", #"{"exp":1800000000,"e\u0078p":1}"#),
        ("duplicate eventId", #"{"exp":1800000000,"eventId":"evt_1","eventId":"evt_2"}"#),
        ("duplicate eventId by an escape", #"{"exp":1800000000,"eventId":"evt_1","\u0065ventId":"evt_2"}"#),
        (
            "duplicate eventId, spelt in full",
            #"{"exp":1800000000,"\u0065\u0076\u0065\u006e\u0074\u0049\u0064":"a","eventId":"b"}"#
        ),
        ("duplicate sub", #"{"exp":1800000000,"sub":"a","sub":"b"}"#),
        ("duplicate iss", #"{"exp":1800000000,"iss":"a","iss":"b"}"#),
        ("duplicate inside an object", #"{"exp":1800000000,"x":{"a":1,"a":2}}"#),
        ("garbage after the claims", goodClaims + "x"), ("zero byte after the claims", goodClaims + "\0"),
        ("two claim objects", goodClaims + goodClaims), ("claims after a BOM", "\u{FEFF}" + goodClaims),
        ("raw zero in a claim", "{\"exp\":1800000000,\"sub\":\"a\0b\"}"),
        ("raw tab in a claim", "{\"exp\":1800000000,\"sub\":\"\t\"}"),
        ("lone surrogate in a claim", #"{"exp":1800000000,"sub":"\udc00"}"#),
        ("comment in the claims", #"{"exp":1800000000}//"#),
        ("comma after the last claim", #"{"exp":1800000000,}"#), ("claims nested 17 deep", nested(16)),
        ("claims nested 1000 deep", nested(1000)),
        ("claims opened 4000 deep", "{\"x\":" + String(repeating: "[", count: 4000)),
        ("claims opened 2000 objects deep", String(repeating: "{\"\":", count: 1000)),
        ("300 claims", "{\"exp\":1800000000\((0..<300).map { ",\"\($0)\":0" }.joined())}"),
        ("a claim that is 1e400", #"{"exp":1800000000,"x":1e400}"#),
    ]).map { Forgery($0, .claims, token($1)) }

    private static func nested(_ depth: Int) -> String {
        "{\"exp\":1800000000,\"x\":\(String(repeating: "[", count: depth))\(String(repeating: "]", count: depth))}"
    }

    /// The entries of ``times`` that no JSON text contains, or that are numbers too large for a `Double`.
    private static let notJSON: Set = [
        "-1e400", "1e400", "NaN", "Infinity", "0x6b49d200", "01800000000", "+1800000000", ".5", "1.", "1e",
        "1_800_000_000",
        "1800000000n",
    ]

    /// Invalid times.
    private static let times: [Forgery] = ["exp", "nbf", "iat"].flatMap { (name: String) -> [Forgery] in
        [
            "\"1800000000\"", "\"\"", "\"never\"", "-1", "-1800000000", "-1e400", "1e400", "1e308", "9007199254740994",
            "1e20",
            "NaN", "Infinity", "0x6b49d200", "01800000000", "+1800000000", ".5", "1.", "1e", "null", "true", "false",
            "[]",
            "[1800000000]", "{}", "{\"$gt\":0}", "1_800_000_000", "1800000000n",
        ].map { (value: String) -> Forgery in
            let exp = name == "exp" ? "" : "\"exp\":1800000000,"
            let fault: TokenFault = notJSON.contains(value) ? .claims : .claim(name)
            return Forgery("\(name) that is \(value)", fault, token("{\(exp)\"\(name)\":\(value)}"))
        }
    }

    /// Valid times at the wrong moment; the clock reads ``now``, with five seconds of leeway.
    private static let dates: [Forgery] =
        [
            Forgery("no exp", .expiryMissing, token(#"{"sub":"user-1"}"#)),
            Forgery("no claims at all", .expiryMissing, token("{}")),
            Forgery("exp in capitals", .expiryMissing, token(#"{"EXP":1800000000}"#)),
            Forgery("exp with a zero behind it", .expiryMissing, token(#"{"exp\u0000":1800000000}"#)),
            Forgery("exp inside another claim", .expiryMissing, token(#"{"x":{"exp":1800000000}}"#)),
            Forgery("expired long ago", .expired, token(#"{"exp":1}"#)),
            Forgery("exp that is 0", .expired, token(#"{"exp":0}"#)),
            Forgery("exp that is -0", .expired, token(#"{"exp":-0}"#)),
            Forgery("exp that is 1e-400", .expired, token(#"{"exp":1e-400}"#)),
            Forgery("expired to the second", .expired, token(#"{"exp":1749999995}"#)),
            Forgery("expired by a fraction", .expired, token(#"{"exp":1749999995.999}"#)),
            Forgery("not yet valid by a second", .notYetValid, token(#"{"exp":1800000000,"nbf":1750000006}"#)),
            Forgery("not yet valid by a fraction", .notYetValid, token(#"{"exp":1800000000,"nbf":1750000005.001}"#)),
        ]
}
