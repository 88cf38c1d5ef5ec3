import Basics
import GatewayConfiguration
import JOSE
import Transport

@testable import DataPlane

extension FuzzTarget {
    private static let tokenNames = ["token", "authKey", "jwt"].map(utf8)

    /// A request's target: its path and the members of its query.
    static let requestTarget = FuzzTarget("request-target") { bytes in
        guard bytes.allSatisfy({ (0x21...0x7e).contains($0) && $0 != UInt8(ascii: "#") }), !bytes.isEmpty else {
            return
        }
        var target = RequestTarget()
        do throws(HeadFault) {
            try target.judge(bytes.span, in: 0..<bytes.count)
        } catch {
            return
        }
        try requireSameWhenForwarded(target, bytes)
        for segment in target.segments { try requirePlain(Array(bytes[segment])) }
        try requireNoMembersLeft(target.query, bytes)
    }

    private static func requireSameWhenForwarded(_ target: RequestTarget, _ bytes: [UInt8]) throws {
        var buffer = ByteBuffer()
        _ = buffer.write(atMost: bytes.count + 1) { target.write(bytes.span, to: &$0) }
        let written = buffer.span.copied()
        var again = RequestTarget()
        do throws(HeadFault) {
            try again.judge(written.span, in: 0..<written.count)
        } catch {
            throw BrokenProperty(description: "the path that is forwarded would be refused: \(text(written))")
        }
        try require(!again.isMerged && again.query == nil, "the path changes when it is judged again: \(text(written))")
        try require(
            again.segments.map { text(written[$0]) } == target.segments.map { text(bytes[$0]) }
                && again.lenientSegments.map { text(written[$0]) } == target.lenientSegments.map { text(bytes[$0]) },
            "the path that is forwarded has other segments: \(text(written))"
        )
    }

    /// Fails if decoding a segment, once or repeatedly, yields another path.
    private static func requirePlain(_ segment: [UInt8]) throws {
        var decoded = segment
        for _ in 0..<4 {
            try require(
                decoded != utf8(".") && decoded != utf8("..") && !decoded.contains(UInt8(ascii: "/"))
                    && !decoded.contains(UInt8(ascii: "\\")) && decoded.allSatisfy { $0 >= 0x20 && $0 != 0x7f },
                "a segment reads as another path: \(text(segment))"
            )
            decoded = decoded.span.percentDecoded(0..<decoded.count)
        }
    }

    private static func requireNoMembersLeft(_ query: Range<Int>?, _ bytes: [UInt8]) throws {
        guard let query else { return }
        var members = QueryMembers()
        members.scan(bytes.span, in: query, tokenNames: tokenNames, takesJoinCodes: true)
        var end = query.lowerBound
        for member in members.removed {
            try require(
                member.lowerBound >= end && member.upperBound <= query.upperBound,
                "members overlap, or leave the query"
            )
            end = member.upperBound
        }
        for value in members.tokens { try require(!value.isEmpty, "an empty token") }
        // As a query is forwarded: without each member and what separates it from the one before.
        var left: [UInt8] = []
        var start = query.lowerBound
        for member in members.removed + [query.upperBound + 1..<query.upperBound + 1] {
            if member.lowerBound - 1 > start {
                if !left.isEmpty { left.append(UInt8(ascii: "&")) }
                left += bytes[start..<member.lowerBound - 1]
            }
            start = member.upperBound + 1
        }
        members.scan(left.span, in: 0..<left.count, tokenNames: tokenNames, takesJoinCodes: true)
        try require(members.removed.isEmpty && members.tokens.isEmpty, "a token is forwarded: \(text(left))")
    }

    /// A chunked body from a client and from an upstream.
    static let chunkedBody = FuzzTarget("chunked-body") { bytes in
        for allowsPadding in [false, true] {
            let whole = Chunks(bytes, cutAt: nil, allowsPadding: allowsPadding)
            for cut in cuts(of: bytes.count) {
                let parts = Chunks(bytes, cutAt: cut, allowsPadding: allowsPadding)
                try require(parts == whole, "cut at \(cut): \(parts) instead of \(whole)")
            }
            let single = Chunks(bytes, cutAt: 0, allowsPadding: allowsPadding, byteByByte: true)
            try require(single == whole, "byte by byte: \(single) instead of \(whole)")
            if case .end = whole.outcome {
                let size = utf8(String(whole.data.count, radix: 16) + "\r\n")
                let chunk = whole.data.isEmpty ? [] : size + whole.data + utf8("\r\n")
                let reread = Chunks(chunk + utf8("0\r\n\r\n"), cutAt: nil, allowsPadding: false)
                try require(reread.data == whole.data, "the body changes when it is written as one chunk")
            }
        }
    }

    /// The outcome of reading a chunked body.
    private struct Chunks: Equatable {
        enum Outcome: Equatable {
            case end(at: Int, trailers: Range<Int>)
            case fault
            case incomplete
        }

        var data: [UInt8] = []
        var outcome = Outcome.incomplete

        /// - Parameters:
        ///   - cut: where the second part begins, if there are two.
        ///   - byteByByte: whether the second part arrives byte by byte.
        init(_ bytes: [UInt8], cutAt cut: Int?, allowsPadding: Bool, byteByByte: Bool = false) {
            var body = ChunkedBody(allowsPadding: allowsPadding)
            var position = 0
            var ends = [bytes.count]
            if let cut { ends = byteByByte ? Array(cut...bytes.count) : [cut, bytes.count] }
            do throws(HeadFault) {
                for end in ends {
                    part: while true {
                        switch try body.step(bytes.span.extracting(0..<end), from: &position) {
                        case .data(let range): data += bytes[range]
                        case .incomplete(let consumed):
                            position = consumed
                            break part
                        case .end(let trailers):
                            outcome = .end(at: position, trailers: trailers)
                            return
                        }
                    }
                }
            } catch {
                outcome = .fault
            }
        }
    }

    /// `Cookie` fields, and the names and values of session cookies.
    static let cookies = FuzzTarget("cookies") { bytes in
        try requireRoundTrip(bytes)
        for isSecure in [false, true] {
            guard let (head, found) = scan(bytes, isSecure: isSecure) else { return }
            let others = Array(found.others.map { head[$0] }.joined(separator: utf8("; ")))
            guard let (again, left) = scan(others, isSecure: isSecure) else {
                throw BrokenProperty(description: "the cookies that are forwarded are no field's value")
            }
            try require(left.cookies.isEmpty, "a session cookie is forwarded: \(text(others))")
            try require(
                left.others.map { again[$0] } == found.others.map { head[$0] },
                "other cookies change: \(text(others))"
            )
            for cookie in found.cookies where cookie.isNamed(head.span) {
                let line = CookieFormat(isSecure: isSecure).clearCookie(suffix: head.span.extracting(cookie.suffix))
                try require(
                    line.count { $0 == .lineFeed || $0 == .carriageReturn } == 2 && line.suffix(2) == utf8("\r\n"),
                    "a cookie's name breaks the line that clears it: \(text(line))"
                )
            }
        }
    }

    private static func scan(_ value: [UInt8], isSecure: Bool) -> (head: [UInt8], cookies: SessionCookies)? {
        let bytes = utf8("GET / HTTP/1.1\r\nHost: h\r\nCookie: ") + value + utf8("\r\n\r\n")
        var head = RequestHead()
        do throws(HeadFault) {
            try head.parse(bytes.span, length: bytes.count, limits: .init())
        } catch {
            return nil
        }
        var cookies = SessionCookies()
        cookies.scan(bytes.span, head.block, secure: isSecure)
        return (bytes, cookies)
    }

    /// Lets a browser send back the cookies of a session whose text and event are these bytes.
    private static func requireRoundTrip(_ bytes: [UInt8]) throws {
        let session = Base64URL.encode(bytes.span)
        let lines = CookieFormat(isSecure: true).setCookie(event: bytes.span, session: session)
        let pairs = lines.split(separator: .lineFeed)
            .map { $0.dropFirst("Set-Cookie: ".utf8.count).prefix { $0 != UInt8(ascii: ";") } }
        guard let (head, found) = scan(Array(pairs.joined(separator: utf8("; "))), isSecure: true) else {
            throw BrokenProperty(description: "a session's cookies are no field's value")
        }
        let values = found.cookies.map { head[$0.value] }
        try require(
            found.others.isEmpty && found.cookies.allSatisfy { $0.isNamed(head.span) }
                && Array(values.joined().dropFirst()) == session
                && values.first?.first == UInt8(ascii: "0") + UInt8(found.cookies.count),
            "a session does not come back from its cookies"
        )
    }

    /// `Accept-Language`, in which neither case nor the number of fields counts.
    static let language = FuzzTarget("language") { bytes in
        let tags = ["en", "de", "pt", "pt-BR", "zh-Hant"].map(utf8)
        func choice(_ fields: [[UInt8]]) -> Int {
            var choice = LanguageChoice(among: tags)
            for field in fields { choice.read(field.span) }
            return choice.place
        }
        let place = choice([bytes])
        try require(tags.indices.contains(place), "no language is chosen")
        let lower = bytes.map(\.lowercased)
        try require(choice([lower]) == place, "the case of a letter counts")
        // What is behind so many bytes is not looked at.
        guard bytes.count <= 512 else { return }
        let fields = bytes.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false).map(Array.init)
        try require(choice(fields) == place, "several fields are not one list")
    }

    /// `X-Forwarded-For`, read past trusted proxies.
    static let forwarded = FuzzTarget("forwarded") {
        let trusted = try ["10.0.0.0/8", "::1", "fd00::/8"].map(AddressRange.init(parsing:))
        return { bytes in
            guard let client = ClientAddress.forwarded(text(bytes), trusted: trusted) else { return }
            let address = text(client.text)
            guard let read = NetworkAddress(ip: address, port: 0) else {
                throw BrokenProperty(description: "a client's address is none: \(address)")
            }
            try require(ClientAddress(read).bytes == client.bytes, "an address changes when it is written: \(address)")
        }
    }
}
