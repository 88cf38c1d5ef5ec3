import Admission
import Basics
import Foundation
import GatewayConfiguration
import JOSE
import Testing

@testable import DataPlane

@Suite("The page for a refused viewer")
struct RefusalPageTests {
    private static let hostile = "\"'><script>alert(1)</script>&amp;"

    private func html(_ refusal: Refusal, _ change: (inout RefusalPage) -> Void = { _ in }) -> String {
        var page = RefusalPage(.refusal(refusal), code: refusal.code, requestID: "r1")
        change(&page)
        return text(page.html(.standard, in: 0))
    }

    private static let wayIn = WayIn(place: "/e?gateway-ticket=t", keep: "k", isSecondTry: false, isTopLevel: false)

    /// A page with all that one about this topic may have.
    private static func fullPage(_ topic: Topic) -> RefusalPage {
        var page = RefusalPage(topic, code: "code", requestID: "r1")
        page.isRepeatable = true
        if topic == .refusal(.alreadyActive) {
            (page.activeFor, page.countdown) = (7300, Countdown(left: 90_000, label: .freeIn))
        }
        if topic == .refusal(.alreadyActive) || topic == .refusal(.sessionReplaced) { page.action = "/a" }
        if [.refusal(.cookiesBlocked), .cookiesOff, .elsewhere].contains(topic) { page.wayIn = wayIn }
        if topic == .refusal(.notOpen) { page.countdown = Countdown(left: 1_000_000_000) }
        if topic == .refusal(.viewerRemoved) || topic == .refusal(.tokenNotYetValid) {
            page.countdown = Countdown(left: 1_000_000_000, label: .returnsIn, moment: 1_796_396_400_000)
        }
        if case .refusal(let refusal) = topic {
            page.notice = FrameNotice(
                SessionState(refusal, topic),
                code: refusal.code,
                event: "e",
                opensAt: refusal == .notOpen ? 1_796_396_400_000 : nil,
                origins: ["https://www.acme.example"]
            )
        } else {
            page.notice = .ofStranger(.refused, code: "code")
        }
        // The page with the way in does not name it.
        if page.wayIn == nil {
            page.event = EventNote(name: String(repeating: "e", count: 256), startsAt: 1_796_396_400_000)
        }
        if topic.retriesByItself { page.retry = RetryNotice(first: 5, random: 0) }
        page.brand = try? brand {
            $0.name = String(repeating: "n", count: 256)
            $0.logo = try PageImage([0xff, 0xd8, 0xff] + [UInt8](repeating: 0, count: 4093), of: "/logo.jpg")
            $0.accent = .black
            $0.contact = try PageContact(parsing: "https://h.example/" + String(repeating: "c", count: 238))
            $0.home = "https://h.example/" + String(repeating: "h", count: 494)
        }
        return page
    }

    @Test(
        "Text cannot break out of its place in the page",
        arguments: [
            ("", ""), ("plain", "plain"), ("<", "&lt;"), (">", "&gt;"), ("&", "&amp;"), ("\"", "&quot;"),
            ("'", "&#39;"),
            ("&lt;", "&amp;lt;"), ("a\u{301}<b", "a\u{301}&lt;b"), ("<\u{301}", "&lt;\u{301}"),
            ("\"\u{200d}", "&quot;\u{200d}"),
        ]
    )
    func escaping(_ raw: String, _ escaped: String) {
        #expect(Markup.escaped(raw) == escaped)
    }

    @Test("Attack: markup in the address, the id or the button's target stays text", arguments: Refusal.allCases)
    func injection(_ refusal: Refusal) {
        let page = html(refusal) {
            $0.requestID = Self.hostile
            $0.action = "/x?to=" + Self.hostile
            $0.wayIn = WayIn(place: "/y" + Self.hostile, keep: "k", isSecondTry: false, isTopLevel: false)
        }
        #expect(!page.contains("<script>alert"), "only ours")
        #expect(!page.contains("alert(1)</"))
        #expect(!page.contains("\"'>"))
        #expect(page.contains("&quot;&#39;&gt;&lt;script&gt;"))
    }

    @Test(
        "Every refusal has a page with its title, what to do, its code and the request's id",
        arguments: Refusal.allCases
    )
    func complete(_ refusal: Refusal) {
        let page = html(refusal)
        let words = English.words(on: .refusal(refusal))
        #expect(page.hasPrefix("<!doctype html>\n<html lang=\"en\" dir=\"ltr\">"))
        #expect(page.contains("<title>\(Markup.escaped(words.title))</title>"))
        #expect(page.contains("<h1>\(Markup.escaped(words.title))</h1>"))
        #expect(page.contains(Markup.escaped(words.detail)))
        #expect(page.contains("\(refusal.code) · r1"))
        #expect(page.contains("<meta name=\"color-scheme\" content=\"light dark\">"))
        #expect(!page.contains("<form"))
    }

    @Test("The page loads nothing from elsewhere", arguments: Refusal.allCases)
    func selfContained(_ refusal: Refusal) {
        let page = html(refusal) { $0.action = "/a" }
        for outside in ["http:", "https:", "src=", "url(", "@import", "<link", "<img", "style=\"", " on"] {
            let isThere = outside == " on" ? page.contains(#/ on[a-z]+=/#) : page.contains(outside)
            #expect(!isThere, "\(outside)")
        }
    }

    @Test("The button posts to its target, and the link opens a new tab only if cookies are blocked")
    func actions() {
        let button = "<form method=\"post\" action=\"/t?a&amp;b\"><button type=\"submit\">"
        #expect(html(.sessionReplaced) { $0.action = "/t?a&b" }.contains(button))
        let wayIn = WayIn(place: "/e?gateway-ticket=t", keep: "k", isSecondTry: false, isTopLevel: false)
        let page = html(.cookiesBlocked) { $0.wayIn = wayIn }
        #expect(page.contains("href=\"/e?gateway-ticket=t\" target=\"_blank\" rel=\"noopener\" data-keep=\"k\""))
        #expect(!html(.wrongEvent).contains("<a "))
        #expect(page.contains("<button class=\"quiet\" id=\"allow\""), "one button stands out")
        let own = html(.cookiesBlocked) {
            $0.wayIn = WayIn(place: "/e?gateway-ticket=t", keep: "k", isSecondTry: true, isTopLevel: true)
        }
        #expect(own.contains("href=\"/e?gateway-ticket=t\" data-keep=\"k\">Try again") && !own.contains("_blank"))
    }

    @Test("What may pass later can be retried, and the page says how long a place is kept")
    func retry() {
        #expect(
            html(.upstreamUnavailable) { $0.isRepeatable = true }.contains(
                "<a class=\"button\" href=\"\">Try again</a>"
            )
        )
        #expect(!html(.upstreamUnavailable).contains("Try again</a>"), "a form is not sent twice")
        #expect(!html(.wrongEvent) { $0.isRepeatable = true }.contains("Try again</a>"))
        let taken = html(.alreadyActive) {
            $0.countdown = Countdown(left: 2100, label: .freeIn)
            $0.isRepeatable = true
        }
        #expect(taken.contains("this place is free in <span id=\"left\" role=\"timer\" data-left=\"3\""))
        #expect(taken.contains("Try again</a>"), "it may be closed there any time")
        #expect(!html(.alreadyActive).contains("is free in"))
    }

    @Test(
        "The page says how long the other session has been active",
        arguments: [
            (0, "less than a minute"), (59, "less than a minute"), (60, "a minute"), (119, "a minute"),
            (120, "2 minutes"),
            (7199, "119 minutes"), (7200, "2 hours"), (90_000, "25 hours"),
        ]
    )
    func durations(_ seconds: Int64, _ words: String) {
        #expect(html(.alreadyActive) { $0.activeFor = seconds }.contains("Active there for \(words)."))
    }

    @Test("An early viewer sees how long it takes, and is let in by the Refresh field, not all at one moment")
    func countdown() throws {
        let page = html(.notOpen) { $0.countdown = Countdown(left: 89_500) }
        #expect(page.contains("<span id=\"left\" role=\"timer\" data-left=\"90\" "))
        #expect(page.contains("\">a minute</span>. This page then continues by itself."))
        let script = try #require(page.firstMatch(of: /<script>(.*?)<\/script>/.dotMatchesNewlines()))
        #expect(Countdown.scriptHash == Data(SHA256.hash(Array(script.output.1.utf8).span)).base64EncodedString())
        for (left, random, seconds) in [
            (89_001, 0, 90), (89_001, 3, 93), (89_001, 7, 93), (1, 0, 1), (0, 0, 1), (-5, 1, 2), (299_000, 3, 300),
            (86_400_000, 0, 300),
        ] as [(Int64, UInt64, Int64)] {
            #expect(Countdown(left: left).refreshTime(random: random) == seconds)
        }
    }

    @Test(
        "An event that is days away is not said to be nearer than it is",
        arguments: [
            (172_799, "47 hours"), (172_800, "2 days"), (176_400, "2 days and 1 hour"),
            (259_199, "2 days and 23 hours"), (8_640_000, "100 days"),
        ]
    )
    func days(_ seconds: Int64, _ words: String) {
        #expect(html(.notOpen) { $0.countdown = Countdown(left: seconds * 1000) }.contains(">\(words)</span>"))
    }

    @Test(
        "The policy allows the page's own style and scripts by their hashes, and no others",
        arguments: Topic.allCases
    )
    func policy(_ topic: Topic) throws {
        for page in [RefusalPage(topic, code: "code", requestID: "r1"), Self.fullPage(topic)] {
            let html = text(page.html(.standard, in: 0))
            let inline = html.matches(of: #/<(script|style)(?: [^>]*)?>(.*?)<\/\1>/#.dotMatchesNewlines()).map {
                "\($0.1)-src " + Data(SHA256.hash(Array($0.2.utf8).span)).base64EncodedString()
            }
            let allowed = page.policy(.standard).split(separator: "; ").flatMap { directive in
                let name = directive.prefix { $0 != " " }
                return directive.matches(of: #/'sha256-(.*?)'/#).map { "\(name) \($0.1)" }
            }
            #expect(Set(inline) == Set(allowed) && inline.count == allowed.count)
            #expect(page.policy(.standard).hasPrefix("default-src 'none'; "))
        }
    }

    @Test("A page with everything on it takes less than 12 KB in any language", arguments: Catalogue.standard.tags)
    func size(_ tag: String) throws {
        let language = try #require(Pages.standard.wordings.firstIndex { $0.tag == tag })
        for topic in Topic.allCases {
            let page = Self.fullPage(topic).html(.standard, in: language)
            #expect(page.count < 12_000)
            #expect(text(page).contains("<html lang=\"\(tag)\" dir=\"ltr\">"))
            #expect(!text(page).contains(#/\{\{/#), "a slot that nothing filled")
        }
    }

    @Test("A page about a fault of ours tries again by itself, and says when; other pages do not")
    func retries() {
        let page = html(.upstreamTimeout) { $0.retry = RetryNotice(first: 7, random: 12) }
        #expect(page.contains("tries again by itself in <span id=\"next\" role=\"timer\" data-first=\"7\""))
        #expect(page.contains("<noscript><meta http-equiv=\"refresh\" content=\"72\"></noscript>"))
        #expect(page.contains(">72 seconds</span>"))
        #expect(RetryNotice(first: 0, random: 0).first == 1 && RetryNotice(first: 3600, random: 0).first == 60)
        let faults = Topic.allCases.filter(\.retriesByItself)
        // One time on a page: what nobody has to wait for is not said to take a minute.
        for (place, wording) in Pages.standard.wordings.enumerated() {
            for topic in faults {
                let times = [wording[.tryLater], wording[.aMinute], wording[.moment]]
                #expect(!times.contains { wording[topic].detail.contains($0) }, "\(wording[topic])")
                var page = RefusalPage(topic, code: "code", requestID: "r1")
                #expect(text(page.html(.standard, in: place)).contains("<p>\(wording[.tryLater])</p>"))
                page.retry = RetryNotice(first: 3, random: 0)
                #expect(!text(page.html(.standard, in: place)).contains(wording[.tryLater]))
            }
        }
        let ours: [Topic] = [
            .refusal(.draining), .refusal(.tryAgain), .refusal(.upstreamUnavailable), .refusal(.upstreamTimeout),
            .status(.badGateway), .status(.unavailable), .status(.gatewayTimeout),
        ]
        #expect(faults == ours)
        #expect(faults.allSatisfy { $0.remedy == .reload })
    }

    private static func brand(_ change: (inout CompanyPage) throws -> Void) rethrows -> PageBrand {
        var company = CompanySettings(id: "acme", name: "Acme <&> Co", keys: [], keyOrigins: [])
        try change(&company.page)
        return PageBrand(company)
    }

    @Test("Scripts are told what a refusal means for the session: only what ends it for good is an end")
    func states() {
        let ends: [Refusal: SessionState] = [
            .sessionReplaced: .replaced, .viewerRemoved: .removed, .registrationRemoved: .removed,
            .tokenExpired: .expired, .eventOver: .ended, .sessionLeft: .ended, .draining: .unavailable,
            .tryAgain: .unavailable, .upstreamUnavailable: .unavailable, .upstreamTimeout: .unavailable,
        ]
        for refusal in Refusal.allCases {
            #expect(SessionState(refusal, .refusal(refusal)) == ends[refusal] ?? .refused, "\(refusal)")
        }
        #expect(SessionState(.registrationRemoved, .eventDeleted) == .ended)
        // They may come back.
        for refusal in [Refusal.tokenInvalid, .viewerRemoved] {
            #expect(SessionState(refusal, .visitEnded) == .ended)
        }
    }

    @Test("Attack: a page that embeds a stranger's refusal learns its code, and no event, company or origin")
    func stranger() {
        let notice = FrameNotice.ofStranger(.refused, code: "token_missing").html(hasButton: false)
        #expect(
            notice.hasPrefix("<script data-origins=\"*\" data-state=\"refused\" data-code=\"token_missing\">"),
            "\(notice)"
        )
        let early = FrameNotice(.refused, code: "not_open", event: "e", opensAt: 0, origins: ["https://a.example"])
        #expect(early.html(hasButton: true).contains(" data-event=\"e\" data-opens=\"1970-01-01T00:00:00.000Z\">"))
    }

    @Test("A page shows the viewer's company: its name or logo, its colour, and where to get help")
    func company() throws {
        let plain = html(.wrongEvent) { $0.brand = Self.brand { _ in } }
        #expect(plain.contains("<p class=\"brand\">Acme &lt;&amp;&gt; Co</p>\n<h1>"))
        let brand = try Self.brand {
            $0.name = "Acme \"Live\""
            $0.logo = try PageImage(parsing: "https://cdn.acme.example/a.png?x=1&y=2")
            $0.accent = try PageColor(parsing: "#0a0a40")
            $0.contact = try PageContact(parsing: "help@acme.example")
            $0.home = "https://acme.example/?a&b"
        }
        var page = RefusalPage(.refusal(.wrongEvent), code: "c", requestID: "r")
        page.brand = brand
        let shown = text(page.html(.standard, in: 0))
        #expect(
            shown.contains("<img src=\"https://cdn.acme.example/a.png?x=1&amp;y=2\" alt=\"Acme &quot;Live&quot;\">")
        )
        #expect(
            shown.contains(
                "<a class=\"button\" href=\"https://acme.example/?a&amp;b\" target=\"_top\">Go to the website"
            )
        )
        #expect(shown.contains("<a href=\"mailto:help@acme.example\">Contact Acme &quot;Live&quot;</a>"))
        #expect(!shown.contains("id=\"back\""))
        #expect(page.policy(.standard).contains("; img-src https://cdn.acme.example; "))
        let colors = shown.matches(of: /--accent:(#[0-9a-f]{6});--on-accent:(#[0-9a-f]{6})/)
        let own = try colors.suffix(2).map {
            (try PageColor(parsing: String($0.1)), try PageColor(parsing: String($0.2)))
        }
        #expect(own[0].0.text == "#0a0a40" && own[0].1 == .white)
        #expect(own[1].0.contrast(to: RefusalPage.darkCard) >= 3, "lighter on the dark page")
        #expect(own.allSatisfy { $0.0.contrast(to: $0.1) >= 4.5 })
    }

    @Test("Who may come back finds a way back on the page; the company's site is quiet beside it")
    func waysBack() throws {
        let brand = Self.brand { $0.home = "https://acme.example/" }
        for topic in Topic.allCases.filter(\.needsLink) {
            var page = RefusalPage(topic, code: "c", requestID: "r")
            page.brand = brand
            page.notice = FrameNotice(
                .ended,
                code: "viewer_removed",
                event: "e",
                origins: ["https://acme.example"]
            )
            let row = text(page.html(.standard, in: 0))
            let places = [
                "<button id=\"return\"", "<button id=\"back\"", "<a class=\"button quiet\" href=\"https://acme",
            ]
            .map { row.firstRange(of: $0)?.lowerBound }
            try #require(places.allSatisfy { $0 != nil }, "\(row)")
            #expect(places.compactMap { $0 } == places.compactMap { $0 }.sorted())
        }
        #expect(!html(.viewerRemoved) { $0.brand = brand }.contains("quiet\""), "nothing leads back")
    }

    @Test("A page says which event it is about, and when it begins: in UTC until its script knows the viewer's zone")
    func event() {
        let page = html(.notOpen) { $0.event = EventNote(name: "<Launch>", startsAt: 1_796_396_400_000) }
        let note = """
            <h1>The event is not open yet</h1>
            <p class="event"><strong dir="auto">&lt;Launch&gt;</strong><br>\
            <time class="at" datetime="2026-12-04T15:00:00.000Z">2026-12-04 15:00 UTC</time></p>
            """
        #expect(page.contains(note), "\(page)")
        let endless = html(.alreadyActive) { $0.event = EventNote(name: "Lounge") }
        #expect(endless.contains("<p class=\"event\"><strong dir=\"auto\">Lounge</strong></p>\n<p>"))
        #expect(!endless.contains("<time") && !endless.contains("<script"))
    }

    @Test("A layout keeps its text, whatever is in a slot or looks like one")
    func layout() {
        let layout = PageLayout("{{title}} {{}} {{x}} {{ title }} {{detail}}{{")
        let filled = layout.filled { $0 == .title ? "{{detail}}" : nil }
        #expect(text(filled.page { "[\($0.rawValue)]" }) == "{{detail}} {{}} {{x}} {{ title }} [detail]{{")
    }
}
