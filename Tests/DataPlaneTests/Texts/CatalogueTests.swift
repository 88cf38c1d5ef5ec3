import Foundation
import Testing

@testable import DataPlane

extension Catalogue {
    var tags: [String] { wordings.map(\.tag) }
}

@Suite("What pages say, in every language")
struct CatalogueTests {
    private static let wordings = Catalogue.standard.wordings
    /// Times and numbers may be written alike in two languages.
    private static let times: Set<Label> = [
        .seconds, .underAMinute, .aMinute, .minutes, .anHour, .hours, .days, .daysAndHours,
    ]

    private func placeholders(_ text: String) -> [String] {
        text.matches(of: /\{(.*?)\}/).map { String($0.1) }.sorted()
    }

    @Test("English, German, Spanish, French, Portuguese and Japanese, and English for everyone else")
    func languages() {
        #expect(Catalogue.standard.tags == ["en", "de", "es", "fr", "pt", "ja"])
        #expect(Self.wordings.allSatisfy { !$0.isRightToLeft })
    }

    @Test("Each topic has a heading of its own and a sentence of advice", arguments: Catalogue.standard.tags)
    func complete(_ tag: String) throws {
        let wording = try #require(Self.wordings.first { $0.tag == tag })
        for topic in Topic.allCases {
            let words = wording[topic]
            #expect(!words.title.isEmpty && words.title.count < 60)
            #expect(!words.title.hasSuffix(".") && !words.title.hasSuffix("。"), "\(words.title)")
            #expect(words.detail.hasSuffix(tag == "ja" ? "。" : "."), "\(words.detail)")
            #expect(words.detail.count < 200)
            #expect(placeholders(words.title + words.detail).isEmpty)
        }
        #expect(Set(Topic.allCases.map { wording[$0].title }).count == Topic.allCases.count)
    }

    @Test("Each label has its placeholders", arguments: Label.allCases)
    func labels(_ label: Label) {
        for wording in Self.wordings {
            #expect(placeholders(wording[label]) == label.placeholders, "\(wording.tag)")
            #expect(!wording[label].isEmpty && wording[label].count < 160)
        }
    }

    @Test("No text is another language's")
    func translated() {
        let texts = Topic.allCases.flatMap { topic in
            [Self.wordings.map { $0[topic].title }, Self.wordings.map { $0[topic].detail }]
        }
        let labels = Label.allCases.filter { !Self.times.contains($0) }.map { label in Self.wordings.map { $0[label] } }
        for versions in texts + labels { #expect(Set(versions).count == Self.wordings.count, "\(versions)") }
    }

    @Test("No text has spaces too many, or quotation marks of another language")
    func typography() {
        for wording in Self.wordings {
            let topics = Topic.allCases.flatMap { [wording[$0].title, wording[$0].detail] }
            for text in topics + Label.allCases.map({ wording[$0] }) {
                #expect(text == text.trimmingCharacters(in: .whitespacesAndNewlines) && !text.contains("  "))
                if wording.tag != "en" { #expect(!text.contains("'") && !text.contains("\""), "\(text)") }
            }
        }
        let english = Topic.allCases.map { English.words(on: $0).title }
        // RFC 6750 section 3: what may stand in an `error_description`.
        #expect(english.allSatisfy { $0.utf8.allSatisfy { (0x20..<0x7f).contains($0) && $0 != 0x22 && $0 != 0x5c } })
    }

    @Test(
        "Times are put in words",
        arguments: [
            ("en", 59, "less than a minute"), ("en", 119, "a minute"), ("en", 7199, "119 minutes"),
            ("en", 7200, "2 hours"),
            ("de", 0, "weniger als einer Minute"), ("de", 60, "einer Minute"), ("es", 120, "2 minutos"),
            ("fr", 7200, "2 heures"), ("pt", 61, "um minuto"), ("ja", 300, "5 分"),
        ]
    )
    func times(_ tag: String, _ seconds: Int64, _ words: String) throws {
        #expect(try #require(Self.wordings.first { $0.tag == tag }).duration(seconds) == words)
    }

    @Test(
        "Days and hours are put in words",
        arguments: [
            ("en", 172_800, "2 days"), ("en", 176_400, "2 days and 1 hour"), ("de", 259_199, "2 Tagen und 23 Stunden"),
            ("fr", 176_400, "2 jours et 1 heure"), ("ja", 180_000, "2 日と 2 時間"),
        ]
    )
    func days(_ tag: String, _ seconds: Int64, _ words: String) throws {
        #expect(try #require(Self.wordings.first { $0.tag == tag }).days(seconds) == words)
    }
}
