import Admission
import Basics
import JOSE
import Testing

@Suite("Sealed sessions cannot be read, forged, aged or moved")
struct SessionSealTests {
    private let seal = SessionSeal(secret: [UInt8](repeating: 7, count: 32))
    private let key: Key
    private let authority: TokenAuthority

    init() throws {
        key = try Key.secret([UInt8](repeating: 5, count: 32), algorithm: .hs256, id: "one")
        authority = try Self.authority([key])
    }

    private static func authority(_ keys: [Key], appliesTo: LeaseScope = .registrations) throws -> TokenAuthority {
        TokenAuthority(
            companies: [Company(id: "acme", keys: keys)],
            publicURL: "https://embed.example.com",
            claimNames: ClaimNames(),
            appliesTo: appliesTo,
            maxSize: 8192,
            generation: 1
        )
    }

    private static func voucher(_ key: Key, isOurs: Bool) -> Voucher {
        let issuer = isOurs ? "https://embed.example.com" : nil
        return Voucher(key: key.thumbprint, isOurs: isOurs, terms: Voucher.Terms([issuer, nil] + ClaimNames().all))
    }

    private func viewer(name: String? = "Ada Lovelace", avatar: String? = nil, isOurs: Bool = true) -> Viewer {
        Viewer(
            kind: .registration,
            company: "acme",
            event: "launch",
            eventSpecific: true,
            userID: "u1",
            name: name,
            email: "ada@acme.example",
            avatar: avatar,
            registration: "r1",
            validity: Validity(expires: start / 1000 + 3600, notBefore: nil, issuedAt: nil),
            tokenID: "jti-1",
            fingerprint: "0badcafe",
            closesWithEvent: true,
            voucher: Self.voucher(key, isOurs: isOurs)
        )
    }

    private let id = SessionID(joinedAt: start, random0: 0x0123_4567_89AB_CDEF, random1: .max)

    private func session(_ viewer: Viewer, isPending: Bool = false) -> PresentedSession {
        PresentedSession(id: id, subject: viewer.subject, isPending: isPending)
    }

    private func sealed(_ viewer: Viewer, isPending: Bool = false) -> SealedSession {
        SealedSession(session(viewer, isPending: isPending), viewer, event: viewer.eventBytes)
    }

    private func open(_ text: [UInt8], now: Milliseconds = start, by authority: TokenAuthority? = nil)
        -> SealedSession?
    {
        (authority ?? self.authority).session(text.span, seal, now: now)
    }

    private func ticket(_ text: [UInt8], now: Milliseconds) -> Ticket? {
        authority.ticket(text.span, seal, now: now)
    }

    @Test("Opening returns what was sealed", arguments: [true, false])
    func roundTrip(isPending: Bool) throws {
        let viewer = viewer()
        let text = seal.text(of: sealed(viewer, isPending: isPending), now: start)
        #expect(String(decoding: text, as: UTF8.self).wholeMatch(of: /[A-Za-z0-9_-]+/) != nil)
        let found = try #require(open(text))
        let (opened, person) = (found.session, found.viewer)
        #expect(found.event == bytes("launch"))
        #expect(opened == session(viewer, isPending: isPending))
        #expect(person.kind == viewer.kind && person.company == "acme" && person.event == "launch")
        #expect(person.eventSpecific && person.closesWithEvent && person.isLeased)
        #expect(person.userID == "u1" && person.registration == "r1" && person.tokenID == "jti-1")
        #expect(person.name == "Ada Lovelace" && person.email == "ada@acme.example" && person.avatar == nil)
        #expect(person.validity.expires == viewer.validity.expires && person.fingerprint == "0badcafe")
        #expect(person.subject == viewer.subject && person.voucher == viewer.voucher)
    }

    @Test("Neither the person nor the session can be read in it, and no two seals are alike")
    func unreadable() throws {
        let viewer = viewer()
        let text = seal.text(of: sealed(viewer), now: start)
        let decoded = Base64URL.decode(text.span)
        let content = try #require(decoded)
        for word in ["acme", "launch", "Ada", "ada@", "u1"] {
            #expect(!String(decoding: content, as: UTF8.self).contains(word))
        }
        #expect(seal.text(of: sealed(viewer), now: start) != text)
        #expect(text.count < 300)
    }

    @Test("Attack: change any character to another, cut it, lengthen it, spell it differently")
    func changed() {
        let viewer = viewer()
        let text = seal.text(of: sealed(viewer), now: start)
        for place in text.indices {
            for byte in [UInt8(ascii: "A"), UInt8(ascii: "b"), UInt8(ascii: "_"), UInt8(ascii: "="), 0] {
                var changed = text
                changed[place] = byte
                if changed != text { #expect(open(changed) == nil) }
            }
        }
        for count in 0..<text.count { #expect(open(Array(text[..<count])) == nil) }
        for tail in ["A", "=", "AAAA", "\0", " "] { #expect(open(text + bytes(tail)) == nil) }
        #expect(open([UInt8](repeating: UInt8(ascii: "A"), count: 100_000)) == nil)
    }

    @Test("A session sealed with another cookie key is refused; tickets and sessions are not interchangeable")
    func otherPurpose() throws {
        let viewer = viewer()
        let other = SessionSeal(secret: [UInt8](repeating: 8, count: 32))
        #expect(open(other.text(of: sealed(viewer), now: start)) == nil)
        let made = Ticket(.redirect, sealed(viewer), now: start)
        let text = seal.text(of: made, now: start)
        #expect(open(text) == nil)
        #expect(ticket(text, now: start)?.number == made.number)
        let sealed = seal.text(of: sealed(viewer), now: start)
        #expect(ticket(sealed, now: start) == nil)
    }

    @Test("A ticket is valid for a minute, also by a clock that is a little behind, but not by one that was set back")
    func ticketTimes() throws {
        let made = Ticket(.redirect, sealed(viewer()), now: start)
        let text = seal.text(of: made, now: start)
        for difference: Milliseconds in [-10_000, -1, 0, 1, 59_999] {
            #expect(ticket(text, now: start + difference)?.number == made.number, "\(difference)")
        }
        for difference: Milliseconds in [-3_600_000, -10_001, 60_000] {
            #expect(ticket(text, now: start + difference) == nil, "\(difference)")
        }
    }

    @Test("Removing a key from the configuration ends the sessions that it verified")
    func keyGone() throws {
        let viewer = viewer()
        let text = seal.text(of: sealed(viewer), now: start)
        let next = try Key.secret([UInt8](repeating: 6, count: 32), algorithm: .hs256, id: "one")
        #expect(open(text, by: try Self.authority([next])) == nil)
        #expect(open(text, by: try Self.authority([next, key])) == nil, "it only verifies now, and did sign ours")
        let own = self.viewer(isOurs: false)
        let theirs = seal.text(of: sealed(own), now: start)
        #expect(open(theirs, by: try Self.authority([next, key])) != nil)
    }

    @Test("The present value of applies_to counts")
    func leaseScope() throws {
        let embed = Viewer(
            kind: .embed,
            company: "acme",
            event: nil,
            eventSpecific: false,
            userID: "u1",
            validity: Validity(expires: nil, notBefore: nil, issuedAt: nil),
            voucher: Self.voucher(key, isOurs: false)
        )
        let text = seal.text(of: sealed(embed), now: start)
        #expect(try #require(open(text)).viewer.isLeased == false)
        #expect(try #require(open(text, by: try Self.authority([key], appliesTo: .all))).viewer.isLeased)
        #expect(try #require(open(text)).viewer.event == nil)
    }

    @Test("A person whose every field has the maximum length fits")
    func longest() throws {
        let viewer = viewer(
            name: String(repeating: "é", count: 512),
            avatar: "https://a/" + String(repeating: "x", count: 4000)
        )
        let text = seal.text(of: sealed(viewer), now: start)
        #expect(text.count < SessionSeal.maxLength)
        #expect(try #require(open(text)).viewer.avatar == viewer.avatar)
    }

    @Test("It opens days later, but not before its time")
    func days() {
        let viewer = viewer()
        let text = seal.text(of: sealed(viewer), now: start)
        for days: Milliseconds in [0, 1, 30, 399] { #expect(open(text, now: start + days * 86_400_000) != nil) }
        #expect(open(text, now: start + 402 * 86_400_000) == nil)
        #expect(open(text, now: start - 3 * 86_400_000) == nil)
    }

    @Test("A ticket is valid for a minute and for one use")
    func tickets() throws {
        let viewer = viewer()
        let made = Ticket(.page, sealed(viewer, isPending: true), now: start)
        let text = seal.text(of: made, now: start)
        let opened = try #require(ticket(text, now: start + 59_999))
        #expect(opened.stage == .page && opened.session == made.session && opened.viewer.userID == "u1")
        #expect(ticket(text, now: start + 60_000) == nil)
        #expect(ticket(text, now: start - Ticket.clockDifference - 1000) == nil)
        let used = UsedTickets(capacity: 2)
        #expect(used.use(opened))
        #expect(!used.use(opened))
        #expect(used.use(Ticket(.page, made.sealed, now: start)))
        #expect(!used.use(Ticket(.page, made.sealed, now: start)), "full: none is good")
        used.expire(now: start + 60_000)
        #expect(used.use(Ticket(.page, made.sealed, now: start)))
    }

    @Test("Ids whose concatenations are equal are different subjects")
    func subjectsAreApart() {
        let subjects = [
            SubjectKey(kind: .registration, company: "a", event: bytes("bc").span, id: "d"),
            SubjectKey(kind: .registration, company: "ab", event: bytes("c").span, id: "d"),
            SubjectKey(kind: .registration, company: "a", event: bytes("b").span, id: "cd"),
            SubjectKey(kind: .registration, company: "", event: bytes("abcd").span, id: ""),
            SubjectKey(kind: .embed, company: "a", event: bytes("bc").span, id: "d"),
        ]
        #expect(Set(subjects).count == subjects.count)
    }

    @Test("Sessions are totally ordered: by time, then by their random bits")
    func order() {
        let ids = [
            SessionID(joinedAt: 1, random0: 9, random1: 9), SessionID(joinedAt: 2, random0: 0, random1: 5),
            SessionID(joinedAt: 2, random0: 0, random1: 6), SessionID(joinedAt: 2, random0: 1, random1: 0),
        ]
        #expect(ids.reversed().sorted() == ids)
        for (place, id) in ids.enumerated() {
            for other in ids[(place + 1)...] { #expect(id < other && !(other < id) && id != other) }
        }
    }
}
