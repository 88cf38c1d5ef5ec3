import Basics
import JOSE

extension ConsoleAnswer {
    /// What the browser lets a page do: show itself with our style and script, and send its forms to us. Nothing else may
    /// run, be loaded, or frame it, whatever gets into the page.
    private static let policy: [(name: String, value: String)] = [
        (
            "Content-Security-Policy",
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; form-action 'self'; "
                + "base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
        ),
        ("Referrer-Policy", "same-origin"), ("Cross-Origin-Opener-Policy", "same-origin"),
        ("Cross-Origin-Resource-Policy", "same-origin"), ("X-Frame-Options", "DENY"),
        ("Permissions-Policy", "camera=(), geolocation=(), microphone=()"),
    ]

    static func page(_ status: Int, _ html: HTML) -> ConsoleAnswer {
        ConsoleAnswer(status, fields: policy, type: "text/html; charset=utf-8", body: Array(html.text.utf8))
    }

    static func redirect(to path: String) -> ConsoleAnswer {
        ConsoleAnswer(303, fields: [("Location", path), ("Referrer-Policy", "same-origin")])
    }

    static func notAllowed(_ methods: String) -> ConsoleAnswer { ConsoleAnswer(405, fields: [("Allow", methods)]) }
}

/// Whether two texts are the same. Takes the same time for all texts of one length.
func equal(_ a: String, _ b: String) -> Bool { equalInConstantTime(a.utf8Span.span, b.utf8Span.span) }

/// The style and the script of the pages, each at an address that names its content.
struct Asset: Sendable {
    let path: String
    /// See [Subresource Integrity](https://www.w3.org/TR/SRI/).
    let integrity: String
    private let type: String
    private let text: String

    private init(_ name: String, _ type: String, _ text: String) {
        let hash = SHA256.hash(text.utf8Span.span)
        integrity = "sha256-" + String(decoding: Base64.encode(hash.span), as: UTF8.self)
        path = "/console/\(Hexadecimal.text(hash.prefix(8)))/\(name)"
        (self.type, self.text) = (type, text)
    }

    var answer: ConsoleAnswer {
        var answer = ConsoleAnswer(
            200,
            fields: [("Cross-Origin-Resource-Policy", "same-origin")],
            type: type,
            body: Array(text.utf8)
        )
        answer.caching = "private, max-age=31536000, immutable"
        return answer
    }

    static let style = Asset("console.css", "text/css; charset=utf-8", consoleStyle)
    static let script = Asset("console.js", "text/javascript; charset=utf-8", consoleScript)
}
