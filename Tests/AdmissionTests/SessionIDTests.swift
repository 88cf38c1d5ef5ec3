import Admission
import Testing

@Suite("Session ids: neither made up nor aged nor moved")
struct SessionIDTests {
    let signer = SessionSigner(secret: [UInt8](repeating: 7, count: 32))
    let subject = viewer().subject
    let id = SessionID(joinedAt: start, random0: 0x0123_4567_89AB_CDEF, random1: .max)

    @Test("a session's text is 52 base64url characters and reads back as the same session")
    func roundTrip() throws {
        var numbers = Numbers(seed: 5)
        for _ in 0..<500 {
            let id = SessionID(
                joinedAt: Milliseconds(numbers.next() >> 8),
                random0: numbers.next(),
                random1: numbers.next()
            )
            let text = signer.text(of: id, for: subject)
            #expect(text.count == PresentedSession.length)
            #expect(String(decoding: text, as: UTF8.self).wholeMatch(of: /[A-Za-z0-9_-]{52}/) != nil)
            let presented = try #require(parsed(text))
            #expect(presented.id == id)
            #expect(presented.text == text)
            #expect(signer.verifies(presented, for: subject))
        }
    }

    @Test("attack: change any character to any other")
    func changedCharacter() {
        let text = signer.text(of: id, for: subject)
        for place in text.indices {
            for octet in UInt8.min...UInt8.max where octet != text[place] {
                var changed = text
                changed[place] = octet
                guard let presented = parsed(changed) else { continue }
                #expect(!signer.verifies(presented, for: subject))
            }
        }
    }

    @Test("attack: one session in two spellings")
    func otherSpelling() {
        var text = signer.text(of: SessionID(joinedAt: start, random0: .max, random1: .max), for: subject)
        text = text.map { $0 == UInt8(ascii: "_") ? UInt8(ascii: "/") : $0 }
        #expect(parsed(text) == nil)
    }

    @Test("attack: cut or lengthen it")
    func otherLength() {
        let text = signer.text(of: id, for: subject)
        for count in 0..<text.count { #expect(parsed(Array(text[..<count])) == nil) }
        for tail in ["A", "=", "AAAA", "\0", " "] {
            #expect(parsed(text + bytes(tail)) == nil)
        }
    }

    @Test("attack: make it younger, older, or another's")
    func moved() throws {
        let presented = try #require(parsed(signer.text(of: id, for: subject)))
        for shift: Milliseconds in [-3_600_000, -1, 1, 3_600_000] {
            let aged = SessionID(joinedAt: id.joinedAt + shift, random0: id.random0, random1: id.random1)
            #expect(!signer.verifies(PresentedSession(id: aged, tag: presented.tag), for: subject))
        }
        let others = [
            viewer(registration: "r2"), viewer(event: "summit"), viewer(company: "globex"),
            viewer(.embed, userID: "r1"),
        ]
        for other in others { #expect(!signer.verifies(presented, for: other.subject)) }
        let swapped = SubjectKey(high: subject.low, low: subject.high)
        #expect(!signer.verifies(presented, for: swapped))
    }

    @Test("a session that was just accepted does not help a forged one, nor another subject")
    func rememberedProof() throws {
        let presented = try #require(parsed(signer.text(of: id, for: subject)))
        #expect(signer.verifies(presented, for: subject))
        #expect(signer.verifies(presented, for: subject))
        let forged = PresentedSession(id: id, tag: SessionTag(high: presented.tag.high, low: presented.tag.low ^ 1))
        #expect(!signer.verifies(forged, for: subject))
        #expect(!signer.verifies(forged, for: subject))
        #expect(!signer.verifies(presented, for: viewer(registration: "r2").subject))
        #expect(signer.verifies(presented, for: subject))
    }

    @Test("another key's session is nobody's")
    func otherKey() throws {
        let other = SessionSigner(secret: [UInt8](repeating: 8, count: 32))
        let presented = try #require(parsed(other.text(of: id, for: subject)))
        #expect(!signer.verifies(presented, for: subject))
    }

    @Test("ids that run into each other are different subjects")
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

    @Test("sessions are totally ordered: by time, then by their random bits")
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
