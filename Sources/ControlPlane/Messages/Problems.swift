import Basics

/// One thing that is wrong with a request.
struct Problem: Sendable, Equatable {
    /// The member of the body or the parameter of the query, such as `presenters[1]`; empty for the whole of it.
    let field: String
    let message: String
    /// The same for people, in one line.
    let sentence: String

    init(_ field: String, _ message: String) {
        self.init(field, message, sentence: field.isEmpty ? message : "\(field): \(message)")
    }

    init(_ field: String, _ message: String, sentence: String) {
        self.field = field
        self.message = message
        self.sentence = sentence
    }
}

/// Everything that is wrong with a request, so that a caller can mend it all at once.
struct Problems: Sendable {
    /// More are not looked for: a request of nothing else must not cost more than it is worth.
    static let maxCount = 32

    private(set) var all: [Problem] = []

    var isFull: Bool { all.count >= Self.maxCount }

    mutating func add(_ problem: Problem) {
        if !isFull { all.append(problem) }
    }

    mutating func add(_ field: String, _ message: String) { add(Problem(field, message)) }

    /// Adds the names that are not known.
    ///
    /// - Parameters:
    ///   - place: what the names are in, for members within members.
    ///   - kind: what they would be, such as `parameter`.
    mutating func addUnknown(of members: [JSONMember], in place: String = "", _ kind: String, known: [String]) {
        for member in members where !isFull && !known.contains(where: { $0.hasSameBytes(as: member.name) }) {
            let hint = NearestName.find(member.name, among: known).map { "; did you mean \"\($0)\"?" } ?? ""
            let name = Self.shown(member.name)
            add(place.isEmpty ? name : "\(place).\(name)", "is not a known \(kind)\(hint)")
        }
    }

    /// A name that comes from outside, and may be long: a character alone can have any number of scalars.
    private static func shown(_ name: String) -> String {
        name.utf8.count <= 64 ? name : String(name.unicodeScalars.prefix(32)) + "…"
    }

    /// All of them for people, in one line.
    static func sentence(of problems: [Problem]) -> String {
        let line = problems.map(\.sentence).joined(separator: "; ")
        return problems.count < maxCount ? line : "\(line); these are the first \(maxCount), there may be more"
    }

    /// - Throws: a fault that names all of them, if there are any.
    func check() throws(Fault) {
        if !all.isEmpty { throw .fields(all) }
    }
}
