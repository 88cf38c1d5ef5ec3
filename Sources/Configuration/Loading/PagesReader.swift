import Basics

extension PagesSettings {
    mutating func read(from table: TableReader) {
        table.read("directory", into: &directory, .folder)
        table.read("languages", into: &languages, .set(of: .text("a language", Self.readTag)))
        guard let directory else {
            if table.has("languages"), !table.has("directory") {
                table.report("needs pages.directory, which has their files", at: "languages")
            }
            return
        }
        let page = directory + "/page.html"
        switch table.context.readFile(page) {
        case .failure(.notFound):
            if table.isEmpty("languages") || !table.has("languages") {
                table.report("has no page.html, and languages names no texts: \(directory)", at: "directory")
            }
        case .failure(let fault): table.report("\(fault.reason): \(page)", at: "directory")
        case .success(let bytes):
            template = Self.text(bytes, of: page, atMost: Self.maxTemplate, in: table, at: "directory")
        }
        for tag in languages {
            let path = "\(directory)/\(tag).toml"
            switch table.context.readFile(path) {
            case .failure(let fault): table.report("\(fault.reason): \(path)", at: "languages")
            case .success(let bytes):
                if let text = Self.text(bytes, of: path, atMost: Self.maxTexts, in: table, at: "languages") {
                    texts.append(Self.texts(of: tag, text, path, in: table))
                }
            }
        }
    }

    /// Reads the tag of a language: letters, then further parts behind hyphens.
    private static func readTag(_ text: String) throws(ValueFault) -> String {
        let parts = text.utf8.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
        let isTag = parts.allSatisfy { (1...8).contains($0.count) && $0.allSatisfy(\.isLetterOrDigit) }
        guard isTag, parts.count <= 4, parts[0].count >= 2, parts[0].allSatisfy({ !$0.isDigit }) else {
            throw ValueFault("\(quoted(text)) is not a language such as \"nl\" or \"pt-PT\"")
        }
        return text
    }

    private static func text(
        _ bytes: [UInt8],
        of path: String,
        atMost limit: Int,
        in table: TableReader,
        at key: String
    ) -> String? {
        guard bytes.count <= limit else {
            table.report("\(path): has \(bytes.count) bytes; \(limit) are allowed", at: key)
            return nil
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            table.report("\(path): not UTF-8 text", at: key)
            return nil
        }
        // Some editors write a byte order mark.
        return text.utf8.starts(with: [0xef, 0xbb, 0xbf]) ? String(decoding: bytes.dropFirst(3), as: UTF8.self) : text
    }

    private static func texts(of tag: String, _ text: String, _ path: String, in table: TableReader) -> PageTexts {
        var texts = PageTexts(tag: tag)
        func report(_ fault: String) { table.report("\(path): \(fault)", at: "languages") }
        let document: DocumentValue
        do {
            document = try Document.parse(text)
        } catch {
            report("line \(error.line), column \(error.column): \(error.reason)")
            return texts
        }
        guard case .table(let members) = document else { return texts }
        // Sorted, since dictionaries have no order.
        for (name, value) in members.sorted(by: { $0.key < $1.key }) {
            switch value {
            case .table(let entries):
                for (key, value) in entries.sorted(by: { $0.key < $1.key }) {
                    let place = Place.root.key(name).key(key)
                    guard case .string(let text) = value else {
                        report("\(place): expected a string, found \(value.found)")
                        continue
                    }
                    texts.entries.append(PageTexts.Entry(table: name, key: key, text: text))
                }
            case .boolean(let value) where name == "right_to_left": texts.isRightToLeft = value
            default: report("\(Place.root.key(name)): expected a table of texts, found \(value.found)")
            }
        }
        return texts
    }
}
