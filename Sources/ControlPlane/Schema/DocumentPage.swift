import Basics
import Foundation
import JOSE

/// The OpenAPI document as a page for people. It has no script, and nothing from elsewhere.
struct DocumentPage {
    let html: [UInt8]

    /// - Parameter document: made by ``OpenAPIDocument``.
    init(_ document: JSONValue) {
        let document = JSONNode(value: document)
        var writer = PageWriter()
        Self.write(document, to: &writer)
        html = Array(writer.text.utf8)
    }

    /// Allows the page its own style and nothing else.
    static let policy =
        "default-src 'none'; style-src 'sha256-\(styleHash)'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

    private static let styleHash = Data(SHA256.hash(Array(style.utf8).span)).base64EncodedString()

    private static func write(_ document: JSONNode, to writer: inout PageWriter) {
        let title = Markup.escaped(document["info"]?["title"]?.text ?? "")
        writer.text += """
            <!doctype html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>\(title)</title>
            <style>\(style)</style>
            </head>
            <body>
            <a class="skip" href="#main">Skip to the content</a>
            <header>
            <h1>\(title)</h1>
            <p>For programs: <a href="openapi.json">the same in OpenAPI 3.1</a></p>
            </header>

            """
        let tags = document["tags"]?.list ?? []
        writeNavigation(document, tags, to: &writer)
        writer.text += "<main id=\"main\">\n<section>\n"
        writer.markdown(document["info"]?["description"]?.text ?? "")
        writer.text += "</section>\n"
        for tag in tags { write(tag, of: document, to: &writer) }
        writeMessages(document, to: &writer)
        writer.text += "<section>\n<h2 id=\"schemas\">Objects</h2>\n"
        for (name, schema) in document["components"]?["schemas"]?.members ?? [] {
            writer.element("h3", name, id: "schema-\(name)")
            writer.members(of: schema)
            if schema["properties"] == nil { writer.text += "<p>\(PageWriter.type(of: schema))</p>\n" }
        }
        writer.text += "</section>\n</main>\n</body>\n</html>\n"
    }

    /// The operations with a tag, each with its path and method.
    private static func operations(_ tag: JSONNode, _ document: JSONNode) -> [(String, String, JSONNode)] {
        guard let name = tag["name"]?.text else { return [] }
        return (document["paths"]?.members ?? []).flatMap { path, methods in
            methods.members.filter { $0.value["tags"]?.list.first?.text?.hasSameBytes(as: name) ?? false }
                .map { (path, $0.name.uppercased(), $0.value) }
        }
    }

    private static func writeNavigation(_ document: JSONNode, _ tags: [JSONNode], to writer: inout PageWriter) {
        writer.text += "<nav aria-label=\"Calls\">\n"
        for tag in tags {
            writer.text += "<details><summary>\(Markup.escaped(tag["name"]?.text ?? ""))</summary>\n<ul>\n"
            for (path, method, operation) in operations(tag, document) {
                let id = Markup.escaped(operation["operationId"]?.text ?? "")
                writer.text += "<li><a href=\"#\(id)\">\(method) \(Markup.escaped(path))</a></li>\n"
            }
            writer.text += "</ul></details>\n"
        }
        writer.text += "<a href=\"#messages\">Messages to webhooks</a><br>\n"
        writer.text += "<a href=\"#schemas\">Objects</a>\n</nav>\n"
    }

    private static func write(_ tag: JSONNode, of document: JSONNode, to writer: inout PageWriter) {
        writer.text += "<section>\n"
        writer.element("h2", tag["name"]?.text ?? "")
        writer.markdown(tag["description"]?.text ?? "")
        for (path, method, operation) in operations(tag, document) {
            let id = operation["operationId"]?.text ?? ""
            write(operation, "\(method) \(path)", id: id, document, to: &writer)
        }
        writer.text += "</section>\n"
    }

    private static func writeMessages(_ document: JSONNode, to writer: inout PageWriter) {
        writer.text += "<section>\n"
        writer.element("h2", "Messages to webhooks", id: "messages")
        for (type, path) in document["webhooks"]?.members ?? [] {
            for (_, operation) in path.members {
                write(operation, type, id: "message-\(type)", document, to: &writer)
            }
        }
        writer.text += "</section>\n"
    }

    private static func write(
        _ operation: JSONNode,
        _ address: String,
        id: String,
        _ document: JSONNode,
        to writer: inout PageWriter
    ) {
        writer.text += "<article>\n"
        let heading = "<code>\(Markup.escaped(address))</code>"
        writer.text += "<h3 id=\"\(Markup.escaped(id))\">\(heading)</h3>\n"
        writer.markdown(operation["summary"]?.text ?? "")
        let parameters = operation["parameters"]?.list ?? []
        if !parameters.isEmpty {
            writer.text += "<h4>Parameters</h4>\n<dl>\n"
            for parameter in parameters {
                let place = parameter["in"]?.text ?? ""
                writer.entry(
                    parameter["name"]?.text ?? "",
                    parameter["schema"],
                    isRequired: parameter["required"]?.isTrue ?? false,
                    note: "in the \(place)",
                    description: parameter["description"]?.text
                )
            }
            writer.text += "</dl>\n"
        }
        if let content = operation["requestBody"]?["content"] {
            writer.text += "<h4>Body</h4>\n"
            writer.content(content)
        }
        writer.text += "<h4>Answers</h4>\n<dl>\n"
        for (status, response) in operation["responses"]?.members ?? [] {
            writer.text += "<dt><strong>\(Markup.escaped(status))</strong></dt>\n<dd>"
            let response = resolved(response, document)
            writer.markdown(response["description"]?.text ?? "")
            for (name, field) in response["headers"]?.members ?? [] {
                let description = PageWriter.marked(field["description"]?.text ?? "")
                writer.text += "<p><code>\(Markup.escaped(name))</code>: \(description)</p>\n"
            }
            if status.utf8.first == UInt8(ascii: "2"), let content = response["content"] { writer.content(content) }
            writer.text += "</dd>\n"
        }
        writer.text += "</dl>\n</article>\n"
    }

    /// The response that a reference names.
    private static func resolved(_ response: JSONNode, _ document: JSONNode) -> JSONNode {
        guard let name = response["$ref"]?.text?.split(separator: "/").last else { return response }
        return document["components"]?["responses"]?[String(name)] ?? response
    }

    private static let style = """
        :root{color-scheme:light dark;--line:#c8c8d0;--soft:#f3f3f6;--link:#0b57d0}\
        @media(prefers-color-scheme:dark){:root{--line:#4a4a55;--soft:#24242b;--link:#9ec1ff}}\
        body{margin:0 auto;max-width:56rem;padding:1rem;font:1rem/1.5 system-ui,sans-serif;overflow-wrap:anywhere}\
        a{color:var(--link)}\
        .skip{position:absolute;left:-99rem}.skip:focus{position:static}\
        h1{line-height:1.2}h2{margin-top:3rem;border-bottom:1px solid var(--line)}h3{margin:2.5rem 0 .5rem}h4{margin:1rem 0 .25rem}\
        code,pre{font-family:ui-monospace,monospace;font-size:.9em}\
        pre{background:var(--soft);padding:.75rem;border-radius:.4rem;white-space:pre-wrap}\
        dl{margin:0}dt{margin-top:.5rem}dd{margin:0 0 0 1.25rem}dd p{margin:.25rem 0}\
        summary{cursor:pointer;padding:.25rem 0}nav ul{margin:.25rem 0;padding-left:1.25rem}
        """
}

/// A value of a JSON document, to be looked into.
struct JSONNode {
    let value: JSONValue

    subscript(name: String) -> JSONNode? {
        guard case .object(let members) = value else { return nil }
        return members[name].map { JSONNode(value: $0) }
    }

    var text: String? {
        guard case .string(let text) = value else { return nil }
        return text
    }

    var isTrue: Bool { value == .bool(true) }

    var list: [JSONNode] {
        guard case .array(let values) = value else { return [] }
        return values.map { JSONNode(value: $0) }
    }

    var members: [(name: String, value: JSONNode)] {
        guard case .object(let members) = value else { return [] }
        return members.map { ($0.name, JSONNode(value: $0.value)) }
    }
}
