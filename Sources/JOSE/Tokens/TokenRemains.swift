import Basics

/// What can be read of a token that was damaged on its way: of the claims only what has arrived whole, and of the signature
/// nothing. None of it is verified, so it can only explain a refusal.
package struct TokenRemains: Sendable {
    package let algorithm: Algorithm
    package let keyID: String?
    package let type: String?
    /// `nil` if they are incomplete.
    package let claims: Claims?

    /// Returns `nil` if not even the header can be read.
    ///
    /// - Parameter maxSize: the longest token that is read, in bytes.
    package init?(of bytes: Span<UInt8>, maxSize: Int) {
        guard bytes.count <= maxSize else { return nil }
        var ends: [Int] = []
        for index in bytes.indices where bytes[index] == UInt8(ascii: ".") && ends.count < 2 { ends.append(index) }
        guard let end = ends.first, let header = Base64URL.decode(bytes.extracting(0..<end)),
            let fields = try? Header(parsing: header.span)
        else { return nil }
        (algorithm, keyID, type) = (fields.algorithm, fields.keyID, fields.type)
        guard ends.count == 2, let text = Base64URL.decode(bytes.extracting(end + 1..<ends[1])),
            case .object(let members)? = try? JSONValue(parsing: text.span, limits: JSONLimits(size: maxSize))
        else {
            claims = nil
            return
        }
        claims = Claims(members)
    }

    /// Whether `typ` is this type, which must be in lower case.
    package func hasType(_ name: String) -> Bool { isMediaType(type, name) }
}

/// Whether a `typ` is this type, which must be in lower case. Media types are compared without case.
func isMediaType(_ type: String?, _ name: String) -> Bool {
    guard let type else { return false }
    return type.utf8.elementsEqual(name.utf8) { given, wanted in
        given == wanted || given >= UInt8(ascii: "A") && given <= UInt8(ascii: "Z") && given | 0x20 == wanted
    }
}
