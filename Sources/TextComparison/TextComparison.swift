// Makes the compiler refuse character-wise comparison of text. Text from outside is compared by its bytes: `==` treats
// look-alikes as equal, and stacked combining marks cost it quadratic time.
//
// The targets that handle such text import this module into each of their files (`Package.swift`). Its declarations
// take precedence over those of the standard library and are deprecated; since warnings are errors, they cannot be
// used. It is not part of Basics, because tests and commands import Basics and compare text of their own.
//
// Two uses are not detected. The `==` that the compiler synthesizes for a type compares bytes anyway. Generic code,
// such as `firstIndex(of:)` and `==` of two arrays or optionals, escapes the check.

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
