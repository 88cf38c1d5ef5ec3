import Basics
import Directory
import HTTPTypes
import Synchronization

/// Which part of a list to return: a page if the caller gives a `limit`, otherwise all of it. An answer says how many
/// entries there are, and links to the next page ([RFC 8288](https://www.rfc-editor.org/rfc/rfc8288)).
struct PageRequest {
    /// The most entries; `nil` for all.
    let limit: Int?
    let cursor: String?
    private let path: Substring
    private let query: Members

    static let limitParameter = Call.Parameter(
        name: "limit",
        schema: .integer(1...1000),
        description: "The most entries to return, with a `Link` to the others; without it, the answer has all."
    )

    /// For lists that are never given whole, since they grow with what has happened.
    static func limitParameter(byDefault count: Int) -> Call.Parameter {
        Call.Parameter(
            name: "limit",
            schema: .integer(1...1000),
            description: "The most entries to return, with a `Link` to the others; \(count) by default."
        )
    }

    /// - Parameter digits: the length of the list's cursors.
    static func cursorParameter(digits: Int) -> Call.Parameter {
        Call.Parameter(
            name: "cursor",
            schema: .text(Text(kind: .cursor(digits: digits))),
            description: "Where the list continues; from the `Link` of the previous page."
        )
    }

    static func searchParameter(_ description: String) -> Call.Parameter {
        Call.Parameter(
            name: "q",
            schema: .text(Text(kind: .words, maxLength: 100)),
            description: "\(description) Case does not matter; a plus is a space."
        )
    }

    static let cursorFault = Fault.field("cursor", "not one that this list gave")

    init(_ incoming: Incoming) {
        limit = incoming.query.integer("limit")
        cursor = incoming.query.text("cursor")
        path = (incoming.head.path ?? "/").prefix { $0 != "?" }
        query = incoming.query
    }

    /// Answers with a page.
    ///
    /// - Parameters:
    ///   - total: the number of entries on all pages.
    ///   - next: the cursor of the next page; `nil` if this is the last.
    func answer(_ values: [JSONValue], total: Int, next: String?) -> Answer {
        var answer = Answer(.array(values))
        describe(&answer, total: total, next: next)
        return answer
    }

    /// Says in an answer how many entries there are, and where the next page is.
    func describe(_ answer: inout Answer, total: Int, next: String?) {
        answer.fields[.totalCount] = String(total)
        if let next { answer.fields[.link] = link(to: next) }
    }

    /// The same list from a cursor on.
    private func link(to cursor: String) -> String {
        let kept = query.queryTexts.filter { !$0.name.hasSameBytes(as: "cursor") }
        let members = (kept + [(name: "cursor", text: cursor)]).map { "\($0.name)=\(percentEncoded($0.text))" }
        return "<\(path)?\(members.joined(separator: "&"))>; rel=\"next\""
    }

    /// How many entries of a whole list are read and written at a time.
    private static let part = 100

    /// Answers with all of a list. Its entries are read while the answer is written, or at once if there are few.
    ///
    /// - Parameter read: the entries in some of the rows. Rows that were deleted meanwhile have none.
    static func answer(
        _ rows: ListedRows,
        read: @escaping @Sendable (ArraySlice<Int64>) async throws -> [JSONValue]
    ) async throws -> Answer {
        let ids = rows.ids
        let hasBegun = Begun()
        let count = max((ids.count + part - 1) / part, 1)
        let further = Further(weight: ids.count * MemoryLayout<Int64>.size) { number in
            guard number < count else { return nil }
            let entries = try await read(ids[number * part..<min((number + 1) * part, ids.count)])
            var text: [UInt8] = []
            for entry in entries { text += (hasBegun.set() ? "," : "[").utf8 + entry.serialized() }
            if number == count - 1 { text += (hasBegun.set() ? "]" : "[]").utf8 }
            return text
        }
        var answer = Answer([], type: "application/json")
        answer.fields[.totalCount] = String(rows.total)
        if count == 1 { answer.body = try await further.piece(0) ?? [] } else { answer.further = further }
        return answer
    }

    /// Whether a text has begun, which is written in pieces.
    final class Begun: Sendable {
        private let value = Atomic(false)

        /// Sets it, and returns whether it was set.
        func set() -> Bool { value.exchange(true, ordering: .relaxed) }
    }
}

extension HTTPField.Name {
    static let link = HTTPField.Name("Link")!
    static let totalCount = HTTPField.Name("X-Total-Count")!
}
