import Admission
import Foundation
import GatewayConfiguration
import JOSE
import Testing

@testable import DataPlane

@Suite("[pages]: the operator's own layout")
struct PageTemplateTests {
    private static let good = """
        <!DOCTYPE html><html lang="{{lang}}" dir="{{dir}}"><head><title>{{title}}</title>{{head}}
        <meta name="viewport" content="width=device-width">
        <STYLE>b{color:red}</STYLE></head><body><h1>{{title}}</h1>{{detail}}{{more}}<i>{{reference}}</i>
        <script>go("<b>")</script></body></html>
        """

    private func problems(_ template: String) -> [String] {
        var settings = PagesSettings()
        settings.template = template
        return Pages.problems(in: settings)
    }

    private func hash(_ text: String) -> String { Data(SHA256.hash(Array(text.utf8).span)).base64EncodedString() }

    @Test("It is around every page, and the policy allows its own style and script")
    func page() {
        #expect(problems(Self.good) == [])
        var settings = PagesSettings()
        settings.template = Self.good
        let pages = Pages.made(by: settings)
        var page = RefusalPage(.refusal(.wrongEvent), code: "wrong_event", requestID: "r<1")
        page.isRepeatable = true
        let html = text(page.html(pages, in: 1))
        #expect(html.hasPrefix("<!DOCTYPE html><html lang=\"de\" dir=\"ltr\"><head><title>Dieser Link gehört zu"))
        #expect(html.contains("<i>wrong_event · r&lt;1</i>") && !html.contains("{{"))
        let policy = page.policy(pages)
        #expect(policy.contains("style-src 'sha256-\(hash("b{color:red}"))';"))
        #expect(policy.contains("'sha256-\(hash("go(\"<b>\")"))'"))
    }

    @Test("Its lines may end as on any system: browsers hash what they read", arguments: ["\r\n", "\r", "\n"])
    func lineEnds(end: String) {
        var settings = PagesSettings()
        let style = "\n b{color:red}\n\n i{}\n"
        settings.template = Self.good.replacing("b{color:red}", with: style).replacing("\n", with: end)
        let (pages, page) = (Pages.made(by: settings), RefusalPage(.refusal(.wrongEvent), code: "c", requestID: "r"))
        #expect(page.policy(pages).contains("style-src 'sha256-\(hash(style))';"))
        #expect(text(page.html(pages, in: 0)).contains("<STYLE>\(style)</STYLE>"))
    }

    @Test("Without styles, none are allowed")
    func plain() {
        var settings = PagesSettings()
        settings.template = Self.good.replacing("<STYLE>b{color:red}</STYLE>", with: "")
        let page = RefusalPage(.refusal(.wrongEvent), code: "wrong_event", requestID: "r")
        #expect(page.policy(.made(by: settings)).contains("style-src 'none';"))
    }

    @Test(
        "What would not work gets an exact message",
        arguments: [
            ("{{more}}", "", "must have {{more}}"), ("{{lang}}", "en", "must have {{lang}}"),
            ("<h1>", "<h1>{{titel}}", "line 3: {{titel}} is not known; did you mean {{title}}?"),
            ("<!DOCTYPE html>", "", "must begin with <!doctype html>"),
            (
                "<STYLE>", "<style media=print>",
                "line 3: <style> must have no attributes: the page's policy allows only what is in the page"
            ),
            (
                "{{more}}", "<!-- {{more}} -->{{more}}",
                "line 3: {{more}} stands in a comment, so that nobody sees it"
            ),
            (
                "<h1>", "<h1 title='{{more}}'>",
                "line 3: {{more}} stands within a tag: it has elements, and belongs between others"
            ),
            (
                "<meta name=\"viewport\" content=\"width=device-width\">", "",
                "must have <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">: without "
                    + "it, telephones show the page tiny"
            ),
            ("</script>", "", "line 4: <script> has no </script>"),
            ("b{color:red}", "{{brand}}", "line 3: <style> must have no {{…}}: the page's policy has its hash"),
            ("<h1>", "<img src=x><h1>", "line 3: src= does not work: the page's policy allows nothing from elsewhere"),
            ("<h1>", "<h1 style='x'>", "line 3: style= does not work: the page's policy allows nothing from elsewhere"),
            (
                "<h1>", "<h1 onClick='x'>",
                "line 3: attributes such as onclick= do not work: put a <script> into the page"
            ),
        ]
    )
    func faults(part: String, other: String, message: String) {
        let template = Self.good.replacing(part, with: other)
        #expect(problems(template) == ["pages.directory: page.html: \(message)"])
    }

    @Test("The gateway's own layout is judged like the operator's, and nothing is found")
    func own() { #expect(problems(RefusalPage.layout) == []) }

    @Test("So is the example to begin with, which differs from it in white space alone")
    func example() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let file = root.appendingPathComponent("deploy/examples/pages/page.html")
        let example = try String(contentsOf: file, encoding: .utf8)
        #expect(problems(example) == [])
        func dense(_ text: String) -> String { text.filter { !$0.isWhitespace } }
        #expect(dense(example) == dense(RefusalPage.layout))
    }
}
