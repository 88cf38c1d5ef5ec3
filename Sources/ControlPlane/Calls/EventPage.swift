import Basics
import GatewayConfiguration

/// What the gateway's pages show of an event that differs from its company's, in bodies and answers.
enum EventPage {
    static let schema = Schema.named(
        "EventPage",
        .input([
            Schema.Member(
                name: CompanyPage.Key.name.rawValue,
                schema: .nullable(.text(Text(kind: .line, maxLength: 64))),
                description: "What viewers know the host of the event by."
            ),
            Schema.Member(
                name: CompanyPage.Key.logo.rawValue,
                schema: .nullable(.text(Text(kind: .pageURL, maxLength: 512)))
            ),
            Schema.Member(
                name: CompanyPage.Key.accent.rawValue,
                schema: .nullable(.text(Text(kind: .color))),
                description: "The colour of buttons."
            ),
            Schema.Member(
                name: CompanyPage.Key.contact.rawValue,
                schema: .nullable(.text(Text(kind: .contact, maxLength: 256))),
                description: "Where viewers get help: an e-mail address, tel: with a number, or an https URL."
            ),
            Schema.Member(
                name: CompanyPage.Key.home.rawValue,
                schema: .nullable(.text(Text(kind: .pageURL, maxLength: 512))),
                description: "Where a button leads to if a link does not work."
            ),
        ])
    )

    /// What is stored after a change. What it does not name stays, and null takes it away.
    static func changed(_ stored: [JSONMember], _ change: [JSONMember]?) -> [JSONMember] {
        guard let change else { return [] }
        var page = CompanyPage(stored)
        for key in CompanyPage.Key.allCases {
            switch change[key.rawValue] {
            case .string(let text): try? page.set(key, text)
            case nil: break
            default: try? page.set(key, nil)
            }
        }
        return page.members
    }
}
