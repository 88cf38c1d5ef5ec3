import Basics
import Testing

@testable import Console

/// What the console makes of texts that somebody else has chosen.
@Suite struct PageTextTests {
    @Test("A text within markup stays a text, in elements and in quoted attributes")
    func escaping() {
        let text = "<script>alert('x')</script>\" onload=\"y & z"
        let html: HTML = "<p title=\"\(text)\">\(text)</p>"
        let escaped = "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&quot; onload=&quot;y &amp; z"
        #expect(html.text == "<p title=\"\(escaped)\">\(escaped)</p>")
    }

    @Test(
        "Characters that turn the direction of writing or cannot be seen are spelled out",
        arguments: [
            ("abc\u{202e}fdp.exe", "abc\\u202efdp.exe"), ("a\u{2066}b\u{2069}", "a\\u2066b\\u2069"),
            ("a\u{200b}b", "a\\u200bb"), ("a\nb\u{0}", "a\\u000ab\\u0000"), ("a\u{2028}b", "a\\u2028b"),
        ]
    )
    func spelledOut(text: String, shown: String) {
        #expect(OutsideText.html(text).text == "<bdi>\(shown)</bdi>")
    }

    @Test("Names of all scripts stay as they are, joiners included")
    func names() {
        for name in ["Zoë Çelik", "می\u{200c}خواهم", "李小龍", "👩\u{200d}🚀"] { #expect(OutsideText.plain(name) == name) }
    }

    @Test("A long text is cut, whatever it is made of")
    func long() {
        let text = "a" + String(repeating: "\u{301}", count: 100_000)
        #expect(OutsideText.plain(text).unicodeScalars.count == OutsideText.short + 1)
        #expect(OutsideText.lines(String(repeating: "<b>\n", count: 3)) == "<b>\n<b>\n<b>\n")
    }

    @Test("A form's members are decoded once, and the first of a name counts")
    func forms() {
        let form = Form(Array("q=a+b%26c%253C&q=later&empty=&blank=%20&bad=%zz&x=%c3%28&how=until".utf8))
        #expect(form["q"] == "a b&c%3C")
        #expect(form["how"] == "until")
        for name in ["empty", "blank", "bad", "x", "none"] { #expect(form[.init(name)] == nil) }
        #expect(Form.query([("q", "a b&c"), ("none", nil)]) == "?q=a%20b%26c")
        #expect(Form(Array("q=\(String(repeating: "a", count: 3000))".utf8)).wanted?.count == 200)
    }

    @Test("Only pages of the console are led to after a sign-in")
    func destinations() {
        for path in ["/console/", "/console/sessions?q=a%20b"] { #expect(Console.destination(path) == path) }
        for path in [
            nil, "", "//evil.example", "https://evil.example/console/", "/sessions", "/console", "/console/\r\nX: y",
            "/console/\\evil", "/console/\"",
        ] {
            #expect(Console.destination(path) == nil)
        }
    }
}
