/// Formats rows of text in columns for people: one line per row, without control characters.
enum TextTable {
    static func text(_ columns: [String], _ rows: [[String]]) -> String {
        let rows = [columns] + rows.map { $0.map(printable) }
        let widths = columns.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            zip(row, widths).map { text, width in text + String(repeating: " ", count: width - text.count) }
                .joined(separator: "  ")
        }.joined(separator: "\n")
    }

    /// Removes what a terminal would interpret, since a name may contain it.
    private static func printable(_ text: String) -> String {
        String(
            String.UnicodeScalarView(
                text.unicodeScalars.filter {
                    $0.properties.generalCategory != .control && $0.properties.generalCategory != .format
                }
            )
        )
    }
}
