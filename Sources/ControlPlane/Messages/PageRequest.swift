import DataPlane
import HTTPTypes
import JOSE

/// Which part of a list is asked for, and how the answer leads on to the next
/// ([RFC 8288](https://www.rfc-editor.org/rfc/rfc8288)).
struct PageRequest {
    let limit: Int
    let cursor: String?
    private let path: Substring
    private let query: Members

    static let limitParameter = Call.Parameter(
        name: "limit",
        schema: .integer(1...500),
        description: "How many at most; 100 by default."
    )

    init(_ incoming: Incoming) {
        limit = incoming.query.integer("limit") ?? 100
        cursor = incoming.query.text("cursor")
        path = (incoming.head.path ?? "/").prefix { $0 != "?" }
        query = incoming.query
    }

    /// - Parameter next: the cursor of what follows; nil: nothing does.
    func answer(_ values: [JSONValue], next: String?) -> Answer {
        var answer = Answer(.array(values))
        guard let next else { return answer }
        var members = ["limit=\(limit)"]
        for name in ["from", "to"] {
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
