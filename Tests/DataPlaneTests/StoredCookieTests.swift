import Basics
import JOSE
import Testing

@testable import Admission
@testable import DataPlane

@Suite("Cookies that a service worker keeps")
struct StoredCookieTests {
    private static let now: Milliseconds = 1_700_000_000_000

    private static func subject(
        _ kind: ViewerKind = .registration,
        _ company: String = "acme",
        _ event: String = "e1",
        _ id: String = "ada"
    ) -> SubjectKey {
        SubjectKey(kind: kind, company: company, event: event.utf8Span.span, id: id)
    }

    private func read(_ line: String, path: String = "/event/e1/page") -> StoredCookie? {
        let (bytes, request) = (Array(line.utf8), Array(path.utf8))
        return StoredCookie(bytes.span, 0..<bytes.count, requestPath: request.span, now: Self.now)
    }

    private func cookie(_ pair: String, _ path: String, _ expires: Milliseconds? = nil) -> StoredCookie {
        StoredCookie(pair: Array(pair.utf8), path: Array(path.utf8), expires: expires)
    }

    @Test("A Set-Cookie is read as browsers read it")
    func reads() {
        #expect(read("a=b") == cookie("a=b", "/event/e1"))
        #expect(read("a=b; Path=/; HttpOnly; Secure; SameSite=Lax; Domain=x.example") == cookie("a=b", "/"))
        #expect(read(" a = b c ; path=/x ; PATH=/y") == cookie("a=b c", "/y"))
        #expect(read("a=b=c; Path=x", path: "/top") == cookie("a=b=c", "/"))
        #expect(read("a=; Max-Age=60") == cookie("a=", "/event/e1", Self.now + 60_000))
        #expect(read("a=b; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT")?.expires == Self.now + 60_000)
        #expect(read("a=b; Max-Age=-1")?.hasEnded(at: Self.now) == true)
        #expect(read("a=b; Max-Age=99999999999999999999")?.expires == Self.now + 315_360_000_000)
        #expect(read("a=b; Max-Age=soon; Expires=never") == cookie("a=b", "/event/e1"))
        for line in ["", ";", "a", "=b", " = ; Path=/", "a; b=c", "a=" + String(repeating: "x", count: 2048)] {
            #expect(read(line) == nil, "\(line)")
        }
        #expect(read("a=b; Path=/" + String(repeating: "x", count: 512)) == nil)
    }

    @Test(
        "Every form of date that servers send is understood",
        arguments: [
            ("Wed, 21 Oct 2015 07:28:00 GMT", 1_445_412_480), ("Wednesday, 21-Oct-15 07:28:00 GMT", 1_445_412_480),
            ("Wed Oct 21 07:28:00 2015", 1_445_412_480), ("Thu, 01-Jan-1970 00:00:01 GMT", 1),
            ("29 Feb 2024 23:59:59", 1_709_251_199), ("01 Jan 2000 00:00:00", 946_684_800),
        ]
    )
    func dates(text: String, seconds: Int64) {
        #expect(read("a=b; Expires=" + text)?.expires == seconds * 1000)
    }

    @Test("What is no date gives the cookie no end")
    func noDates() {
        for text in [
            "0", "32 Oct 2015 07:28:00", "21 Oct 1600 07:28:00", "21 Oct 2015 24:00:00", "21 Oct 2015 07:28", "",
        ] { #expect(read("a=b; Expires=" + text) == cookie("a=b", "/event/e1"), "\(text)") }
    }

    @Test("A path covers itself and what is below it")
    func paths() {
        func applies(_ path: String, _ request: String) -> Bool {
            let bytes = Array(request.utf8)
            return cookie("a=b", path).applies(to: bytes.span)
        }
        #expect(applies("/", "/") && applies("/", "/event/e1") && applies("/event", "/event"))
        #expect(applies("/event", "/event/e1") && applies("/event/", "/event/e1"))
        #expect(!applies("/event", "/events") && !applies("/event/", "/event") && !applies("/event/e1", "/event/e2"))
    }

    @Test("Nobody reads, changes or outlives a kept cookie, and one that has ended deletes its former value")
    func seal() throws {
        let seal = CookieSeal(secret: [UInt8](repeating: 7, count: 32))
        let kept = cookie("session=secret", "/event", Self.now + 1000)
        func parts(_ cookie: StoredCookie) -> [String] {
            String(decoding: seal.text(of: cookie, for: Self.subject(), now: Self.now), as: UTF8.self)
                .split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        }
        func open(_ text: String, _ now: Milliseconds = Self.now) -> StoredCookie? {
            let bytes = Array(text.utf8)
            return seal.open(bytes.span, for: Self.subject(), now: now)
        }
        let text = parts(kept)
        #expect(text.count == 2 && open(text[1]) == kept && !text[1].contains("secret"))
        #expect(open(text[1], Self.now + 1000) == nil)
        #expect(open(String(text[1].dropLast()) + (text[1].hasSuffix("A") ? "B" : "A")) == nil)
        #expect(open(String(text[1].dropFirst(4))) == nil && open("") == nil && open(text[0]) == nil)
        #expect(parts(cookie("session=", "/event", 0)) == [text[0], ""])
        #expect(parts(cookie("session=x", "/"))[0] != text[0])
        let lasting = cookie("a=b", "/")
        #expect(open(parts(lasting)[1]) == lasting)
    }

    @Test("Attack: a kept cookie moved to another viewer's, another event's or another company's session")
    func moved() throws {
        let seal = CookieSeal(secret: [UInt8](repeating: 7, count: 32))
        let kept = cookie("session=secret", "/event")
        func parts(_ subject: SubjectKey) -> [ArraySlice<UInt8>] {
            seal.text(of: kept, for: subject, now: Self.now).split(separator: UInt8(ascii: "."))
        }
        let own = parts(Self.subject())
        #expect(seal.open(Array(own[1]).span, for: Self.subject(), now: Self.now) == kept)
        for other in [
            Self.subject(.embed), Self.subject(.registration, "globex"), Self.subject(.registration, "acme", "e2"),
            Self.subject(.registration, "acme", "e1", "bob"),
        ] {
            #expect(seal.open(Array(own[1]).span, for: other, now: Self.now) == nil)
            // In one jar, neither takes the place of the other.
            #expect(parts(other)[0] != own[0])
        }
    }

    @Test("A cookie that was kept before it was bound to its viewer is dropped")
    func unbound() {
        let secret = [UInt8](repeating: 7, count: 32)
        let content = Array("0\n/\na=b".utf8)
        let day = Int(Self.now / 86_400_000)
        let sealed = SealingKey(secret: secret, purpose: "embed host's cookie").seal(content.span, day: day)
        let text = Base64URL.encode(sealed.span)
        #expect(CookieSeal(secret: secret).open(text.span, for: Self.subject(), now: Self.now) == nil)
    }
}
