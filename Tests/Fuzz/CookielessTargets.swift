import Basics

@testable import Admission
@testable import DataPlane

extension FuzzTarget {
    /// What a service worker says of a page's request: `Gateway-Request`.
    static let workerRequest = FuzzTarget("worker-request") { bytes in
        let asked = WorkerRequest(bytes.span)
        func part(_ range: Range<Int>?) -> [UInt8]? { range.map { Array(bytes[$0]) } }
        let words: [[UInt8]?] = [part(asked.destination), part(asked.mode), part(asked.site)]
        for word in words.compactMap({ $0 }) {
            try require(
                (1...24).contains(word.count) && word.allSatisfy { (0x61...0x7a).contains($0) || $0 == 0x2d },
                "a word that must not stand in a field: \(text(word))"
            )
        }
        let path = part(asked.referrer)
        if let path {
            try require(
                path.first == UInt8(ascii: "/")
                    && path.allSatisfy { (0x21...0x7e).contains($0) && $0 != UInt8(ascii: "?") },
                "a path that must not stand in a Referer: \(text(path))"
            )
        }
        var written: [UInt8] = []
        for (name, word) in zip(["dest=", "mode=", "site="], words) {
            if let word { written += utf8(name) + word + utf8(", ") }
        }
        written += utf8("from=") + (path ?? [])
        let line = written
        let again = WorkerRequest(line.span)
        func partAgain(_ range: Range<Int>?) -> [UInt8]? { range.map { Array(line[$0]) } }
        let wordsAgain: [[UInt8]?] = [partAgain(again.destination), partAgain(again.mode), partAgain(again.site)]
        try require(
            wordsAgain == words && partAgain(again.referrer) == path,
            "a request is described differently when it is written again: \(text(line))"
        )
    }

    /// The value of a `Set-Cookie`, as a service worker's jar keeps it.
    static let storedCookie = FuzzTarget("stored-cookie") {
        let now: Milliseconds = 1_800_000_000_000
        let seal = CookieSeal(secret: Array(repeating: 7, count: 32))
        let subject = SubjectKey(high: 1, low: 2)
        return { bytes in
            // No field's value holds others.
            guard bytes.allSatisfy({ $0 >= 0x20 && $0 != 0x7f || $0 == 0x09 }) else { return }
            let place = utf8("/event/e1/page")
            let read = StoredCookie(bytes.span, 0..<bytes.count, requestPath: place.span, now: now)
            guard let cookie = read else { return }
            try requireSound(cookie)
            var line = cookie.pair + utf8("; Path=") + cookie.path
            if let expires = cookie.expires { line += utf8("; Max-Age=\(max(0, (expires - now) / 1000))") }
            guard let again = StoredCookie(line.span, 0..<line.count, requestPath: place.span, now: now) else {
                throw BrokenProperty(description: "a cookie is none when it is written again: \(text(line))")
            }
            try require(
                again.pair == cookie.pair && again.path == cookie.path
                    && again.hasEnded(at: now) == (cookie.expires.map { $0 < now + 1000 } ?? false),
                "a cookie changes when it is written again: \(text(line))"
            )
            try requireReturn(of: cookie, seal, subject, now)
        }
    }

    private static func requireSound(_ cookie: StoredCookie) throws {
        try require(
            !cookie.name.isEmpty && cookie.pair.count <= StoredCookie.maxPair + 1
                && cookie.pair.contains(UInt8(ascii: "=")) && !cookie.pair.contains(UInt8(ascii: ";")),
            "a cookie that is no pair: \(text(cookie.pair))"
        )
        try require(cookie.path.first == UInt8(ascii: "/"), "a cookie's path is none: \(text(cookie.path))")
        try require(cookie.applies(to: cookie.path.span), "a cookie does not apply to its own path")
    }

    /// Seals a cookie, and opens it again.
    private static func requireReturn(
        of cookie: StoredCookie,
        _ seal: CookieSeal,
        _ subject: SubjectKey,
        _ now: Milliseconds
    ) throws {
        let kept = seal.text(of: cookie, for: subject, now: now)
        try require(
            kept.allSatisfy { $0.isLetterOrDigit || utf8("-_.").contains($0) } && kept.count { $0 == 0x2e } == 1,
            "what a worker keeps is no member of a list: \(text(kept))"
        )
        let sealed = Array(kept.drop { $0 != 0x2e }.dropFirst())
        try require(sealed.isEmpty == cookie.hasEnded(at: now), "a cookie outlives its end, or does not live so long")
        guard !sealed.isEmpty else { return }
        try require(seal.open(sealed.span, for: subject, now: now) == cookie, "a cookie changes in its seal")
        let other = SubjectKey(high: 1, low: 3)
        try require(seal.open(sealed.span, for: other, now: now) == nil, "a cookie opens for another viewer")
        var changed = sealed
        changed[cookie.pair.reduce(0) { ($0 &* 31 &+ Int($1)) & 0xffff } % sealed.count] ^= 1
        try require(seal.open(changed.span, for: subject, now: now) == nil, "a changed cookie opens")
    }

    /// The date of a cookie's `Expires`.
    static let cookieDate = FuzzTarget("cookie-date") { bytes in
        guard let date = CookieDate.read(bytes.span) else { return }
        // The years 1601 to 9999.
        try require((-11_644_473_600_000..<253_402_300_800_000).contains(date), "a date in no such year: \(date)")
        try require(date % 1000 == 0, "a date between two seconds")
        let lower = bytes.map(\.lowercased)
        try require(CookieDate.read(lower.span) == date, "the case of a letter counts")
        guard bytes.count <= 60 else { return }
        let padded = utf8(", ") + bytes + utf8("; ")
        try require(CookieDate.read(padded.span) == date, "delimiters around a date count")
    }

    /// `Gateway-Cookie`: what a worker has kept, as sent.
    static let keptCookie = FuzzTarget("kept-cookie") {
        let seal = CookieSeal(secret: Array(repeating: 7, count: 32))
        return { bytes in
            let opened = seal.open(bytes.span, for: SubjectKey(high: 1, low: 2), now: 1_800_000_000_000)
            try require(opened == nil, "a cookie is opened that nobody sealed")
        }
    }
}
