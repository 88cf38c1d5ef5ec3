import Basics

/// An event as the control API describes it to the company's backend.
struct PortalEvent: Sendable {
    enum Kind: String, Sendable, CaseIterable {
        case event, networking
    }

    let kind: Kind
    let uid: String
    let name: String
    /// RFC 3339; `nil` for a hub without dates.
    let (startDate, endDate): (String?, String?)
    /// Where the gateway serves it, without a token.
    let url: String

    init?(_ value: JSONValue, _ kind: Kind) {
        guard let uid = value["uid"]?.text, let name = value["name"]?.text, let url = value["url"]?.text else {
            return nil
        }
        (self.kind, self.uid, self.name, self.url) = (kind, uid, name, url)
        (startDate, endDate) = (value["startDate"]?.text, value["endDate"]?.text)
    }

    /// Its path on the company's site.
    var path: String { "/\(kind.rawValue)/\(uid)" }

    func address(token: String) -> String { "\(url)?token=\(token)" }
}

extension JSONValue {
    subscript(name: String) -> JSONValue? {
        if case .object(let members) = self { members[name] } else { nil }
    }

    var text: String? {
        if case .string(let text) = self { text } else { nil }
    }

    var list: [JSONValue] {
        if case .array(let values) = self { values } else { [] }
    }
}
