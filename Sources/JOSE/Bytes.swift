internal import COpenSSL
import Glibc

/// Whether two byte strings are the same, in a time that depends on their lengths only.
package func equalInConstantTime(_ a: Span<UInt8>, _ b: Span<UInt8>) -> Bool {
    guard a.count == b.count else { return false }
    guard a.count > 0 else { return true }
    // SAFETY: the spans keep their memory alive during the closures, and both hold `a.count` bytes.
    return unsafe a.withUnsafeBytes { a in
        unsafe b.withUnsafeBytes { b in unsafe CRYPTO_memcmp(a.baseAddress, b.baseAddress, a.count) == 0 }
    }
}

/// Overwrites a secret that is no longer needed, in a way that the optimiser keeps.
package func wipe(_ secret: inout [UInt8]) {
    // SAFETY: the array is ours alone for the call, which writes `count` bytes of it.
    unsafe secret.withUnsafeMutableBytes { unsafe OPENSSL_cleanse($0.baseAddress, $0.count) }
}

extension Span<UInt8> {
    /// Whether both are the same bytes. How long it takes says where they differ, so it is not for secrets.
    package func hasSameBytes(as other: Span<UInt8>) -> Bool {
        guard count == other.count else { return false }
        guard count > 0 else { return true }
        // SAFETY: the spans keep their memory alive during the closures, and both hold `count` bytes.
        return unsafe withUnsafeBytes { a in
            unsafe other.withUnsafeBytes { b in unsafe memcmp(a.baseAddress!, b.baseAddress!, a.count) == 0 }
        }
    }
}

extension String {
    /// Whether both are the same bytes. `==` is about characters: for it U+212A, the Kelvin sign, is the letter K, and
    /// marks that are stacked on one letter cost it more than their number.
    package func hasSameBytes(as other: String) -> Bool { utf8Span.span.hasSameBytes(as: other.utf8Span.span) }
}

extension Optional<String> {
    /// Whether there is a text of the same bytes.
    package func hasSameBytes(as other: String) -> Bool { self?.hasSameBytes(as: other) ?? false }
}

/// A text that is compared and hashed by its bytes: what sets and dictionaries have for a key where texts come from
/// outside. Its hash has a seed of this process.
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

extension [UInt8] {
    /// A copy of the bytes.
    init(copying bytes: Span<UInt8>) {
        // SAFETY: the span keeps its memory alive during the closure, which copies it.
        self = unsafe bytes.withUnsafeBufferPointer { unsafe [UInt8]($0) }
    }

    func contains(sequence: StaticString) -> Bool {
        let wanted = Array(sequence.description.utf8)
        guard count >= wanted.count else { return false }
        return (0...(count - wanted.count)).contains { self[$0..<($0 + wanted.count)].elementsEqual(wanted) }
    }
}
