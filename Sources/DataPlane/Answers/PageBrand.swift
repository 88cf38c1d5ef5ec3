import Basics
import GatewayConfiguration

/// What a page shows of the company that the viewer belongs to.
struct PageBrand {
    private let page: CompanyPage
    private let name: String
    /// Whether the company has a name, not only an id.
    private let isNamed: Bool

    /// Buttons stand out from the page if their contrast to it is at least this
    /// ([WCAG 2.2, 1.4.11](https://www.w3.org/TR/WCAG22/#non-text-contrast)).
    private static let minContrast = 3.0

    /// - Parameter event: what its page has of its own.
    init(_ company: CompanySettings, event: CompanyPage = CompanyPage()) {
        page = company.page.with(event)
        name = page.name ?? company.name
        isNamed = !name.hasSameBytes(as: company.id)
    }

    /// What stands above the heading: the logo, or else the name.
    var header: String {
        let name = Markup.escaped(name)
        guard let logo = page.logo else { return isNamed ? "<p class=\"brand\">\(name)</p>\n" : "" }
        return "<p class=\"brand\"><img src=\"\(Markup.escaped(logo.address))\" alt=\"\(name)\"></p>\n"
    }

    /// The company's colours. On the dark page, a colour that is too dark becomes lighter.
    private var style: String? {
        guard let accent = page.accent else { return nil }
        func rule(_ accent: PageColor) -> String {
            ":root{--accent:\(accent.text);--on-accent:\(accent.textColor.text)}"
        }
        var onDark = accent
        var share = 0.1
        while onDark.contrast(to: RefusalPage.darkCard) < Self.minContrast, share <= 1 {
            onDark = accent.lightened(by: share)
            share += 0.1
        }
        return "\(rule(accent))@media(prefers-color-scheme:dark){\(rule(onDark))}"
    }

    /// For the head.
    var head: String { style.map { "<style>\($0)</style>\n" } ?? "" }

    /// The hash of what ``head`` has, for `style-src`.
    var styleHash: String? { style.map { RefusalPage.hash(of: $0) } }

    /// Where the logo comes from, for `img-src`.
    var imageSource: String? { page.logo?.source }

    var hasHome: Bool { page.home != nil }

    /// A button to the company's own page, which leaves the frame.
    ///
    /// - Parameter isQuiet: whether another one matters more.
    func homeButton(_ wording: Wording, isQuiet: Bool) -> String? {
        guard let home = page.home else { return nil }
        let text = Markup.escaped(wording[.home, name])
        let kind = isQuiet ? "button quiet" : "button"
        return "<a class=\"\(kind)\" href=\"\(Markup.escaped(home))\" target=\"_top\">\(text)</a>"
    }

    func contact(_ wording: Wording) -> String? {
        guard let contact = page.contact else { return nil }
        let text = Markup.escaped(wording[.contact, name])
        let place = contact.address.utf8.starts(with: "https:".utf8) ? " target=\"_blank\" rel=\"noopener\"" : ""
        return "<p><a href=\"\(Markup.escaped(contact.address))\"\(place)>\(text)</a></p>"
    }
}
