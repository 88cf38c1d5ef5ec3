/// Why a key cannot be used: a sentence for the operator, which never contains a byte of the key.
package struct KeyError: Error, CustomStringConvertible, Equatable {
    package let description: String

    /// Thrown when there is no private key to sign with.
    package static let cannotSign = KeyError("there is no key that can sign")

    init(_ description: String) {
        self.description = description
    }
}
