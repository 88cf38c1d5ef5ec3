import Admission

/// Reads `event_ids`, which must not overlap between companies.
struct EventIDReader {
    private var taken: [(pattern: EventOwners.Pattern, text: String, place: Place)] = []

    mutating func read(from table: TableReader, into company: inout CompanySettings) {
        table.read("event_ids", into: &company.eventIDs, .set(of: .text("an event id", Self.readPattern)))
        for text in company.eventIDs ?? [] {
            guard let pattern = EventOwners.Pattern(text) else { continue }
            if let other = taken.first(where: { $0.pattern.overlaps(pattern) }) {
                let whose = other.place.description == table.place.description ? "" : " of \(other.place)"
                table.report("\(quoted(text)) and \(quoted(other.text))\(whose) match the same ids", at: "event_ids")
            }
            taken.append((pattern, text, table.place))
        }
    }

    private static func readPattern(_ text: String) throws(ValueFault) -> String {
        guard !text.isEmpty else { throw ValueFault("must not be empty") }
        guard text.utf8.count <= 256 else { throw ValueFault("must not be longer than 256 bytes") }
        guard EventOwners.Pattern(text) != nil else {
            throw ValueFault("\(quoted(text)): * may only stand at the end")
        }
        return text
    }
}
