import Basics

/// The pages of the company's site.
struct PortalPage {
    let company: DemoCompany
    let person: DemoPerson?

    /// Who to sign in as.
    func signIn() -> String {
        let people = DemoPerson.all.map { person in
            """
            <li><form method="post" action="/sign-in">
            <button name="person" value="\(person.id)"><strong>\(escaped(person.name))</strong><span>\(escaped(person.role))</span></button>
            </form></li>
            """
        }
        return page(
            "Sign in",
            """
            <main class="narrow">
            <h1>Who are you?</h1>
            <p>This is the site of Acme, a company that shows live events. Its sign-in is the only one: the events come from
            another server, behind the gateway, in a frame.</p>
            <ul class="cards">\(people.joined(separator: "\n"))</ul>
            </main>
            """
        )
    }

    /// The events that the control API lists.
    func events(_ events: [PortalEvent], mistakes: [DemoLink]) -> String {
        let items = events.map { event in
            """
            <li><a href="\(event.path)"><strong>\(escaped(event.name))</strong>
            <span>\(event.kind == .networking ? "Networking hub" : "Event"), \(time(event.startDate)) to \(time(event.endDate))</span></a></li>
            """
        }
        let links = mistakes.map { link in
            """
            <li><a href="\(escaped(link.address))" target="_blank" rel="noreferrer"><strong>\(escaped(link.title))</strong>
            <span>\(escaped(link.expectation))</span></a></li>
            """
        }
        return page(
            "Events",
            """
            <main class="narrow">
            <h1>Live and upcoming</h1>
            <ul class="cards">\(items.joined(separator: "\n"))</ul>
            <h2>What the gateway refuses</h2>
            <ul class="cards">\(links.joined(separator: "\n"))</ul>
            </main>
            """
        )
    }

    /// An event in a frame, beside what the gateway decides and the code that has made the address.
    func event(_ event: PortalEvent, address: String, as person: DemoPerson) -> String {
        let code = PortalCode(company: company, event: event, person: person)
        let second =
            person.isGuest
            ? """
            <form method="post" action="\(event.path)/elsewhere"><button>Join on a second device</button></form>
            <p>One session for each registration: the second join ends this one. Or open this page in another browser.</p>
            """
            : "<p>\(escaped(person.name)) is a user of this site, without a registration: any number of devices may join.</p>"
        return page(
            event.name,
            """
            <main class="wide">
            <section>
            <h1>\(escaped(event.name))</h1>
            <iframe id="event" src="\(escaped(address))" title="\(escaped(event.name))" allow="camera; microphone; autoplay; fullscreen; display-capture"></iframe>
            <div class="actions">\(second)</div>
            \(person.id == DemoPerson.host.id ? audience(of: event) : "")
            </section>
            <aside>
            <section>
            <h2>What the gateway decides</h2>
            <p class="legend"><b>join</b> begins a session, <b>admit</b> goes on with one, <b>refuse</b> keeps out. <b>public</b> needs nobody, and
            <b>backend</b> is this site’s own server.</p>
            <ol id="decisions" aria-live="polite"><li class="empty">Nothing yet.</li></ol>
            </section>
            <section>
            <h2>The code that made the frame’s address</h2>
            <div class="tabs" role="group" aria-label="Language"><button type="button" data-code="curl" aria-pressed="true">curl</button><button type="button" data-code="node" aria-pressed="false">Node</button><button type="button" id="copy">Copy</button></div>
            <pre id="curl" tabindex="0">\(escaped(code.curl))</pre>
            <pre id="node" tabindex="0" hidden>\(escaped(code.node))</pre>
            </section>
            </aside>
            </main>
            """
        )
    }

    /// What a host sees besides: who is there.
    private func audience(of event: PortalEvent) -> String {
        """
        <section id="audience" data-list="\(event.path)/sessions">
        <h2>Who is there</h2>
        <p>You present this event, so the gateway made you its host. Your token says nothing of it. Make others presenters, and
        they are hosts from their next request on.</p>
        <table><thead><tr><th scope="col">Name</th><th scope="col">Role</th><th scope="col">Since</th><th scope="col"><span class="hidden">Actions</span></th></tr></thead><tbody></tbody></table>
        <template><form method="post"><input type="hidden" name="email"><button></button></form></template>
        </section>
        """
    }

    /// Says that something went wrong.
    func failure(_ title: String, _ detail: String) -> String {
        page(
            title,
            "<main class=\"narrow\"><h1>\(escaped(title))</h1><p>\(escaped(detail))</p><p><a href=\"/\">All events</a></p></main>"
        )
    }

    private func page(_ title: String, _ body: String) -> String {
        let account = person.map { person in
            """
            <form class="account" method="post" action="/sign-out"><span>\(escaped(person.name))</span> <button>Sign out</button></form>
            """
        }
        return """
            <!doctype html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>\(escaped(title)) – Acme</title>
            <link rel="icon" href="/assets/mark.svg">
            <link rel="stylesheet" href="/assets/portal.css">
            <script src="/assets/portal.js" defer></script>
            </head>
            <body>
            <header><a href="/"><img src="/assets/mark.svg" alt="" width="28" height="28"> Acme</a>\(account ?? "")</header>
            \(body)
            </body>
            </html>

            """
    }

    /// Shown in the time zone of the browser by the page's script.
    private func time(_ moment: String?) -> String {
        moment.map { "<time datetime=\"\(escaped($0))\">\(escaped($0))</time>" } ?? "any time"
    }

    private func escaped(_ text: String) -> String { Markup.escaped(text) }
}
