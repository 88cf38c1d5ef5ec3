import Testing

@testable import GatewayConfiguration

@Suite("[pages]: own texts and an own layout")
struct PagesTests {
    private static let folder = "[pages]\ndirectory = \"/etc\"\n"

    private func sample(_ keys: String) -> String { Sample(.rest, keys).text }

    private func files(_ files: [String: String]) -> [String: [UInt8]] { files.mapValues { Array($0.utf8) } }

    @Test("Without it, there are none")
    func absent() throws {
        #expect(try load(Sample().text).pages == PagesSettings())
        #expect(try !load(Sample().text).printed().contains("[pages]"))
    }

    @Test("The folder's files are read, each language's texts by table and key, and the keys are printed")
    func loaded() throws {
        let german = "right_to_left = true\n[b]\nz = \"2\"\na = \"1\"\n[a]\nx = \"0\"\n"
        let files = files(["/etc/page.html": "<p>", "/etc/de.toml": german, "/etc/pt-PT.toml": ""])
        let text = sample(Self.folder + "languages = [\"de\", \"pt-PT\"]")
        let settings = try load(text, files: files)
        #expect(settings.pages.template == "<p>" && settings.pages.texts.map(\.tag) == ["de", "pt-PT"])
        let entries = [("a", "x", "0"), ("b", "a", "1"), ("b", "z", "2")]
        #expect(settings.pages.texts[0] == PageTexts(tag: "de", isRightToLeft: true, entries: entries))
        let deciding = settings.files.filter { $0.key.hasPrefix("pages.") && $0.role.decidesWhoPasses }
        #expect(deciding.map(\.path) == ["/etc/page.html", "/etc/de.toml", "/etc/pt-PT.toml"])
        #expect(settings.printed().contains("[pages]\ndirectory = \"/etc\"\nlanguages = [\"de\", \"pt-PT\"]"))
    }

    @Test(
        "What cannot be read gets an exact message",
        arguments: [
            ("languages = [\"de\"]", [:], "languages: no such file: /etc/de.toml"),
            ("", [:], "directory: has no page.html, and languages names no texts: /etc"),
            (
                "languages = [\"../x\"]", ["page.html": ""],
                "languages[0]: \"../x\" is not a language such as \"nl\" or \"pt-PT\""
            ),
            (
                "languages = [\"de\"]", ["de.toml": "a = 1"],
                "languages: /etc/de.toml: a: expected a table of texts, found the integer 1"
            ),
            (
                "languages = [\"de\"]", ["de.toml": "[a]\nb = 1"],
                "languages: /etc/de.toml: a.b: expected a string, found the integer 1"
            ),
            (
                "", ["page.html": String(repeating: " ", count: 8193)],
                "directory: /etc/page.html: has 8193 bytes; 8192 are allowed"
            ),
        ]
    )
    func faults(keys: String, files: [String: String], message: String) {
        var all = self.files([:])
        for (name, content) in files { all["/etc/\(name)"] = Array(content.utf8) }
        let found = problems(sample(Self.folder + keys), files: all)
        #expect(found == ["pages.\(message)"])
    }

    @Test("Texts need a folder")
    func noFolder() {
        let found = problems(sample("[pages]\nlanguages = [\"de\"]"))
        #expect(found == ["pages.languages: needs pages.directory, which has their files"])
    }
}
