import Basics
import HTTPTypes

/// Which part of a list to return, and how the answer links to the next
/// ([RFC 8288](https://www.rfc-editor.org/rfc/rfc8288)).
struct PageRequest {
    let limit: Int
    let cursor: String?
    private let path: Substring
    private let query: Members

    static let limitParameter = Call.Parameter(
        name: "limit",
        schema: .integer(1...500),
        description: "The most entries to return; 100 by default."
    )

    init(_ incoming: Incoming) {
        limit = incoming.query.integer("limit") ?? 100
        cursor = incoming.query.text("cursor")
        path = (incoming.head.path ?? "/").prefix { $0 != "?" }
        query = incoming.query
    }

    /// - Parameter next: the cursor of the next page; `nil` if this is the last.
    func answer(_ values: [JSONValue], next: String?) -> Answer {
        var answer = Answer(.array(values))
        guard let next else { return answer }
        var members = ["limit=\(limit)"]
        for name in ["from", "to", "status"] {
            if let text = query.text(name) { members.append("\(name)=\(percentEncoded(text))") }
        }
        members.append("cursor=\(next)")
        answer.fields[.link] = "<\(path)?\(members.joined(separator: "&"))>; rel=\"next\""
        return answer
    }
}

extension HTTPField.Name {
    static let link = HTTPField.Name("Link")!
}
