import Basics

/// Fields in which proxies tell each other, and the application, about the client. Only trusted proxies are believed.
enum ProxyFields {
    /// Whether a field name is one of these if every byte except letters and digits is read as `-`, as CGI-like
    /// upstreams do.
    static func contain(_ bytes: Span<UInt8>, _ name: Range<Int>) -> Bool {
        switch bytes[name.lowerBound].lowercased {
        case UInt8(ascii: "x"):
            begins(bytes, name, "x-forwarded-") || begins(bytes, name, "x-original-")
                || isSame(bytes, name, "x-rewrite-url") || begins(bytes, name, "x-http-method")
                || isSame(bytes, name, "x-method-override") || isSame(bytes, name, "x-real-ip")
                || isSame(bytes, name, "x-remote-user") || endsInClientIP(bytes, name)
        case UInt8(ascii: "r"): isSame(bytes, name, "remote-user") || endsInClientIP(bytes, name)
        // httpoxy: CGI programs mistake it for `HTTP_PROXY`.
        case UInt8(ascii: "p"): isSame(bytes, name, "proxy") || endsInClientIP(bytes, name)
        case UInt8(ascii: "c"): isSame(bytes, name, "client-ip") || endsInClientIP(bytes, name)
        case UInt8(ascii: "f"): isSame(bytes, name, "forwarded") || endsInClientIP(bytes, name)
        default: endsInClientIP(bytes, name)
        }
    }

    private static func endsInClientIP(_ bytes: Span<UInt8>, _ name: Range<Int>) -> Bool {
        guard name.count > 10, bytes[name.upperBound - 1].lowercased == UInt8(ascii: "p") else { return false }
        return isSame(bytes, name.upperBound - 10..<name.upperBound, "-client-ip")
    }

    private static func begins(_ bytes: Span<UInt8>, _ name: Range<Int>, _ start: StaticString) -> Bool {
        name.count >= start.utf8CodeUnitCount
            && isSame(bytes, name.lowerBound..<name.lowerBound + start.utf8CodeUnitCount, start)
    }

    private static func isSame(_ bytes: Span<UInt8>, _ range: Range<Int>, _ text: StaticString) -> Bool {
        guard range.count == text.utf8CodeUnitCount else { return false }
        // SAFETY: a literal's bytes live forever, and its count was just compared.
        let text = unsafe UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
        for offset in 0..<range.count {
            let byte = bytes[range.lowerBound + offset].lowercased
            let isWordByte = byte.isDigit || (byte &- 0x61) < 26
            guard unsafe (isWordByte ? byte : UInt8(ascii: "-")) == text[offset] else { return false }
        }
        return true
    }
}
