import Admission
import Basics
import JOSE

/// Seals the embed host's cookies for a service worker to keep, so that no script reads or changes one.
///
/// A cookie is sealed for the subject of the session that it was set in: the registration or user, in its event and
/// company. It does not open for another, whose session the same browser, or a thief, may have.
final class CookieSeal: Sendable {
    private let key: SealingKey

    /// - Parameter secret: the cookie key; 32 random bytes.
    init(secret: [UInt8]) { key = SealingKey(secret: secret, purpose: "embed host's cookie") }

    /// How many are read of one request, and how long each may be, in characters.
    static let maxCount = 64
    private static let maxLength = 4096

    /// What the worker keeps: a name for the subject and the cookie's name and path, a full stop, and the cookie; nothing
    /// after the full stop to delete it.
    func text(of cookie: StoredCookie, for subject: SubjectKey, now: Milliseconds) -> [UInt8] {
        let place = subject.bytes + cookie.name + [0] + cookie.path
        let text = Array("\(Hexadecimal.text(SHA256.hash(place.span).prefix(8))).".utf8)
        guard !cookie.hasEnded(at: now) else { return text }
        // None of them has an end of a line.
        let content = Array("\(cookie.expires ?? 0)\n".utf8) + cookie.path + [UInt8.lineFeed] + cookie.pair
        return text + Base64URL.encode(key.seal(content.span, day: day(now), for: subject.bytes).span)
    }

    /// Opens what follows the full stop. Returns `nil` unless this gateway made it for the subject, and once the cookie has
    /// ended.
    func open(_ text: Span<UInt8>, for subject: SubjectKey, now: Milliseconds) -> StoredCookie? {
        let today = day(now)
        guard text.count <= Self.maxLength, let sealed = Base64URL.decode(text),
            let content = key.open(sealed.span, days: max(0, today - 400)...(today + 1), for: subject.bytes)
        else { return nil }
        let parts = content.split(separator: UInt8.lineFeed, maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3, let expires = Milliseconds(String(decoding: parts[0], as: UTF8.self)) else {
            return nil
        }
        let end: Milliseconds? = expires == 0 ? nil : expires
        let cookie = StoredCookie(pair: Array(parts[2]), path: Array(parts[1]), expires: end)
        return cookie.hasEnded(at: now) ? nil : cookie
    }

    private func day(_ now: Milliseconds) -> Int { Int(max(0, now) / 86_400_000) }
}
