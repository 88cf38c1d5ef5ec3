import Basics

/// The permitted form of a JSON value. It both checks bodies and describes them in the OpenAPI document, so the two
/// agree.
indirect enum Schema: Sendable {
    case text(Text)
    case boolean
    case integer(ClosedRange<Int>)
    /// In answers only.
    case number
    case list(Schema, from: Int = 0, upTo: Int? = nil)
    /// In answers only: one value of each schema.
    case tuple([Schema])
    /// May have other members too.
    case object([Member])
    /// In requests only: an object that has no other members.
    case input([Member])
    /// In requests only: an object of which at most one of the named members is given and not null, and exactly one if
    /// that is required.
    case oneOf([String], isRequired: Bool, Schema)
    /// Any object of up to ``maxDocument`` bytes.
    case document
    case nullable(Schema)
    /// Only null, for the given reason.
    case nothing(String)
    /// A schema that the document defines once and refers to by name.
    case named(String, Schema)

    struct Member: Sendable {
        let name: String
        let schema: Schema
        var isRequired = false
        var description: String?
        /// The sentence for people if it is required and not there.
        var absence: String?
    }

    /// The limit for a company's own data, in bytes of its shortest JSON text.
    static let maxDocument = 16 << 10

    static func words(_ maxLength: Int) -> Schema { .text(Text(kind: .words, maxLength: maxLength)) }
    static let anyText = Schema.text(Text(kind: .any))
    static let moment = Schema.text(Text(kind: .moment))
    static let momentOrDay = Schema.text(Text(kind: .momentOrDay))
    static let uuid = Schema.text(Text(kind: .uuid))
    static func choice(_ choices: [String]) -> Schema { .text(Text(kind: .choice(choices))) }

    /// For an object: the names of the known members.
    var memberNames: [String] {
        switch self {
        case .object(let members), .input(let members): members.map(\.name)
        case .named(_, let schema), .nullable(let schema), .oneOf(_, _, let schema): schema.memberNames
        default: []
        }
    }

    // MARK: Checking

    /// Finds what is wrong with a value.
    ///
    /// - Parameter name: the value's name in error messages.
    func check(_ value: JSONValue, _ name: String, _ problems: inout Problems) {
        switch (self, value) {
        case (.named(_, let schema), _): schema.check(value, name, &problems)
        case (.nullable, .null), (.nothing, .null): return
        case (.nullable(let schema), _): schema.check(value, name, &problems)
        case (.text(let rule), .string(let text)):
            if let fault = rule.fault(in: text) { problems.add(name, fault) }
        case (.boolean, .bool): return
        case (.number, _) where value.number != nil: return
        case (.integer(let range), _):
            guard let integer = value.number.flatMap({ Int(exactly: $0) }) else {
                return problems.add(name, "must be a whole number")
            }
            if !range.contains(integer) { problems.add(name, "must be \(range.lowerBound) to \(range.upperBound)") }
        case (.list(let element, let least, let limit), .array(let values)):
            if let limit, values.count > limit { return problems.add(name, "has more than \(limit) entries") }
            if values.count < least { return problems.add(name, "needs at least \(least)") }
            for (index, value) in values.enumerated() where !problems.isFull {
                element.check(value, "\(name)[\(index)]", &problems)
            }
        case (.tuple(let elements), .array(let values)):
            guard values.count == elements.count else {
                return problems.add(name, "must have \(elements.count) entries")
            }
            for (index, value) in values.enumerated() { elements[index].check(value, "\(name)[\(index)]", &problems) }
        case (.object(let known), .object(let members)): Self.check(members, known, within: name, &problems)
        case (.input(let known), .object(let members)):
            Self.check(members, known, within: name, &problems)
            problems.addUnknown(of: members, in: name, "member", known: known.map(\.name))
        case (.oneOf(let names, let isRequired, let schema), .object(let members)):
            schema.check(value, name, &problems)
            let given = names.filter { members[$0].map { $0 != .null } ?? false }
            if given.count > 1 || isRequired && given.isEmpty, let field = given.last ?? names.first {
                let fault = "give one of \(names.joined(separator: ", "))"
                problems.add(Problem(name.isEmpty ? field : "\(name).\(field)", fault, sentence: fault))
            }
        case (.document, .object):
            if value.serialized(upTo: Self.maxDocument) == nil { problems.add(name, "larger than 16 KiB") }
        default: problems.add(name, "must be \(kind)")
        }
    }

    /// Checks the known members of an object. Ignores the others.
    private static func check(
        _ members: [JSONMember],
        _ known: [Member],
        within name: String,
        _ problems: inout Problems
    ) {
        for member in known {
            let place = name.isEmpty ? member.name : "\(name).\(member.name)"
            if let value = members[member.name] {
                member.schema.check(value, place, &problems)
            } else if member.isRequired {
                let (message, sentence) = ("is required", member.absence ?? "\(place): is required")
                problems.add(Problem(place, message, sentence: sentence))
            }
        }
    }

    private var kind: String {
        switch self {
        case .text: "a text"
        case .boolean: "true or false"
        case .integer: "a whole number"
        case .number: "a number"
        case .list, .tuple: "an array"
        case .object, .input, .oneOf, .document: "an object"
        case .nothing(let reason): "null: \(reason)"
        case .nullable(let schema), .named(_, let schema): schema.kind
        }
    }
}
