/// A heading and the advice below it.
struct Words: Equatable, Sendable {
    var title: String
    var detail: String

    init(_ title: String, _ detail: String) { (self.title, self.detail) = (title, detail) }
}

/// A language that pages are written in. The compiler checks that no text is missing.
protocol Language {
    /// By [BCP 47](https://www.rfc-editor.org/info/bcp47).
    static var tag: String { get }
    /// A heading without a full stop, and sentences that say what the viewer can do: never what the gateway knows about
    /// keys, events or other people.
    static func words(on topic: Topic) -> Words
    static func text(_ label: Label) -> String
}

/// Everything that pages say in one language.
struct Wording: Sendable {
    let tag: String
    let isRightToLeft: Bool
    private let words: [Topic: Words]
    private let labels: [Label: String]

    init<L: Language>(_ language: L.Type) {
        tag = L.tag
        isRightToLeft = false
        words = Dictionary(Topic.allCases.map { ($0, L.words(on: $0)) }) { first, _ in first }
        labels = Dictionary(Label.allCases.map { ($0, L.text($0)) }) { first, _ in first }
    }

    subscript(_ topic: Topic) -> Words { words[topic] ?? English.words(on: topic) }

    subscript(_ label: Label) -> String { labels[label] ?? English.text(label) }

    /// A text with something in the place of its placeholder.
    subscript(_ label: Label, _ value: some CustomStringConvertible) -> String {
        var text = self[label]
        for name in label.placeholders { text = text.replacing("{\(name)}", with: value.description) }
        return text
    }

    /// How long something takes or has taken, roughly.
    func duration(_ seconds: Int64) -> String {
        switch seconds {
        case ..<60: self[.underAMinute]
        case ..<120: self[.aMinute]
        case ..<7200: self[.minutes, seconds / 60]
        default: self[.hours, seconds / 3600]
        }
    }

    /// The days and hours until something that is days away.
    func days(_ seconds: Int64) -> String {
        let days = self[.days, seconds / 86_400]
        let hours = seconds / 3600 % 24
        guard hours > 0 else { return days }
        return self[.daysAndHours].replacing("{days}", with: days)
            .replacing("{hours}", with: hours == 1 ? self[.anHour] : self[.hours, hours])
    }
}

/// All languages that pages are written in.
struct Catalogue: Sendable {
    /// The first is for those who accept none of them.
    let wordings: [Wording]

    static let standard = Catalogue(wordings: [
        Wording(English.self), Wording(German.self), Wording(Spanish.self), Wording(French.self),
        Wording(Portuguese.self), Wording(Japanese.self),
    ])
}
