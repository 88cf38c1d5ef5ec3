/// Why a text is not a valid value: a sentence for the operator, without the place.
package struct ValueFault: Error, Equatable, CustomStringConvertible {
    package let reason: String

    package init(_ reason: String) {
        self.reason = reason
    }

    package var description: String { reason }
}
