import Glibc

extension Span<UInt8> {
    /// Whether both are the same bytes. Not for secrets: the time reveals where they differ.
    package func hasSameBytes(as other: Span<UInt8>) -> Bool {
        guard count == other.count else { return false }
        guard count > 0 else { return true }
        // SAFETY: the spans keep their memory alive during the closures, and both hold `count` bytes.
        return unsafe withUnsafeBytes { a in
            unsafe other.withUnsafeBytes { b in unsafe memcmp(a.baseAddress!, b.baseAddress!, a.count) == 0 }
        }
    }
}

extension [UInt8] {
    /// Copies the bytes.
    package init(copying bytes: Span<UInt8>) {
        // SAFETY: the span keeps its memory alive during the closure, which copies it.
        self = unsafe bytes.withUnsafeBufferPointer { unsafe [UInt8]($0) }
    }
}
