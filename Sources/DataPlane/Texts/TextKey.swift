/// Names one text of the catalogue.
enum TextKey: Hashable, Sendable {
    case title(Topic)
    case detail(Topic)
    case label(Label)

    static let all = Topic.allCases.flatMap { [TextKey.title($0), .detail($0)] } + Label.allCases.map(TextKey.label)

    /// The table and the key that it has in a file of texts.
    var place: (table: String, key: String) {
        switch self {
        case .title(let topic): (topic.key, "title")
        case .detail(let topic): (topic.key, "detail")
        case .label(let label): ("labels", label.rawValue)
        }
    }

    /// What stands for something else in the text, in braces.
    var placeholders: [String] { if case .label(let label) = self { label.placeholders } else { [] } }
}
