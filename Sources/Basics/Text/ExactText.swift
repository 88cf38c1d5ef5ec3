extension String {
    /// Whether both are the same bytes. `==` compares characters: it treats U+212A, the Kelvin sign, as the letter K,
    /// and combining marks stacked on one letter cost it more than linear time.
    package func hasSameBytes(as other: String) -> Bool {
        // Copies have the same two words, and on the request path most texts are compared with a copy.
        // SAFETY: a String is two words, of which no bit is undefined. Equal ones hold the same text or share its memory.
        let (a, b) = unsafe (unsafeBitCast(self, to: Words.self), unsafeBitCast(other, to: Words.self))
        return a == b || utf8Span.span.hasSameBytes(as: other.utf8Span.span)
    }

    private typealias Words = (UInt64, UInt64)
}

extension Optional<String> {
    /// Whether there is a text and it has the same bytes.
    package func hasSameBytes(as other: String) -> Bool { self?.hasSameBytes(as: other) ?? false }
}

/// A text that is compared and hashed by its bytes. Use it for keys of sets and dictionaries whenever texts come from
/// outside. Its hash is seeded per process.
package struct ExactText: Hashable, Sendable, ExpressibleByStringInterpolation {
    package let text: String

    package init(_ text: String) { self.text = text }

    package init(stringLiteral text: String) { self.text = text }

    package static func == (a: ExactText, b: ExactText) -> Bool { a.text.hasSameBytes(as: b.text) }

    package func hash(into hasher: inout Hasher) {
        let bytes = text.utf8Span.span
        // SAFETY: the span keeps its memory alive during the closure.
        unsafe bytes.withUnsafeBytes { unsafe hasher.combine(bytes: $0) }
    }
}
