import Admission
import Foundation
import GatewayConfiguration
import Testing

@testable import DataPlane

@Suite("[pages]: the operator's own texts")
struct OwnTextsTests {
    private static let all = TextKey.all.map { key in
        (table: key.place.table, key: key.place.key, text: English.text(of: key))
    }

    private func read(_ files: PageTexts...) -> (wordings: [Wording], problems: [String]) {
        var problems: [String] = []
        return (Catalogue(files, &problems).wordings, problems)
    }

    @Test("They take the place of the catalogue's, key by key, and leave the others")
    func some() throws {
        let texts = PageTexts(
            tag: "DE",
            entries: [
                ("token_missing", "title", "Hallo"), ("labels", "try_again", "Nochmal"),
                ("labels", "retries_in", "In {time}."),
            ]
        )
        let (wordings, problems) = read(texts)
        #expect(problems == [] && wordings.map(\.tag) == Catalogue.standard.tags)
        let german = wordings[1]
        let missing = Topic.refusal(.tokenMissing)
        #expect(german[missing] == Words("Hallo", German.words(on: missing).detail))
        #expect(german[.tryAgain] == "Nochmal" && german[.retriesIn, "5"] == "In 5.")
        #expect(german[.goBack] == "Zurück" && wordings[0][missing] == English.words(on: missing))
    }

    @Test("A language of its own needs all texts, and may be written from right to left")
    func another() {
        let whole = PageTexts(tag: "ar", isRightToLeft: true, entries: Self.all)
        let (wordings, problems) = read(whole)
        #expect(problems == [] && wordings.map(\.tag) == Catalogue.standard.tags + ["ar"])
        #expect(wordings[6].isRightToLeft && wordings[6][.goBack] == "Go back")
        let lacking = PageTexts(tag: "nl", entries: Array(Self.all.dropFirst(2)))
        #expect(
            read(lacking).problems == [
                "nl.toml: token_missing.title: is missing, and so is one more: a language that the gateway does not have "
                    + "needs all texts"
            ]
        )
    }

    @Test(
        "What cannot be shown gets an exact message",
        arguments: [
            ("token_missing", "titel", "x", "unknown key; did you mean token_missing.title?"),
            ("nothing", "at_all", "x", "unknown key"), ("labels", "go_back", "", "must not be empty"),
            ("labels", "go_back", String(repeating: "x", count: 513), "must not be longer than 512 bytes"),
            ("labels", "go_back", "a\u{202}\u{7}", "holds a control character"),
            ("labels", "retries_in", "soon", "must have {time}"),
            ("labels", "retries_in", "{time} {name}", "must have no braces but {time}"),
            ("labels", "days_and_hours", "{days}", "must have {hours}"),
            ("token_missing", "title", "{{more}}", "must have no braces"),
        ]
    )
    func faults(table: String, key: String, text: String, message: String) {
        let problems = read(PageTexts(tag: "de", entries: [(table, key, text)])).problems
        #expect(problems == ["de.toml: \(table).\(key): \(message)"])
    }

    @Test("The example has every text of the catalogue, in English")
    func example() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let file = root.appendingPathComponent("deploy/examples/pages/en.toml")
        var lines: [String] = []
        var table = ""
        for (place, key, text) in Self.all {
            if place != table { lines += ["", "[\(place)]"] }
            table = place
            lines.append("\(key) = \"\(text.replacing("\"", with: "\\\""))\"")
        }
        let written = try String(contentsOf: file, encoding: .utf8).split(
            separator: "\n",
            omittingEmptySubsequences: false
        )
        #expect(Array(written.drop { $0.hasPrefix("#") }) == lines.map { $0[...] } + [""])
    }
}

extension Language {
    fileprivate static func text(of key: TextKey) -> String {
        switch key {
        case .title(let topic): words(on: topic).title
        case .detail(let topic): words(on: topic).detail
        case .label(let label): text(label)
        }
    }
}
