import Basics

/// Texts that describe a company, wherever they are written: in the configuration, or by the operator API.
package enum CompanyText {
    /// Reads an id, which appears in tokens, logs, header fields and, as the user name, in Basic authentication.
    package static func readID(_ text: String) throws(ValueFault) -> String {
        guard (1...64).contains(text.utf8.count),
            text.utf8.allSatisfy({ $0.isLetterOrDigit || "-._".utf8.contains($0) })
        else { throw ValueFault("\(quoted(text)) is not 1 to 64 letters, digits, -, . and _") }
        guard !text.utf8.allSatisfy({ $0 == UInt8(ascii: ".") }) else {
            throw ValueFault("\(quoted(text)) must not be of dots only, which have a meaning in paths")
        }
        return text
    }

    /// Reads a name, an issuer or an audience.
    package static func readName(_ text: String) throws(ValueFault) -> String {
        guard !text.isEmpty else { throw ValueFault("must not be empty") }
        guard text.utf8.count <= 256 else { throw ValueFault("must not be longer than 256 bytes") }
        guard text.unicodeScalars.allSatisfy({ $0.properties.generalCategory != .control }) else {
            throw ValueFault("\(quoted(text)) holds a control character")
        }
        return text
    }

    /// Reads an origin that may frame the company's events, and returns it as browsers send it.
    package static func readOrigin(_ text: String) throws(ValueFault) -> String {
        guard text.utf8.count <= 256 else { throw ValueFault("must not be longer than 256 bytes") }
        return try WebOrigin.readPattern(text)
    }
}
