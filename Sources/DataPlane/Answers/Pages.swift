import Basics
import GatewayConfiguration

/// The pages for all topics in all languages, but for what differs from one request to the next. Made once.
final class Pages: Sendable {
    let wordings: [Wording]
    /// The tags of the languages, for ``LanguageChoice``.
    let tags: [[UInt8]]
    let template: PageTemplate
    /// By language.
    private let layouts: [[Topic: PageLayout]]

    static let standard = Pages(.standard, .standard)

    /// The pages with the operator's texts and template.
    ///
    /// - Parameter settings: without problems; see ``problems(in:)``.
    static func made(by settings: PagesSettings) -> Pages {
        guard settings != PagesSettings() else { return .standard }
        var problems: [String] = []
        return Pages(settings, &problems)
    }

    /// What is wrong with the operator's texts and template, as lines that begin with a key.
    static func problems(in settings: PagesSettings) -> [String] {
        var problems: [String] = []
        if settings != PagesSettings() { _ = Pages(settings, &problems) }
        return problems
    }

    private convenience init(_ settings: PagesSettings, _ problems: inout [String]) {
        var (ofTexts, ofTemplate): ([String], [String]) = ([], [])
        let catalogue = Catalogue(settings.texts, &ofTexts)
        let template = settings.template.map { PageTemplate($0, &ofTemplate) }
        problems = ofTemplate.map { "pages.directory: page.html: \($0)" } + ofTexts.map { "pages.languages: \($0)" }
        self.init(catalogue, template ?? .standard)
    }

    private init(_ catalogue: Catalogue, _ template: PageTemplate) {
        wordings = catalogue.wordings
        tags = catalogue.wordings.map { Array($0.tag.utf8) }
        self.template = template
        layouts = catalogue.wordings.map { wording in
            let ofLanguage = template.layout.filled { slot in
                switch slot {
                case .lang: Markup.escaped(wording.tag)
                case .dir: wording.isRightToLeft ? "rtl" : "ltr"
                default: nil
                }
            }
            let pages = Topic.allCases.map { topic in
                let words = wording[topic]
                let page = ofLanguage.filled { slot in
                    switch slot {
                    case .title: Markup.escaped(words.title)
                    case .detail: Markup.escaped(words.detail)
                    default: nil
                    }
                }
                return (topic, page)
            }
            return Dictionary(uniqueKeysWithValues: pages)
        }
    }

    /// - Parameter language: a place in ``wordings``.
    func layout(of topic: Topic, in language: Int) -> PageLayout? { layouts[language][topic] }
}
