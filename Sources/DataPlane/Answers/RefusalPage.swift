import Admission
import Basics
import GatewayConfiguration
import JOSE

/// The page that a viewer's browser shows for a refused request or a fault, in the viewer's language.
///
/// It is small and accessible, follows the browser's light or dark colours, and loads nothing from elsewhere but the
/// company's logo if that is a URL.
struct RefusalPage {
    var topic: Topic
    let code: String
    var requestID: String
    /// Seconds since the active session joined.
    var activeFor: Int64?
    /// Where the "use it here" button posts to. `nil` if there is no button.
    var action: String?
    /// For a viewer whose browser blocks the cookie.
    var wayIn: WayIn?
    /// For a viewer who is let in at a time that is known.
    var countdown: Countdown?
    /// The viewer's company. `nil` if it is not known.
    var brand: PageBrand?
    /// The event, if the viewer belongs there.
    var event: EventNote?
    /// For a fault of ours.
    var retry: RetryNotice?
    /// For the page that embeds this one.
    var notice: FrameNotice?
    /// Whether the request can be sent again, so that the page may offer that.
    var isRepeatable = false

    init(_ topic: Topic, code: String, requestID: String) {
        (self.topic, self.code, self.requestID) = (topic, code, requestID)
    }

    /// Makes the page of a plain HTTP status.
    init(status: Int, requestID: String) {
        self.init(Topic(status: status), code: StatusText.of(status).code, requestID: requestID)
    }

    /// Before a countdown ends, only the viewer can free a place that is taken.
    private var offersRetry: Bool {
        isRepeatable && topic.remedy == .reload && (countdown == nil || topic == .refusal(.alreadyActive))
    }

    /// - Parameter language: a place among those of `pages`.
    func html(_ pages: Pages, in language: Int) -> [UInt8] {
        guard let layout = pages.layout(of: topic, in: language) else { return [] }
        let wording = pages.wordings[language]
        return layout.page { slot in
            switch slot {
            case .head: (brand?.head ?? "") + (retry?.refresh ?? "")
            case .brand: brand?.header ?? ""
            case .event: event?.html ?? ""
            case .more: more(wording)
            case .reference: "\(code) · \(Markup.escaped(requestID))"
            case .lang, .dir, .title, .detail: ""
            }
        }
    }

    /// Notes and buttons.
    private func more(_ wording: Wording) -> String {
        var parts: [String] = []
        if let activeFor {
            parts.append("<p>\(Markup.escaped(wording[.activeFor, wording.duration(activeFor)]))</p>")
        }
        if topic.retriesByItself, retry == nil { parts.append("<p>\(Markup.escaped(wording[.tryLater]))</p>") }
        func addRow(_ buttons: [String]) {
            if !buttons.isEmpty { parts.append("<div class=\"row\">\n\(buttons.joined(separator: "\n"))\n</div>") }
        }
        addRow(buttons(wording))
        if let retry { parts.append(retry.html(wording)) }
        if let countdown { parts.append(countdown.html(wording)) }
        if let wayIn { parts.append(wayIn.html(wording)) }
        if leadsBack { addRow(waysBack(wording)) }
        if hasBackButton { parts.append("<script>\(BackButton.script)</script>") }
        if let contact = brand?.contact(wording) { parts.append(contact) }
        if let notice { parts.append(notice.html(hasButton: asksForLink)) }
        if showsTime { parts.append("<script>\(LocalTime.script)</script>") }
        return parts.joined(separator: "\n")
    }

    /// To use the event here, and to try again. The first of them stands out.
    private func buttons(_ wording: Wording) -> [String] {
        var buttons: [String] = []
        if let action {
            let button = "<button type=\"submit\">\(Markup.escaped(wording[.useHere]))</button>"
            buttons.append("<form method=\"post\" action=\"\(Markup.escaped(action))\">\(button)</form>")
        }
        if offersRetry {
            let kind = buttons.isEmpty ? "button" : "button quiet"
            // An empty `href` is the page's own address.
            buttons.append("<a class=\"\(kind)\" href=\"\">\(Markup.escaped(wording[.tryAgain]))</a>")
        }
        return buttons
    }

    private var showsTime: Bool { event?.startsAt != nil || countdown?.moment != nil }

    /// To come back, to go back, and to the company's page. The last leads away from the event, so that it is quiet beside
    /// others.
    private func waysBack(_ wording: Wording) -> [String] {
        var buttons = asksForLink ? [FrameNotice.button(wording)] : []
        if hasBackButton { buttons.append(BackButton.html(wording)) }
        if let home = brand?.homeButton(wording, isQuiet: !buttons.isEmpty) { buttons.append(home) }
        return buttons
    }

    private var asksForLink: Bool { topic.needsLink && notice != nil }

    /// Who is let in again by and by is not led away.
    private var leadsBack: Bool { topic.remedy == .goBack && countdown == nil }

    /// The viewer's link may be on the page that the viewer came from.
    private var hasBackButton: Bool {
        leadsBack && (topic.needsLink || !(brand?.hasHome ?? false))
    }

    /// What the page may do, for `Content-Security-Policy`.
    func policy(_ pages: Pages) -> String {
        var policy = "default-src 'none'; style-src"
        for style in pages.template.styles { policy += " 'sha256-\(style)'" }
        if let style = brand?.styleHash { policy += " 'sha256-\(style)'" }
        if pages.template.styles.isEmpty, brand?.styleHash == nil { policy += " 'none'" }
        if let source = brand?.imageSource { policy += "; img-src \(source)" }
        policy += "; form-action 'self'; base-uri 'none'"
        var scripts = pages.template.scripts
        if countdown != nil { scripts.append(Countdown.scriptHash) }
        if retry != nil { scripts.append(RetryNotice.scriptHash) }
        if wayIn != nil { scripts.append(WayIn.scriptHash) }
        if notice != nil { scripts.append(FrameNotice.scriptHash(hasButton: asksForLink)) }
        if hasBackButton { scripts.append(BackButton.scriptHash) }
        if showsTime { scripts.append(LocalTime.scriptHash) }
        if !scripts.isEmpty { policy += "; script-src" }
        for script in scripts { policy += " 'sha256-\(script)'" }
        if retry != nil || wayIn != nil { policy += "; connect-src 'self'" }
        if wayIn?.silentWay != nil { policy += "; worker-src 'self'" }
        return policy
    }

    static let layout = """
        <!doctype html>
        <html lang="{{lang}}" dir="{{dir}}">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <title>{{title}}</title>
        <style>\(style)</style>
        {{head}}</head>
        <body>
        <main>
        {{brand}}<h1>{{title}}</h1>
        {{event}}<p>{{detail}}</p>
        {{more}}
        <p class="id" dir="ltr">{{reference}}</p>
        </main>
        </body>
        </html>

        """

    /// `--card` of the dark page.
    static let darkCard = PageColor(red: 0x17, green: 0x1b, blue: 0x22)

    private static let style = """
        :root{--page:#f3f4f6;--card:#fff;--text:#1a1d21;--quiet:#59606b;--line:#d5d9df;\
        --accent:#1d4ed8;--on-accent:#fff}\
        @media(prefers-color-scheme:dark){:root{--page:#0e1116;--card:#171b22;--text:#e8eaee;--quiet:#a3acb8;\
        --line:#333b47;--accent:#a5bdff;--on-accent:#0d1530}}\
        *{box-sizing:border-box}\
        body{margin:0;min-height:100vh;display:grid;place-items:center;padding:1rem;background:var(--page);\
        color:var(--text);font:1rem/1.5 system-ui,sans-serif}\
        main{width:100%;max-width:34rem;padding:clamp(1.25rem,6vw,2.5rem);background:var(--card);\
        border:1px solid var(--line);border-radius:.75rem;overflow-wrap:anywhere}\
        h1{font-size:1.5rem;line-height:1.25;margin:0 0 .75rem}\
        p,.row{margin:0 0 1rem}\
        .row{display:flex;flex-wrap:wrap;gap:.5rem}\
        button,a.button{font:inherit;font-weight:600;color:var(--on-accent);background:var(--accent);\
        text-decoration:none;display:inline-block;padding:.6rem 1.2rem;\
        border:1px solid transparent;border-radius:.4rem;cursor:pointer}\
        a.quiet,button.quiet{color:inherit;background:none;border-color:var(--quiet)}\
        .event strong{font-size:1.125rem}\
        .brand{margin:0 0 1.25rem;font-weight:600;color:var(--quiet)}\
        .brand img{display:block;max-width:min(12rem,100%);max-height:3.5rem}\
        a{color:inherit}\
        :focus-visible{outline:3px solid var(--text);outline-offset:3px}\
        [hidden]{display:none}\
        [role=timer]{font-variant-numeric:tabular-nums;font-weight:600}\
        .id{margin:1.5rem 0 0;padding-top:1rem;border-top:1px solid var(--line);font-size:.8rem;color:var(--quiet);\
        text-align:start}
        """

    /// The SHA-256 of an inline style or script as a content security policy writes it.
    static func hash(of text: String) -> String {
        String(decoding: Base64.encode(SHA256.hash(Array(text.utf8).span).span), as: UTF8.self)
    }
}
