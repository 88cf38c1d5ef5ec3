import Basics

/// The pages of the demo's embed host.
enum DemoPage {
    /// An event's page for a viewer.
    ///
    /// - Parameters:
    ///   - path: of the event.
    ///   - told: the identity headers that came with the request.
    static func event(named event: String, path: String, told: [(name: String, value: String)]) -> String {
        func value(_ name: String) -> String? {
            told.first { $0.name.lowercased() == "x-gateway-" + name }?.value
        }
        let name = value("user-name").flatMap(percentDecoded) ?? value("user-id") ?? "nobody known"
        let role = value("role") ?? "attendee"
        let rows = told.map {
            "<tr><th scope=\"row\">\(Markup.escaped($0.name))</th><td>\(Markup.escaped($0.value))</td></tr>"
        }
        let note =
            role == "host"
            ? "You are host because the event lists you as a presenter. Your token says nothing of it."
            : "You are here because your token is good, and good for this event."
        return page(
            title: "Acme Live: \(event)",
            body: """
                <main class="event">
                <section id="notice" class="notice" hidden>
                <h2 id="notice-title"></h2>
                <p id="notice-detail"></p>
                <form method="post" action="/.gateway/take-over?to=\(Markup.escaped(path))" hidden>
                <button type="submit">Use it here instead</button>
                </form>
                </section>
                <section class="stage" aria-label="Live">
                <img src="/assets/stage.svg" alt="A stage before an audience" width="960" height="540">
                <p id="state" class="state" role="status" data-state="connecting">connecting</p>
                <p id="clock" class="clock" aria-hidden="true">--:--:--</p>
                </section>
                <h1>\(Markup.escaped(event)) <span class="role" data-role="\(Markup.escaped(role))">\(Markup.escaped(role))</span></h1>
                <p>Welcome, <strong>\(Markup.escaped(name))</strong>. \(note)</p>
                <details>
                <summary>What the gateway told this embed host about you</summary>
                <table>\(rows.joined(separator: "\n"))</table>
                </details>
                </main>
                <script src="/assets/event.js"></script>
                """
        )
    }

    /// The front page.
    static func index(site: String) -> String {
        page(
            title: "Acme Live",
            body: """
                <main>
                <h1>This is the embed host</h1>
                <p>Events run here. The gateway stands in front and decides who gets in. Viewers come from the company's own
                site: <a href="\(Markup.escaped(site))/">\(Markup.escaped(site))</a>.</p>
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
        <title>\(Markup.escaped(title))</title>
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
}
