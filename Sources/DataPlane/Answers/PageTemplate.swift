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
    init(_ written: String, _ problems: inout [String]) {
        let text = Self.normalized(written)
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
        if !source.markup.contains("viewport") {
            problems.append(
                "must have <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">: without it, "
                    + "telephones show the page tiny"
            )
        }
        for slot in SlotUse.all(in: text) {
            if let fault = slot.fault { problems.append("line \(slot.line): {{\(slot.name)}} \(fault)") }
        }
        let lines = source.markup.split(separator: "\n", omittingEmptySubsequences: false)
        for (index, line) in lines.enumerated() {
            for word in Self.blocked where line.contains(word) {
                problems.append(
                    "line \(index + 1): \(word.drop { $0 == " " }) does not work: the page's policy allows nothing from "
                        + "elsewhere"
                )
            }
            if line.contains(#/(^|[\s"'])on[a-z]+\s*=/#) {
                problems.append(
                    "line \(index + 1): attributes such as onclick= do not work: put a <script> into the page"
                )
            }
        }
    }

    /// The text as browsers read it, and hash what is in it: every line ends with LF
    /// ([HTML, 13.2.3.5](https://html.spec.whatwg.org/#preprocessing-the-input-stream)).
    private static func normalized(_ text: String) -> String {
        var (bytes, wasReturn): ([UInt8], Bool) = ([], false)
        bytes.reserveCapacity(text.utf8.count)
        for byte in text.utf8 {
            let isReturn = byte == UInt8(ascii: "\r")
            if isReturn || !wasReturn || byte != UInt8(ascii: "\n") {
                bytes.append(isReturn ? UInt8(ascii: "\n") : byte)
            }
            wasReturn = isReturn
        }
        return String(decoding: bytes, as: UTF8.self)
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
            let line = bytes[..<begin.lowerBound].count(where: { $0 == UInt8(ascii: "\n") }) + 1
            guard rest.first == UInt8(ascii: ">") else {
                problems.append(
                    "line \(line): <\(name)> must have no attributes: the page's policy allows only what is in the page"
                )
                continue
            }
            rest = rest.dropFirst()
            guard let end = rest.firstRange(of: Array("</\(name)>".utf8)) else {
                problems.append("line \(line): <\(name)> has no </\(name)>")
                break
            }
            let content = String(decoding: bytes[rest.startIndex..<end.lowerBound], as: UTF8.self)
            if content.contains("{{") {
                problems.append("line \(line): <\(name)> must have no {{…}}: the page's policy has its hash")
            }
            // So that what follows keeps its line.
            around += content.utf8.filter { $0 == UInt8(ascii: "\n") }
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

/// Something in braces in a template.
private struct SlotUse {
    enum Context {
        case text, tag, comment
    }

    let name: String
    /// From 1.
    let line: Int
    let context: Context

    /// What is wrong with it.
    var fault: String? {
        guard let slot = PageLayout.Slot(rawValue: name) else {
            let near = NearestName.find(name, among: PageLayout.Slot.allCases.map(\.rawValue))
            return "is not known" + (near.map { "; did you mean {{\($0)}}?" } ?? "")
        }
        switch (context, slot) {
        case (.comment, _): return "stands in a comment, so that nobody sees it"
        case (.tag, .head), (.tag, .brand), (.tag, .event), (.tag, .more):
            return "stands within a tag: it has elements, and belongs between others"
        default: return nil
        }
    }

    /// All outside styles and scripts, in order.
    static func all(in text: String) -> [SlotUse] {
        let bytes = Array(text.utf8)
        var (uses, rest, line): ([SlotUse], ArraySlice<UInt8>, Int) = ([], bytes[...], 1)
        var (context, quote): (Context, UInt8?) = (.text, nil)
        func follows(_ word: String) -> Bool { rest.prefix(word.utf8.count).map(\.lowercased).elementsEqual(word.utf8) }
        func skip(_ count: Int) {
            line += rest.prefix(count).count(where: { $0 == UInt8(ascii: "\n") })
            rest = rest.dropFirst(count)
        }
        while let byte = rest.first {
            if follows("{{"), let end = rest.firstRange(of: Array("}}".utf8)) {
                let name = String(decoding: rest[(rest.startIndex + 2)..<end.lowerBound], as: UTF8.self)
                uses.append(SlotUse(name: name, line: line, context: context))
                skip(end.upperBound - rest.startIndex)
                continue
            }
            switch context {
            case .text:
                if let raw = ["style", "script"].first(where: { follows("<\($0)>") }),
                    let end = rest.map(\.lowercased)[...].firstRange(of: Array("</\(raw)>".utf8))
                {
                    skip(end.upperBound)
                    continue
                }
                if follows("<!--") { context = .comment } else if byte == UInt8(ascii: "<") { context = .tag }
            case .comment:
                if follows("-->") { context = .text }
            case .tag:
                if let open = quote {
                    if byte == open { quote = nil }
                } else if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") {
                    quote = byte
                } else if byte == UInt8(ascii: ">") {
                    context = .text
                }
            }
            skip(1)
        }
        return uses
    }
}
