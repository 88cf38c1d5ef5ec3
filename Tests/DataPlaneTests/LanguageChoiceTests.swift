import Testing

@testable import DataPlane

@Suite("Accept-Language")
struct LanguageChoiceTests {
    private static let tags = ["en", "de", "pt", "pt-BR", "zh-Hant"]

    private func choice(_ fields: [String]) -> String {
        var choice = LanguageChoice(among: Self.tags.map { Array($0.utf8) })
        for field in fields { choice.read(Array(field.utf8).span) }
        return Self.tags[choice.place]
    }

    @Test(
        "The language with the highest weight is chosen, the first one of several, and English if none fits",
        arguments: [
            ("de", "de"), ("DE", "de"), ("de-AT", "de"), ("de-at,en", "de"), ("deu", "en"), ("d", "en"),
            ("den-AT", "en"),
            ("en;q=0.8,de;q=0.9", "de"), ("fr,de;q=0.5", "de"), ("fr, *;q=0.1", "en"), ("*", "en"),
            ("de;q=0", "en"), ("de;q=0.0,pt;q=0.001", "pt"), ("nl;q=0.9, pt;q=0.2 , de ;q=0.7", "de"),
            ("pt-PT", "pt"), ("pt-BR", "pt"), ("zh", "zh-Hant"), ("zh-hant-TW", "zh-Hant"), ("zh-Hans", "en"),
            ("de;Q=0.4,pt ; q=0.5", "pt"), ("de;q=1.000,pt", "de"), ("de,pt", "de"), ("pt,de", "pt"),
        ]
    )
    func chosen(_ field: String, _ tag: String) { #expect(choice([field]) == tag) }

    @Test(
        "A range with a weight that is none does not count",
        arguments: [
            "de;q", "de;q=", "de;q=2", "de;q=1.1", "de;q=-1", "de;q=0.1234", "de;q=0,9", "de;q=.9", "de;x=1",
            "de;q=1e0",
            "de;q=0.5;q=0.4", ";q=1", "de;", ",,,", "", " ", "\u{e4}", "de de", "d\u{131}",
        ]
    )
    func malformed(_ field: String) { #expect(choice([field]) == "en") }

    @Test("Several fields are one list")
    func severalFields() {
        #expect(choice(["fr;q=0.9", "de;q=0.5", "pt;q=0.8"]) == "pt")
        #expect(choice(["fr", ""]) == "en")
    }

    @Test("Attack: what is behind 512 bytes is not looked at, nor a range that is cut off there")
    func long() {
        func padded(_ count: Int, _ rest: String) -> [String] { [String(repeating: "x", count: count) + rest] }
        #expect(choice(padded(509, ",de")) == "de")
        #expect(choice(padded(510, ",de")) == "en", "its weight would not be known")
        #expect(choice(padded(508, ",de,pt;q=1")) == "de")
        #expect(choice([String(repeating: ",", count: 100_000) + "de"]) == "en")
        #expect(choice(Array(repeating: "x", count: 600) + ["de"]) == "en")
    }
}
