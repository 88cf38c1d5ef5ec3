import Admission
import JOSE

/// What a viewer's browser shows when a request does not pass: small, readable by assistive technology, in the
/// browser's light or dark colours, and without anything from elsewhere.
struct RefusalPage {
    var refusal: Refusal
    /// Seconds since the session that is active joined.
    var activeFor: Int64?
    var requestID: String
    /// Where the button to use it here posts to; nothing: there is no such button.
    var action: String?
    /// The address of the event, for a link that opens it in a tab of its own.
    var here: String?

    var html: [UInt8] {
        var parts = [
            "<p>\(Self.escaped(refusal.detail))</p>"
        ]
        if let activeFor { parts.append("<p>Active there for \(Self.duration(activeFor)).</p>") }
        if let action {
            parts.append(
                "<form method=\"post\" action=\"\(Self.escaped(action))\"><button type=\"submit\">Use it here instead</button></form>"
            )
        }
        if refusal == .cookiesBlocked, let here {
            parts.append(
                "<p><a href=\"\(Self.escaped(here))\" target=\"_blank\" rel=\"noopener\">Open in a new tab</a></p>"
            )
        }
        parts.append("<p class=\"id\">\(refusal.code) · \(Self.escaped(requestID))</p>")
        return Self.page(title: refusal.title, body: parts.joined(separator: "\n"))
    }

    private static func page(title: String, body: String) -> [UInt8] {
        let text = """
            <!doctype html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>\(escaped(title))</title>
            <style>\(style)</style>
            </head>
            <body>
            <main>
            <h1>\(escaped(title))</h1>
            \(body)
            </main>
            </body>
            </html>

            """
        return Array(text.utf8)
    }

    private static let style = """
        :root{color-scheme:light dark}\
        body{margin:0;min-height:100vh;display:grid;place-items:center;font:1rem/1.5 system-ui,sans-serif}\
        main{max-width:32rem;padding:2rem}\
        h1{font-size:1.5rem;line-height:1.2;margin:0 0 1rem}\
        button{font:inherit;padding:.6rem 1.2rem;border:1px solid;border-radius:.4rem;cursor:pointer}\
        .id{margin-top:2rem;font-size:.8rem;opacity:.7}
        """

    /// The style's SHA-256 as a content security policy names it.
    static let styleHash: String = {
        let hash = SHA256.hash(Array(style.utf8).span)
        let text = Base64URL.encode(hash.span).map { byte in
            byte == UInt8(ascii: "-") ? UInt8(ascii: "+") : byte == UInt8(ascii: "_") ? UInt8(ascii: "/") : byte
        }
        return String(decoding: text, as: UTF8.self) + "="
    }()

    private static func duration(_ seconds: Int64) -> String {
        switch seconds {
        case ..<60: "less than a minute"
        case ..<120: "a minute"
        case ..<7200: "\(seconds / 60) minutes"
        default: "\(seconds / 3600) hours"
        }
    }

    static func escaped(_ text: String) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            case "'": escaped += "&#39;"
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }
}
