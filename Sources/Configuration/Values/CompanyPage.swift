package import Basics

/// How a company shows itself on the gateway's pages. Nothing of it is needed.
package struct CompanyPage: Sendable, Equatable {
    /// What viewers know it by; `nil` for the company's name.
    package var name: String?
    package var logo: PageImage?
    /// The colour of buttons.
    package var accent: PageColor?
    /// Where viewers get help.
    package var contact: PageContact?
    /// The company's own page about its events, an https URL.
    package var home: String?

    package init() {}

    /// Reads members of an object, and leaves out what cannot be shown.
    package init(_ members: [JSONMember]) {
        for key in Key.allCases { if case .string(let text)? = members[key.rawValue] { try? set(key, text) } }
    }

    /// What is set, as members of an object.
    package var members: [JSONMember] {
        Key.allCases.compactMap { key in self[key].map { JSONMember(key.rawValue, .string($0)) } }
    }

    /// The page of something within the company, such as an event, that has some values of its own.
    package func with(_ own: CompanyPage) -> CompanyPage {
        var page = self
        page.name = own.name ?? name
        page.logo = own.logo ?? logo
        page.accent = own.accent ?? accent
        page.contact = own.contact ?? contact
        page.home = own.home ?? home
        return page
    }

    /// The keys of `[company.page]`, and the members of `page` in the operator API.
    package enum Key: String, Sendable, CaseIterable {
        case name
        case logo
        case accent
        case contact
        case home
    }

    /// The value of a key, as the operator writes it.
    package subscript(key: Key) -> String? {
        switch key {
        case .name: name
        case .logo: logo?.text
        case .accent: accent?.text
        case .contact: contact?.text
        case .home: home
        }
    }

    /// Sets a key to what the operator writes, or to nothing. A logo is a URL here, not a file.
    package mutating func set(_ key: Key, _ text: String?) throws(ValueFault) {
        switch key {
        case .name: name = try text.map { text throws(ValueFault) in try CompanyText.readName(text) }
        case .logo: logo = try text.map { text throws(ValueFault) in try PageImage(parsing: text) }
        case .accent: accent = try text.map { text throws(ValueFault) in try PageColor(parsing: text) }
        case .contact: contact = try text.map { text throws(ValueFault) in try PageContact(parsing: text) }
        case .home: home = try text.map { text throws(ValueFault) in try Self.readHome(text) }
        }
    }

    /// Reads a URL that a page may link to.
    package static func readHome(_ text: String) throws(ValueFault) -> String {
        guard text.utf8.count <= 512 else { throw ValueFault("must not be longer than 512 bytes") }
        guard text.contains("://") else { throw noURL(text) }
        guard try WebAddress(parsing: text).isSecure else {
            throw ValueFault("\(quoted(text)): the scheme must be https")
        }
        return text
    }

    static func noURL(_ text: String) -> ValueFault {
        ValueFault("\(quoted(text)) is not a URL: it must begin with https://")
    }
}
