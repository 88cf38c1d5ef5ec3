/// Why a key cannot be used: a sentence for the operator, which never holds a byte of the key.
package struct KeyError: Error, CustomStringConvertible, Equatable {
    package let description: String

    /// Said by who was asked to sign without a private key.
    package static let cannotSign = KeyError("there is no key that can sign")

    init(_ description: String) {
        self.description = description
    }
}
