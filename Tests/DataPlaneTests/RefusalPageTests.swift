import Admission
import Foundation
import JOSE
import Testing

@testable import DataPlane

@Suite("The page for a refused viewer")
struct RefusalPageTests {
    private static let hostile = "\"'><script>alert(1)</script>&amp;"

    private func html(_ refusal: Refusal, _ change: (inout RefusalPage) -> Void = { _ in }) -> String {
        var page = RefusalPage(refusal: refusal, activeFor: nil, requestID: "r1", action: nil, wayIn: nil)
        change(&page)
        return text(page.html)
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
        #expect(RefusalPage.escaped(raw) == escaped)
    }

    @Test("Attack: markup in the address, the id or the button's target stays text", arguments: Refusal.allCases)
    func injection(_ refusal: Refusal) {
        let page = html(refusal) {
            $0.requestID = Self.hostile
            $0.action = "/x?to=" + Self.hostile
            $0.wayIn = WayIn(place: "/y" + Self.hostile, keep: "k", isSecondTry: false, isTopLevel: false)
        }
        #expect(page.split(separator: "<script>").count == 2, "only ours")
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
        #expect(page.hasPrefix("<!doctype html>\n<html lang=\"en\">"))
        #expect(page.contains("<title>\(RefusalPage.escaped(refusal.title))</title>"))
        #expect(page.contains("<h1>\(RefusalPage.escaped(refusal.title))</h1>"))
        #expect(page.contains(RefusalPage.escaped(refusal.detail)))
        #expect(page.contains("\(refusal.code) · r1"))
        #expect(page.contains("color-scheme:light dark"))
        #expect(!page.contains("<form"))
    }

    @Test("The page loads nothing from elsewhere", arguments: Refusal.allCases)
    func selfContained(_ refusal: Refusal) {
        let page = html(refusal) { $0.action = "/a" }
        for outside in ["http:", "https:", "src=", "url(", "@import", "<link", "<script", "<img", "style=\""] {
            #expect(!page.contains(outside), "\(outside)")
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
        let own = html(.cookiesBlocked) {
            $0.wayIn = WayIn(place: "/e?gateway-ticket=t", keep: "k", isSecondTry: true, isTopLevel: true)
        }
        #expect(own.contains("href=\"/e?gateway-ticket=t\" data-keep=\"k\">Try again") && !own.contains("_blank"))
    }

    @Test("What may pass later can be retried, and the page says how long a place is kept")
    func retry() {
        #expect(
            html(.upstreamUnavailable) { $0.offersRetry = true }.contains("<a class=\"button\" href=\"\">Try again</a>")
        )
        #expect(html(.alreadyActive) { $0.freeIn = 88 }.contains("this place is free in 2 minutes at most"))
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
        #expect(page.contains("data-left=\"90\">a minute</span>"))
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

    @Test("The style's hash matches the text between its tags")
    func styleHash() throws {
        let page = html(.wrongEvent)
        let style = try #require(page.firstMatch(of: /<style>(.*?)<\/style>/.dotMatchesNewlines()))
        let hash = SHA256.hash(Array(style.output.1.utf8).span)
        #expect(RefusalPage.styleHash == Data(hash).base64EncodedString())
    }
}
