// Text from outside is compared by its bytes: for `==` look-alikes are equal, and combining marks that are stacked cost it the
// square of their number. The targets that meet such text import this module into each of their files (`Package.swift`). Its
// declarations go before those of the standard library, and are deprecated; warnings are errors, so nobody uses them.
//
// The compiler does, where it makes `==` for a type; that compares bytes, too. What they do not see is the inside of generic
// code, such as `firstIndex(of:)`, and `==` of two arrays or of two optionals.

extension String {
    @available(*, deprecated, message: "compare bytes: hasSameBytes(as:)")
    package static func == (a: String, b: String) -> Bool { a.utf8.elementsEqual(b.utf8) }

    @available(*, deprecated, message: "compare bytes: hasSameBytes(as:)")
    package static func != (a: String, b: String) -> Bool { !a.utf8.elementsEqual(b.utf8) }

    @available(*, deprecated, message: "compare bytes: utf8.starts(with:)")
    package func hasPrefix(_ prefix: String) -> Bool { utf8.starts(with: prefix.utf8) }

    @available(*, deprecated, message: "compare bytes, of utf8")
    package func hasSuffix(_ suffix: String) -> Bool { utf8.reversed().starts(with: suffix.utf8.reversed()) }
}

extension StringProtocol {
    @available(*, deprecated, message: "compare bytes: utf8.elementsEqual(_:)")
    package static func == (a: Self, b: some StringProtocol) -> Bool { a.utf8.elementsEqual(b.utf8) }

    @available(*, deprecated, message: "compare bytes: utf8.elementsEqual(_:)")
    package static func != (a: Self, b: some StringProtocol) -> Bool { !a.utf8.elementsEqual(b.utf8) }

    @available(*, deprecated, message: "compare bytes: utf8.starts(with:)")
    package func hasPrefix(_ prefix: some StringProtocol) -> Bool { utf8.starts(with: prefix.utf8) }
}

extension Optional<String> {
    @available(*, deprecated, message: "compare bytes: hasSameBytes(as:)")
    package static func == (a: String?, b: String) -> Bool { a?.utf8.elementsEqual(b.utf8) ?? false }

    @available(*, deprecated, message: "compare bytes: hasSameBytes(as:)")
    package static func != (a: String?, b: String) -> Bool { !(a?.utf8.elementsEqual(b.utf8) ?? false) }
}

@available(*, deprecated, message: "compare bytes: switch over an ExactText")
package func ~= (pattern: String, text: String) -> Bool { pattern.utf8.elementsEqual(text.utf8) }

@available(*, deprecated, message: "compare bytes: switch over an ExactText")
package func ~= (pattern: String, text: String?) -> Bool { text?.utf8.elementsEqual(pattern.utf8) ?? false }

extension Sequence<String> {
    @available(*, deprecated, message: "compare bytes: hasSameBytes(as:)")
    package func contains(_ text: String) -> Bool { contains { $0.utf8.elementsEqual(text.utf8) } }
}

extension Set<String> {
    @available(*, deprecated, message: "a set of texts is one of ExactText")
    package func contains(_ text: String) -> Bool { contains { $0.utf8.elementsEqual(text.utf8) } }

    @available(*, deprecated, message: "a set of texts is one of ExactText")
    @discardableResult
    package mutating func insert(_ text: String) -> (inserted: Bool, memberAfterInsert: String) {
        let count = count
        formUnion(CollectionOfOne(text))
        return (self.count > count, text)
    }

    @available(*, deprecated, message: "a set of texts is one of ExactText")
    package init(_ texts: some Sequence<String>) {
        self = []
        formUnion(texts)
    }
}

extension Dictionary where Key == String {
    @available(*, deprecated, message: "keys that are texts are of ExactText")
    package subscript(key: String) -> Value? {
        get { index(forKey: key).map { self[$0].value } }
        set { if let newValue { updateValue(newValue, forKey: key) } else { removeValue(forKey: key) } }
    }

    @available(*, deprecated, message: "keys that are texts are of ExactText")
    package subscript(key: String, default value: @autoclosure () -> Value) -> Value {
        get { index(forKey: key).map { self[$0].value } ?? value() }
        set { updateValue(newValue, forKey: key) }
    }
}
