import Testing

/// A part of the sample replaced by something invalid, and the exact message.
struct BadConfiguration: CustomTestStringConvertible {
    let part: Sample.Part
    let body: String?
    let problems: [String]

    init(_ part: Sample.Part, _ body: String?, _ problems: String...) {
        self.part = part
        self.body = body
        self.problems = problems
    }

    var testDescription: String { "\(part): \(body ?? "left out")" }
}
