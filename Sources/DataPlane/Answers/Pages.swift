/// The pages for all topics in all languages, but for what differs from one request to the next. Made once.
final class Pages: Sendable {
    let wordings: [Wording]
    /// The tags of the languages, for ``LanguageChoice``.
    let tags: [[UInt8]]
    /// By language.
    private let layouts: [[Topic: PageLayout]]

    static let standard = Pages(.standard)

    init(_ catalogue: Catalogue) {
        wordings = catalogue.wordings
        tags = catalogue.wordings.map { Array($0.tag.utf8) }
        let layout = PageLayout(RefusalPage.layout)
        layouts = catalogue.wordings.map { wording in
            let ofLanguage = layout.filled { slot in
                switch slot {
                case .lang: RefusalPage.escaped(wording.tag)
                case .dir: wording.isRightToLeft ? "rtl" : "ltr"
                default: nil
                }
            }
            let pages = Topic.allCases.map { topic in
                let words = wording[topic]
                let page = ofLanguage.filled { slot in
                    switch slot {
                    case .title: RefusalPage.escaped(words.title)
                    case .detail: RefusalPage.escaped(words.detail)
                    default: nil
                    }
                }
                return (topic, page)
            }
            return Dictionary(pages) { first, _ in first }
        }
    }

    /// - Parameter language: a place in ``wordings``.
    func layout(of topic: Topic, in language: Int) -> PageLayout? { layouts[language][topic] }
}
