import Basics
import JOSE

/// A reason for which a request does not pass.
struct RefusalCase: Sendable, CustomStringConvertible {
    let name: String
    let target: String
    var fields: [String] = []
    let status: Int
    let code: String

    var description: String { name }

    private static func link(_ token: String, event: String = "e1") -> String { "/event/\(event)?token=\(token)" }

    private static func viewer(_ change: (inout Minter.Viewer) -> Void) -> String {
        var viewer = Minter.Viewer()
        // The table is made when the run of all tests begins, and used whenever it gets there.
        viewer.expires = Minter.now + 86_400
        change(&viewer)
        return Minter.acme.token(viewer)
    }

    /// A valid token with one byte of a part changed.
    private static func damaged(part: Int) -> String {
        var parts = Minter.acme.token().split(separator: ".").map(String.init)
        let first = parts[part].removeFirst()
        parts[part] = (first == "A" ? "B" : "A") + parts[part]
        return parts.joined(separator: ".")
    }

    private static func unsigned(_ algorithm: String) -> String {
        let header = Array(#"{"alg":"\#(algorithm)","kid":"acme-2026"}"#.utf8)
        let parts = Minter.acme.token().split(separator: ".")
        return "\(String(decoding: Base64URL.encode(header.span), as: UTF8.self)).\(parts[1])."
    }

    static let all: [RefusalCase] = [
        RefusalCase(name: "nothing", target: "/event/e1", status: 401, code: "token_missing"),
        RefusalCase(name: "nothing on a route for any viewer", target: "/x", status: 401, code: "token_missing"),
        RefusalCase(name: "an empty token", target: "/event/e1?token=", status: 401, code: "token_missing"),
        RefusalCase(name: "a word", target: link("hello"), status: 401, code: "token_invalid"),
        RefusalCase(name: "two parts", target: link("a.b"), status: 401, code: "token_invalid"),
        RefusalCase(name: "a damaged header", target: link(damaged(part: 0)), status: 401, code: "token_invalid"),
        RefusalCase(name: "damaged claims", target: link(damaged(part: 1)), status: 401, code: "token_invalid"),
        RefusalCase(name: "a damaged signature", target: link(damaged(part: 2)), status: 401, code: "token_invalid"),
        RefusalCase(name: "alg none", target: link(unsigned("none")), status: 401, code: "token_invalid"),
        RefusalCase(name: "alg HS512", target: link(unsigned("HS512")), status: 401, code: "token_invalid"),
        RefusalCase(
            name: "another company's key",
            status: 401,
            token: Minter(company: "acme", keyID: "globex-2026", secret: Minter.globex.secret).token()
        ),
        RefusalCase(
            name: "another company's key under our name",
            status: 401,
            token: Minter(company: "acme", keyID: "acme-2026", secret: Minter.globex.secret).token()
        ),
        RefusalCase(
            name: "an unknown company",
            status: 401,
            token: Minter(company: "initech", keyID: "acme-2026", secret: Minter.secret).token()
        ),
        RefusalCase(
            name: "no expiry",
            status: 401,
            token: viewer { $0.expires = nil }
        ),
        RefusalCase(
            name: "an API token",
            status: 401,
            token: viewer { $0.type = "api+jwt" }
        ),
        RefusalCase(
            name: "a token in Authorization",
            target: "/event/e1",
            fields: ["Authorization: Bearer a.b.c"],
            status: 401,
            code: "token_invalid"
        ),
        RefusalCase(
            name: "past its time",
            target: link(viewer { $0.expires = Minter.now - 60 }),
            status: 401,
            code: "token_expired"
        ),
        RefusalCase(
            name: "before its time",
            target: link(viewer { $0.notBefore = Minter.now + 43_200 }),
            status: 401,
            code: "token_not_yet_valid"
        ),
        RefusalCase(
            name: "two tokens",
            target: link(Minter.acme.token()),
            fields: ["Authorization: Bearer \(Minter.acme.token())"],
            status: 400,
            code: "token_conflict"
        ),
        RefusalCase(
            name: "two tokens in the query",
            target: link(Minter.acme.token()) + "&jwt=" + Minter.acme.token(),
            status: 400,
            code: "token_conflict"
        ),
        RefusalCase(
            name: "another event",
            target: link(Minter.acme.token(), event: "e2"),
            status: 403,
            code: "wrong_event"
        ),
        RefusalCase(
            name: "another event, by registration",
            target: link(Minter.acme.registration("r9"), event: "e2"),
            status: 403,
            code: "wrong_event"
        ),
    ]

    private init(name: String, status: Int, token: String) {
        self.init(name: name, target: Self.link(token), status: status, code: "token_invalid")
    }

    private init(name: String, target: String, fields: [String] = [], status: Int, code: String) {
        self.name = name
        self.target = target
        self.fields = fields
        self.status = status
        self.code = code
    }
}
