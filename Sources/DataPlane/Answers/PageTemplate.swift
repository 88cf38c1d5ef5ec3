import Basics

/// What all pages have around their texts: the gateway's own layout, or the operator's `page.html`.
struct PageTemplate: Sendable {
    let layout: PageLayout
    /// The hashes of its inline styles, for the policy.
    let styles: [String]
    /// The hashes of its inline scripts.
    let scripts: [String]

    static let standard = PageTemplate(RefusalPage.layout)

    private static let needed: [PageLayout.Slot] = [.lang, .title, .head, .detail, .more, .reference]

    /// What the policy blocks outside inline styles and scripts.
    private static let blocked = ["<link", "<base", "<object", "<iframe", " style=", " src=", " srcset=", "http-equiv"]

    private init(_ text: String) {
        var problems: [String] = []
        self.init(text, &problems)
    }

    /// - Parameter problems: gets a line for everything that would not work.
    init(_ text: String, _ problems: inout [String]) {
        let source = TemplateSource(text)
        layout = PageLayout(text)
        styles = source.styles.map { RefusalPage.hash(of: $0) }
        scripts = source.scripts.map { RefusalPage.hash(of: $0) }
        problems += source.problems
        if !text.utf8.prefix(14).map(\.lowercased).starts(with: "<!doctype html".utf8) {
            problems.append("must begin with <!doctype html>")
        }
        for slot in Self.needed where !text.contains("{{\(slot.rawValue)}}") {
            problems.append("must have {{\(slot.rawValue)}}")
        }
        for name in PageLayout.unknownSlots(text) {
            let near = NearestName.find(name, among: PageLayout.Slot.allCases.map(\.rawValue))
            problems.append("{{\(name)}} is not known" + (near.map { "; did you mean {{\($0)}}?" } ?? ""))
        }
        for word in Self.blocked where source.markup.contains(word) {
            problems.append("\(word.drop { $0 == " " }) does not work: the page's policy allows nothing from elsewhere")
        }
        if source.markup.contains(#/[\s"']on[a-z]+\s*=/#) {
            problems.append("attributes such as onclick= do not work: put a <script> into the page")
        }
    }
}

/// A template taken apart: its inline styles and scripts, and what is around them.
private struct TemplateSource {
    private(set) var styles: [String] = []
    private(set) var scripts: [String] = []
    /// In lower case, as far as it is ASCII.
    private(set) var markup = ""
    private(set) var problems: [String] = []

    init(_ text: String) {
        let bytes = Array(text.utf8)
        let lower = bytes.map(\.lowercased)
        var (rest, around) = (lower[...], [UInt8]())
        while let (name, begin) = Self.firstInline(rest) {
            around += rest[..<begin.lowerBound]
            rest = rest[begin.upperBound...]
            guard rest.first == UInt8(ascii: ">") else {
                problems.append("<\(name)> must have no attributes: the page's policy allows only what is in the page")
                continue
            }
            rest = rest.dropFirst()
            guard let end = rest.firstRange(of: Array("</\(name)>".utf8)) else {
                problems.append("<\(name)> has no </\(name)>")
                break
            }
            let content = String(decoding: bytes[rest.startIndex..<end.lowerBound], as: UTF8.self)
            if content.contains("{{") {
                problems.append("<\(name)> must have no {{…}}: the page's policy has its hash")
            }
            if name.utf8.count == 5 { styles.append(content) } else { scripts.append(content) }
            rest = rest[end.upperBound...]
        }
        markup = String(decoding: around + rest, as: UTF8.self)
    }

    private static func firstInline(_ bytes: ArraySlice<UInt8>) -> (name: String, begin: Range<Int>)? {
        ["style", "script"].compactMap { name in
            bytes.firstRange(of: Array("<\(name)".utf8)).map { (name, $0) }
        }.min { $0.1.lowerBound < $1.1.lowerBound }
    }
}
