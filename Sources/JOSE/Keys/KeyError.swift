/// Why a key cannot be used: a sentence for the operator, which never holds a byte of the key.
package struct KeyError: Error, CustomStringConvertible, Equatable {
    package let description: String

    init(_ description: String) {
        self.description = description
    }
}
