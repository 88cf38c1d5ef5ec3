/// The operator's own texts, and the operator's own layout, for the pages that viewers see.
///
/// Only their form is checked here. Which texts there are, the catalogue of the pages knows.
package struct PagesSettings: Sendable, Equatable {
    /// The folder that has them; `nil` for none.
    package var directory: String?
    /// The languages whose texts the folder has, each in a file such as `de.toml`.
    package var languages: [String] = []
    /// In the order of `languages`.
    package var texts: [PageTexts] = []
    /// What `page.html` has; `nil` if there is no such file.
    package var template: String?

    package init() {}

    /// A page must stay small: who is refused may come again and again.
    static let maxTemplate = 8192
    static let maxTexts = 64 << 10
}

/// The texts of one language, as their file has them.
package struct PageTexts: Sendable, Equatable {
    package struct Entry: Sendable, Equatable {
        /// The header of its table.
        package let table: String
        package let key: String
        package let text: String
    }

    /// The language, by [BCP 47](https://www.rfc-editor.org/info/bcp47).
    package let tag: String
    /// Whether the language is written from right to left.
    package var isRightToLeft: Bool
    /// By table and key.
    package var entries: [Entry]

    package init(tag: String, isRightToLeft: Bool = false, entries: [(table: String, key: String, text: String)] = []) {
        (self.tag, self.isRightToLeft) = (tag, isRightToLeft)
        self.entries = entries.map { Entry(table: $0.table, key: $0.key, text: $0.text) }
    }
}
