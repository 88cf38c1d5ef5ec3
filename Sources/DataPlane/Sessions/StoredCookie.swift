import Basics

/// A cookie of the embed host, for a browser that keeps none: what it would have kept of a `Set-Cookie`
/// ([RFC 6265 section 5](https://www.rfc-editor.org/rfc/rfc6265#section-5)).
///
/// It belongs to this host alone, whatever its `Domain`, and scripts cannot read it, whether it is `HttpOnly` or not.
struct StoredCookie: Equatable {
    /// Name and value, as in a `Cookie` field.
    var pair: [UInt8]
    var path: [UInt8]
    /// `nil` if it has no end. A cookie that has ended deletes the one of its name and path.
    var expires: Milliseconds?

    /// The longest pair that is kept, in bytes.
    static let maxPair = 2048
    private static let maxPath = 512

    init(pair: [UInt8], path: [UInt8], expires: Milliseconds?) {
        (self.pair, self.path, self.expires) = (pair, path, expires)
    }

    /// Reads the value of a `Set-Cookie`. Returns `nil` if it names no cookie, or too long a one.
    ///
    /// - Parameters:
    ///   - value: a range of `bytes`.
    ///   - requestPath: the path of the request that it answers.
    init?(_ bytes: Span<UInt8>, _ value: Range<Int>, requestPath: Span<UInt8>, now: Milliseconds) {
        var pair: [UInt8]?
        var path = Self.defaultPath(requestPath)
        var expires: Milliseconds?
        var maxAge: Milliseconds?
        bytes.forEachPart(of: value, separatedBy: UInt8(ascii: ";")) { part in
            let equals = bytes.firstIndex(of: UInt8(ascii: "="), from: part.lowerBound, to: part.upperBound)
            guard pair != nil else {
                pair = []
                guard let equals, part.count <= Self.maxPair else { return }
                let name = bytes.trimming(part.lowerBound..<equals)
                guard !name.isEmpty else { return }
                pair = bytes.extracting(name).copied() + [UInt8(ascii: "=")]
                pair?.append(contentsOf: bytes.extracting(bytes.trimming(equals + 1..<part.upperBound)).copied())
                return
            }
            guard let equals else { return }
            let name = bytes.trimming(part.lowerBound..<equals)
            let text = bytes.trimming(equals + 1..<part.upperBound)
            if bytes.equals("path", ignoringCaseIn: name) {
                let isPath = !text.isEmpty && bytes[text.lowerBound] == UInt8(ascii: "/")
                path = isPath ? bytes.extracting(text).copied() : Self.defaultPath(requestPath)
            } else if bytes.equals("max-age", ignoringCaseIn: name) {
                maxAge = Self.seconds(bytes.extracting(text)).map { $0 <= 0 ? 0 : now + $0 * 1000 } ?? maxAge
            } else if bytes.equals("expires", ignoringCaseIn: name) {
                expires = CookieDate.read(bytes.extracting(text)) ?? expires
            }
        }
        guard let pair, !pair.isEmpty, path.count <= Self.maxPath else { return nil }
        self.init(pair: pair, path: path, expires: maxAge ?? expires)
    }

    var name: ArraySlice<UInt8> { pair.prefix { $0 != UInt8(ascii: "=") } }

    func hasEnded(at now: Milliseconds) -> Bool { expires.map { $0 <= now } ?? false }

    /// Whether a request for a path brings the cookie (section 5.1.4).
    func applies(to requestPath: Span<UInt8>) -> Bool {
        guard requestPath.count >= path.count, requestPath.equals(path.span, in: 0..<path.count) else { return false }
        return requestPath.count == path.count || path.last == UInt8(ascii: "/")
            || requestPath[path.count] == UInt8(ascii: "/")
    }

    /// The path up to its last slash, without it.
    private static func defaultPath(_ path: Span<UInt8>) -> [UInt8] {
        var end = path.count
        while end > 0, path[end - 1] != UInt8(ascii: "/") { end -= 1 }
        return end <= 1 ? [UInt8(ascii: "/")] : path.extracting(0..<end - 1).copied()
    }

    /// Seconds, cut to ten years. `nil` if it is no number.
    private static func seconds(_ text: Span<UInt8>) -> Int64? {
        let isNegative = text.count > 1 && text[0] == UInt8(ascii: "-")
        var seconds: Int64 = 0
        for index in (isNegative ? 1 : 0)..<text.count {
            guard text[index].isDigit else { return nil }
            seconds = min(seconds * 10 + Int64(text[index] - UInt8(ascii: "0")), 315_360_000)
        }
        guard !text.isEmpty else { return nil }
        return isNegative ? -seconds : seconds
    }
}

/// The date of a cookie's `Expires` ([RFC 6265 section 5.1.1](https://www.rfc-editor.org/rfc/rfc6265#section-5.1.1)).
enum CookieDate {
    private static let months: [StaticString] = [
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ]

    /// Milliseconds since 1970; `nil` if it is no date.
    static func read(_ text: Span<UInt8>) -> Milliseconds? {
        guard text.count <= 64 else { return nil }
        var time: [Int64]?
        var day: Int64?
        var month: Int64?
        var year: Int64?
        var start = 0
        while start < text.count {
            var end = start
            while end < text.count, !isDelimiter(text[end]) { end += 1 }
            let token = text.extracting(start..<end)
            start = end + 1
            guard !token.isEmpty else { continue }
            if time == nil, let found = numbers(token) {
                time = found
            } else if day == nil, let found = number(token, digits: 1...2) {
                day = found
            } else if month == nil, let found = self.month(token) {
                month = found
            } else if year == nil, let found = number(token, digits: 2...4) {
                year = found < 70 ? found + 2000 : found < 100 ? found + 1900 : found
            }
        }
        guard let time, let day, let month, let year, (1...31).contains(day), (1601...9999).contains(year),
            time[0] <= 23, time[1] <= 59, time[2] <= 59
        else { return nil }
        let seconds = days(year, month, day) * 86_400 + time[0] * 3600 + time[1] * 60 + time[2]
        return seconds * 1000
    }

    private static func isDelimiter(_ byte: UInt8) -> Bool {
        !(byte.isLetterOrDigit || byte == UInt8(ascii: ":") || byte >= 0x7f)
    }

    /// Hours, minutes and seconds.
    private static func numbers(_ token: Span<UInt8>) -> [Int64]? {
        var found: [Int64] = []
        var start = 0
        while start <= token.count, found.count < 3 {
            let end = token.firstIndex(of: UInt8(ascii: ":"), from: start, to: token.count) ?? token.count
            guard let value = number(token.extracting(start..<end), digits: 1...2) else { return nil }
            found.append(value)
            start = end + 1
        }
        return found.count == 3 ? found : nil
    }

    private static func number(_ token: Span<UInt8>, digits: ClosedRange<Int>) -> Int64? {
        guard digits.contains(token.count) else { return nil }
        var value: Int64 = 0
        for index in token.indices {
            guard token[index].isDigit else { return nil }
            value = value * 10 + Int64(token[index] - UInt8(ascii: "0"))
        }
        return value
    }

    private static func month(_ token: Span<UInt8>) -> Int64? {
        guard token.count >= 3 else { return nil }
        return months.firstIndex { token.equals($0, ignoringCaseIn: 0..<3) }.map { Int64($0) + 1 }
    }

    /// Days since 1970 in the Gregorian calendar.
    private static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        // Years that begin in March have their leap day at their end.
        let shifted = month <= 2 ? year - 1 : year
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        return shifted * 365 + shifted / 4 - shifted / 100 + shifted / 400 + dayOfYear - 719_468
    }
}
