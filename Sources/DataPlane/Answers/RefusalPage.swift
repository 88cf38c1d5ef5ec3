import Admission
import Basics
import JOSE

/// The page that a viewer's browser shows for a refused request. It is small, accessible, follows the browser's light
/// or dark colours, and loads nothing from elsewhere.
struct RefusalPage {
    var title: String
    var detail: String
    let code: String
    /// Seconds since the active session joined.
    var activeFor: Int64?
    var requestID: String
    /// Where the "use it here" button posts to. `nil` if there is no button.
    var action: String?
    /// For a viewer whose browser blocks the cookie.
    var wayIn: WayIn?
    /// For a viewer who is early.
    var countdown: Countdown?
    /// Seconds until a vanished session frees its place. `nil` if the viewer does not wait for that.
    var freeIn: Int64?
    /// Whether the same address may work later.
    var offersRetry = false

    init(
        refusal: Refusal,
        activeFor: Int64? = nil,
        requestID: String,
        action: String? = nil,
        wayIn: WayIn? = nil
    ) {
        (title, detail, code) = (refusal.title, refusal.detail, refusal.code)
        self.activeFor = activeFor
        self.requestID = requestID
        self.action = action
        self.wayIn = wayIn
    }

    /// Makes the page of a plain HTTP status.
    init(status: Int, requestID: String) {
        let text = StatusText.of(status)
        (title, detail, code) = (
            Self.words(for: status)?.title ?? text.title, Self.words(for: status)?.detail ?? text.detail, text.code
        )
        self.requestID = requestID
    }

    /// What a viewer can do about a status that means little to most people.
    private static func words(for status: Int) -> (title: String, detail: String)? {
        switch status {
        case 400:
            (
                "This address does not work",
                "Part of it is missing, or something was added to it. Open the link again from where you got it."
            )
        case 403:
            ("Not from here", "Nothing is served to the network that you are in. Try another one.")
        case 404:
            ("There is nothing here", "Check the address, or open the link again from where you got it.")
        case 413:
            ("That is too much", "Send less at once.")
        case 429:
            ("Too many requests", "Too much was asked for from your network. Wait a moment, then reload the page.")
        case 431:
            (
                "Your browser sends too much",
                "Most often these are cookies: delete this site's cookies, then open the link again."
            )
        default: nil
        }
    }

    var html: [UInt8] {
        var parts = [
            "<p>\(Self.escaped(detail))</p>"
        ]
        if let activeFor { parts.append("<p>Active there for \(Self.duration(activeFor)).</p>") }
        if let freeIn {
            let time = Self.duration(freeIn + 59)
            parts.append("<p>If it is closed there already, this place is free in \(time) at most.</p>")
        }
        if let action {
            parts.append(
                "<form method=\"post\" action=\"\(Self.escaped(action))\"><button type=\"submit\">Use it here instead</button></form>"
            )
        }
        // An empty `href` is the page's own address.
        if offersRetry { parts.append("<p><a class=\"button\" href=\"\">Try again</a></p>") }
        if let countdown { parts.append(countdown.html) }
        if let wayIn { parts.append(wayIn.html) }
        parts.append("<p class=\"id\">\(code) · \(Self.escaped(requestID))</p>")
        return Self.page(title: title, body: parts.joined(separator: "\n"))
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
        button,a.button{font:inherit;color:inherit;text-decoration:none;display:inline-block;margin:0 .5rem .5rem 0;\
        padding:.6rem 1.2rem;border:1px solid;border-radius:.4rem;cursor:pointer}\
        [hidden]{display:none}\
        .id{overflow-wrap:anywhere;margin-top:2rem;font-size:.8rem;opacity:.7}
        """

    /// The style's SHA-256 as a content security policy writes it.
    static let styleHash = hash(of: style)

    /// The SHA-256 of an inline style or script as a content security policy writes it.
    static func hash(of text: String) -> String {
        String(decoding: Base64.encode(SHA256.hash(Array(text.utf8).span).span), as: UTF8.self)
    }

    static func duration(_ seconds: Int64) -> String {
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
