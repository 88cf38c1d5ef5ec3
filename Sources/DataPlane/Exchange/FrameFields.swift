/// Fields of an upstream's response that would keep an event from living in a company's frame, written so that they do not.
enum FrameFields {
    /// `Content-Security-Policy` without its `frame-ancestors`: who may frame the event the company says. The other
    /// directives stay as they are; a policy that has none left is left out.
    static func writePolicy(_ bytes: Span<UInt8>, _ value: Range<Int>, to head: inout HeadWriter) {
        var hasBegun = false
        forEachPart(bytes, value, UInt8(ascii: ",")) { policy in
            var isFirst = true
            forEachPart(bytes, policy, UInt8(ascii: ";")) { directive in
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

    /// `Set-Cookie` as a frame on another site keeps it: `SameSite=None; Secure; Partitioned`, and its other attributes as
    /// they are ([RFC 6265bis](https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis)).
    static func writeCookie(_ bytes: Span<UInt8>, _ value: Range<Int>, to head: inout HeadWriter) {
        head.write("Set-Cookie: ")
        var isFirst = true
        forEachPart(bytes, value, UInt8(ascii: ";")) { attribute in
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

    /// The parts between separators, without blanks at their ends.
    private static func forEachPart(
        _ bytes: Span<UInt8>,
        _ range: Range<Int>,
        _ separator: UInt8,
        _ body: (Range<Int>) -> Void
    ) {
        var start = range.lowerBound
        while start <= range.upperBound {
            let end = bytes.firstIndex(of: separator, from: start, to: range.upperBound) ?? range.upperBound
            body(bytes.trimming(start..<end))
            start = end + 1
        }
    }
}

extension FieldBlock.Field {
    /// Whether the field speaks of a body
    /// ([RFC 9110 section 8](https://www.rfc-editor.org/rfc/rfc9110#section-8)) and says nothing where none follows.
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
