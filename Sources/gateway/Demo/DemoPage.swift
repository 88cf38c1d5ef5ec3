/// The pages of the demo's embed host.
enum DemoPage {
    /// An event's page for a viewer.
    ///
    /// - Parameter told: the identity headers that came with the request.
    static func event(_ event: String, told: [(name: String, value: String)]) -> String {
        func value(_ name: String) -> String? {
            told.first { $0.name.lowercased() == "x-gateway-" + name }?.value
        }
        let name = value("user-name").flatMap(percentDecoded) ?? value("user-id") ?? "nobody known"
        let role = value("role") ?? "attendee"
        let rows = told.map { "<tr><th scope=\"row\">\(escaped($0.name))</th><td>\(escaped($0.value))</td></tr>" }
        let note =
            role == "host"
            ? "You are host because the event lists you as a presenter. Your token says nothing of it."
            : "You are here because your token is good, and good for this event."
        return page(
            title: "Acme Live: \(event)",
            body: """
                <main class="event">
                <section class="stage" aria-label="Live">
                <img src="/assets/stage.svg" alt="A stage before an audience" width="960" height="540">
                <p id="state" class="state" role="status" data-state="connecting">connecting</p>
                <p id="clock" class="clock" aria-hidden="true">--:--:--</p>
                </section>
                <section id="notice" class="notice" hidden>
                <h2 id="notice-title"></h2>
                <p id="notice-detail"></p>
                <form method="post" action="/.gateway/take-over?to=/event/\(escaped(event))" hidden>
                <button type="submit">Use it here instead</button>
                </form>
                </section>
                <h1>\(escaped(event.prefix(1).uppercased() + event.dropFirst())) <span class="role" data-role="\(escaped(role))">\(escaped(role))</span></h1>
                <p>Welcome, <strong>\(escaped(name))</strong>. \(note)</p>
                <details>
                <summary>What the gateway told this embed host about you</summary>
                <table>\(rows.joined(separator: "\n"))</table>
                </details>
                </main>
                <script src="/assets/event.js"></script>
                """
        )
    }

    /// The page with the links to try.
    static func index(_ links: [DemoLink]) -> String {
        let items = links.map { link in
            """
            <li><a href="\(escaped(link.address))" target="_blank">\(escaped(link.title))</a>
            <p>\(escaped(link.expectation))</p></li>
            """
        }
        return page(
            title: "Embed Gateway demo",
            body: """
                <main>
                <h1>Embed Gateway demo</h1>
                <p>This page and the events are served by a small embed host. The gateway stands in front of it and decides who
                gets in. Copy a link into another browser to be somebody else.</p>
                <ul class="links">\(items.joined(separator: "\n"))</ul>
                </main>
                """
        )
    }

    private static func page(title: String, body: String) -> String {
        """
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>\(escaped(title))</title>
        <link rel="icon" href="/assets/mark.svg">
        <link rel="stylesheet" href="/assets/event.css">
        </head>
        <body>
        <header><img src="/assets/mark.svg" alt="" width="28" height="28"> Acme Live</header>
        \(body)
        </body>
        </html>

        """
    }

    /// Decodes percent-encoding. Returns `nil` if the result is not UTF-8.
    private static func percentDecoded(_ text: String) -> String? {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), let value = UInt8(String(rest.prefix(2)) ?? "", radix: 16) {
                bytes.append(value)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(validating: bytes, as: UTF8.self)
    }

    private static func escaped(_ text: String) -> String {
        var escaped = ""
        for character in text {
            switch character {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            default: escaped.append(character)
            }
        }
        return escaped
    }
}
