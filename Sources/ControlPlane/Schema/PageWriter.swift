import Basics

/// Writes parts of ``DocumentPage``.
struct PageWriter {
    var text = ""

    /// Writes an element with a text.
    mutating func element(_ name: String, _ content: String, id: String? = nil) {
        let id = id.map { " id=\"\(Markup.escaped($0))\"" } ?? ""
        text += "<\(name)\(id)>\(Markup.escaped(content))</\(name)>\n"
    }

    /// Writes Markdown that has only paragraphs, headings, lists of one level, and code within lines.
    mutating func markdown(_ source: String) {
        var isInList = false
        for line in source.split(separator: "\n") {
            let isItem = line.hasPrefix("- " as StaticString)
            if isItem != isInList { text += isItem ? "<ul>\n" : "</ul>\n" }
            isInList = isItem
            if line.hasPrefix("## " as StaticString) {
                text += "<h2>\(Self.marked(String(line.dropFirst(3))))</h2>\n"
            } else if isItem {
                text += "<li>\(Self.marked(String(line.dropFirst(2))))</li>\n"
            } else {
                text += "<p>\(Self.marked(String(line)))</p>\n"
            }
        }
        if isInList { text += "</ul>\n" }
    }

    /// Writes what a body or an answer may be: its schema and an example for each media type.
    mutating func content(_ content: JSONNode) {
        for (type, media) in content.members {
            let schema = media["schema"].map { Self.type(of: $0) } ?? ""
            text += "<p><code>\(Markup.escaped(type))</code>: \(schema)</p>\n"
            if let schema = media["schema"], schema["properties"] != nil { members(of: schema) }
            guard let example = media["example"] else { continue }
            let isJSON = type.utf8.elementsEqual("application/json".utf8)
            let lines = (isJSON ? nil : example.text) ?? Self.lines(example.value)
            text += "<details><summary>Example</summary>\n<pre><code>\(Markup.escaped(lines))</code></pre></details>\n"
        }
    }

    /// Writes the members of an object's schema.
    mutating func members(of schema: JSONNode) {
        guard let properties = schema["properties"]?.members, !properties.isEmpty else { return }
        let required = (schema["required"]?.list ?? []).compactMap(\.text)
        text += "<dl>\n"
        for (name, member) in properties {
            let isRequired = required.contains { $0.hasSameBytes(as: name) }
            entry(name, member, isRequired: isRequired, note: nil, description: member["description"]?.text)
        }
        text += "</dl>\n"
    }

    /// Writes a member or a parameter.
    mutating func entry(
        _ name: String,
        _ schema: JSONNode?,
        isRequired: Bool,
        note: String?,
        description: String?
    ) {
        let notes = [schema.map { Self.type(of: $0) }, note, isRequired ? "required" : nil].compactMap { $0 }
        text += "<dt><code>\(Markup.escaped(name))</code> – \(notes.joined(separator: ", "))</dt>\n<dd>"
        if let description { text += "<p>\(Self.marked(description))</p>" }
        for part in [schema] + (schema?["anyOf"]?.list ?? []).map(Optional.some) + [schema?["items"]] {
            if let part { members(of: part) }
        }
        text += "</dd>\n"
    }

    /// Names the kind of value that a schema describes, as HTML.
    static func type(of schema: JSONNode) -> String {
        if let name = schema["$ref"]?.text?.split(separator: "/").last {
            return "<a href=\"#schema-\(Markup.escaped(String(name)))\">\(Markup.escaped(String(name)))</a>"
        }
        if let choices = schema["anyOf"]?.list { return choices.map { type(of: $0) }.joined(separator: " or ") }
        if let choices = schema["enum"]?.list.compactMap(\.text) {
            let shown = choices.prefix(maxChoices).map { "<code>\(Markup.escaped($0))</code>" }.joined(separator: ", ")
            return choices.count > maxChoices ? "one of \(choices.count), such as \(shown)" : shown
        }
        let kind = schema["type"]?.text ?? "anything"
        if let items = schema["items"] { return "array of \(type(of: items))" }
        if let format = schema["format"]?.text { return "\(Markup.escaped(kind)) (\(Markup.escaped(format)))" }
        if let least = schema["minimum"], let most = schema["maximum"] {
            return "\(Markup.escaped(kind)) from \(lines(least.value)) to \(lines(most.value))"
        }
        if let length = schema["maxLength"] { return "\(Markup.escaped(kind)) to \(lines(length.value)) characters" }
        return Markup.escaped(kind)
    }

    private static let maxChoices = 12

    /// A value as JSON text with one member or entry a line.
    static func lines(_ value: JSONValue, indent: String = "") -> String {
        let inner = indent + "  "
        switch value {
        case .object(let members) where !members.isEmpty:
            let entries = members.map { member in
                "\(inner)\(lines(.string(member.name))): \(lines(member.value, indent: inner))"
            }
            return "{\n\(entries.joined(separator: ",\n"))\n\(indent)}"
        case .array(let values) where !values.isEmpty:
            let entries = values.map { inner + lines($0, indent: inner) }
            return "[\n\(entries.joined(separator: ",\n"))\n\(indent)]"
        default: return String(decoding: value.serialized(), as: UTF8.self)
        }
    }

    /// Escapes a text, and marks what stands between backticks as code.
    static func marked(_ source: String) -> String {
        let parts = source.split(separator: "`", omittingEmptySubsequences: false)
        return parts.enumerated().map { index, part in
            let part = Markup.escaped(String(part))
            return index.isMultiple(of: 2) ? part : "<code>\(part)</code>"
        }.joined()
    }
}

extension Substring {
    fileprivate func hasPrefix(_ prefix: StaticString) -> Bool {
        utf8.prefix(prefix.utf8CodeUnitCount).elementsEqual(prefix.description.utf8)
    }
}
