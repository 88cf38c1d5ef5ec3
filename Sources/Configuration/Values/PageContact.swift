import Basics

/// A way to reach people: an e-mail address, a telephone number, or a page.
package struct PageContact: Sendable, Equatable {
    /// As the operator writes it.
    package let text: String
    /// The `href` of a link.
    package let address: String

    /// Reads `help@acme.example`, `tel:+49301234` or an https URL.
    package init(parsing text: String) throws(ValueFault) {
        guard text.utf8.count <= 256 else { throw ValueFault("must not be longer than 256 bytes") }
        self.text = text
        if text.hasPrefix("tel:") {
            let number = text.utf8.dropFirst(4)
            let digits = number.first == UInt8(ascii: "+") ? number.dropFirst() : number
            guard (3...20).contains(digits.count), digits.allSatisfy({ $0.isDigit || $0 == UInt8(ascii: "-") }) else {
                throw ValueFault("\(quoted(text)) is not a telephone number such as \"tel:+49301234567\"")
            }
            address = text
        } else if text.utf8.contains(UInt8(ascii: "@")), !text.contains("://") {
            let parts = text.utf8.split(separator: UInt8(ascii: "@"), omittingEmptySubsequences: false)
            let isAddress = text.utf8.allSatisfy { $0.isLetterOrDigit || "@.+-_".utf8.contains($0) }
            guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty, isAddress else {
                throw ValueFault("\(quoted(text)) is not an e-mail address such as \"help@acme.example\"")
            }
            address = "mailto:" + text
        } else if !text.contains("://") {
            throw ValueFault(
                "\(quoted(text)) is not an e-mail address, a telephone number such as \"tel:+49301234567\", or an https URL"
            )
        } else {
            address = try CompanyPage.readHome(text)
        }
    }
}
