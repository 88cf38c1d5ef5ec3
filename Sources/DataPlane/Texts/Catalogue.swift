import Basics
import GatewayConfiguration

/// All languages that pages are written in.
struct Catalogue: Sendable {
    /// The first is for those who accept none of them.
    private(set) var wordings: [Wording]

    static let standard = Catalogue(wordings: [
        Wording(English.self), Wording(German.self), Wording(Spanish.self), Wording(French.self),
        Wording(Portuguese.self), Wording(Japanese.self),
    ])

    /// The standard catalogue with the operator's texts in it. A language that it does not have needs all of them.
    ///
    /// - Parameter problems: gets a line for everything that is wrong with the texts.
    init(_ files: [PageTexts], _ problems: inout [String]) {
        self = .standard
        for file in files {
            let place = wordings.firstIndex { wording in
                wording.tag.utf8.elementsEqual(file.tag.utf8) { $0.lowercased == $1.lowercased }
            }
            let texts = TextFile(file, needsAll: place == nil)
            problems += texts.problems
            let isRightToLeft = file.isRightToLeft
            if let place {
                let base = wordings[place]
                wordings[place] = Wording(base, tag: base.tag, isRightToLeft: isRightToLeft, texts.texts)
            } else {
                wordings.append(Wording(wordings[0], tag: file.tag, isRightToLeft: isRightToLeft, texts.texts))
            }
        }
    }

    private init(wordings: [Wording]) { self.wordings = wordings }
}

/// The operator's texts of one language, judged.
private struct TextFile {
    private(set) var texts: [TextKey: String] = [:]
    /// Lines such as `de.toml: token_missing.title: must not be empty`.
    private(set) var problems: [String] = []

    /// In bytes.
    private static let maxLength = 512
    private static let known = Dictionary(
        uniqueKeysWithValues: TextKey.all.map { (ExactText("\($0.place.table).\($0.place.key)"), $0) }
    )
    private static let names = known.keys.map(\.text).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }

    init(_ file: PageTexts, needsAll: Bool) {
        func report(_ name: String, _ fault: String) { problems.append("\(file.tag).toml: \(name): \(fault)") }
        for entry in file.entries {
            let name = "\(entry.table).\(entry.key)"
            guard let key = Self.known[ExactText(name)] else {
                let near = NearestName.find(name, among: Self.names).map { "; did you mean \($0)?" } ?? ""
                report(name, "unknown key\(near)")
                continue
            }
            if let fault = Self.fault(of: entry.text, key) { report(name, fault) }
            texts[key] = entry.text
        }
        let missing = TextKey.all.filter { texts[$0] == nil }
        if needsAll, let first = missing.first {
            let others = missing.count - 1
            let more = others > 0 ? ", and so \(others == 1 ? "is one" : "are \(others)") more" : ""
            let fault = "is missing\(more): a language that the gateway does not have needs all texts"
            report("\(first.place.table).\(first.place.key)", fault)
        }
    }

    private static func fault(of text: String, _ key: TextKey) -> String? {
        if text.utf8.isEmpty { return "must not be empty" }
        if text.utf8.count > maxLength { return "must not be longer than \(maxLength) bytes" }
        if text.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) {
            return "holds a control character"
        }
        for name in key.placeholders where !text.contains("{\(name)}") { return "must have {\(name)}" }
        var rest = text
        for name in key.placeholders { rest = rest.replacing("{\(name)}", with: "") }
        guard rest.utf8.contains(UInt8(ascii: "{")) || rest.utf8.contains(UInt8(ascii: "}")) else { return nil }
        let known = key.placeholders.map { "{\($0)}" }
        return "must have no braces" + (known.isEmpty ? "" : " but \(known.joined(separator: " and "))")
    }
}
