/// Rewrites fields of an upstream's response that would keep an event from working in a company's frame.
enum FrameFields {
    /// Writes `Content-Security-Policy` without `frame-ancestors`, since the company decides who may frame the event.
    /// Keeps the other directives, and drops a policy that has none left.
    static func writePolicy(_ bytes: Span<UInt8>, _ value: Range<Int>, to head: inout ByteWriter) {
        var hasBegun = false
        bytes.forEachPart(of: value, separatedBy: UInt8(ascii: ",")) { policy in
            var isFirst = true
            bytes.forEachPart(of: policy, separatedBy: UInt8(ascii: ";")) { directive in
                guard !directive.isEmpty, !isFrameAncestors(bytes, directive) else { return }
                if isFirst {
                    head.write(hasBegun ? ", " : "Content-Security-Policy: ")
                    hasBegun = true
                } else {
                    head.write("; ")
                }
                head.write(bytes.extracting(directive))
                isFirst = false
            }
        }
        if hasBegun { head.write("\r\n") }
    }

    private static func isFrameAncestors(_ bytes: Span<UInt8>, _ directive: Range<Int>) -> Bool {
        var end = directive.lowerBound
        while end < directive.upperBound, bytes[end] != .space, bytes[end] != .tab { end += 1 }
        return bytes.equals("frame-ancestors", ignoringCaseIn: directive.lowerBound..<end)
    }

    /// Writes `Set-Cookie` so that a frame on another site keeps the cookie: with `SameSite=None; Secure; Partitioned`
    /// and its other attributes unchanged
    /// ([RFC 6265bis](https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis)).
    static func writeCookie(_ bytes: Span<UInt8>, _ value: Range<Int>, to head: inout ByteWriter) {
        head.write("Set-Cookie: ")
        var isFirst = true
        bytes.forEachPart(of: value, separatedBy: UInt8(ascii: ";")) { attribute in
            if isFirst {
                head.write(bytes.extracting(attribute))
                isFirst = false
                return
            }
            let equals = bytes.firstIndex(of: UInt8(ascii: "="), from: attribute.lowerBound, to: attribute.upperBound)
            let name = bytes.trimming(attribute.lowerBound..<(equals ?? attribute.upperBound))
            guard !name.isEmpty, !bytes.equals("samesite", ignoringCaseIn: name),
                !bytes.equals("secure", ignoringCaseIn: name), !bytes.equals("partitioned", ignoringCaseIn: name)
            else { return }
            head.write("; ")
            head.write(bytes.extracting(attribute))
        }
        head.write("; SameSite=None; Secure; Partitioned\r\n")
    }
}

extension FieldBlock.Field {
    /// Whether the field describes a body ([RFC 9110 section 8](https://www.rfc-editor.org/rfc/rfc9110#section-8)) and
    /// is meaningless without one.
    func describesBody(_ bytes: Span<UInt8>) -> Bool {
        guard name == .other else { return false }
        let prefix: StaticString = "content-"
        let end = min(nameRange.upperBound, nameRange.lowerBound + prefix.utf8CodeUnitCount)
        return bytes.equals(prefix, ignoringCaseIn: nameRange.lowerBound..<end)
            || bytes.equals("etag", ignoringCaseIn: nameRange)
            || bytes.equals("last-modified", ignoringCaseIn: nameRange)
            || bytes.equals("accept-ranges", ignoringCaseIn: nameRange)
            || bytes.equals("digest", ignoringCaseIn: nameRange)
            || bytes.equals("repr-digest", ignoringCaseIn: nameRange)
    }
}
