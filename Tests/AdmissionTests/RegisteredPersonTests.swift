import Testing

@testable import Admission

@Suite("Registered people: packed into one piece of memory, and UUIDs")
struct RegisteredPersonTests {
    static let event = "01234567-89ab-4cde-8f01-23456789abcd"
    static let registration = "ffffffff-ffff-ffff-ffff-ffffffffffff"

    static func person(
        name: String = "Kim",
        email: String = "kim@x.example",
        at moment: Milliseconds = start,
        event: String = event
    ) -> RegisteredPerson {
        RegisteredPerson(
            event: event,
            registration: registration,
            name: name,
            email: email,
            registeredAt: moment
        )
    }

    @Test(
        "who is packed is unpacked unchanged",
        arguments: [
            person(), person(name: "", email: ""), person(name: "Ünal 😀 \u{0} e\u{301}", email: "ü@x.example"),
            person(name: String(repeating: "n", count: 255)), person(name: String(repeating: "n", count: 256)),
            person(name: String(repeating: "n", count: 65_535), email: String(repeating: "e", count: 70_000)),
            person(at: 0), person(at: -1), person(at: .max), person(at: .min),
            person(event: "00000000-0000-0000-0000-000000000000"),
        ]
    )
    func packed(person: RegisteredPerson) throws {
        let unpacked = try #require(PackedPerson(person)?.unpacked)
        #expect(unpacked == person)
        #expect(unpacked.name.utf8.elementsEqual(person.name.utf8))
    }

    @Test("a name that is too long is cut, and the e-mail stays whole")
    func tooLong() throws {
        let long = Self.person(name: String(repeating: "n", count: 70_000))
        let unpacked = try #require(PackedPerson(long)?.unpacked)
        #expect(unpacked.name.utf8.count == 65_535 && unpacked.email == long.email)
    }

    @Test("who has an id that is no UUID is not packed", arguments: ["", "launch", event.uppercased(), event + "0"])
    func noUUID(event: String) {
        #expect(PackedPerson(Self.person(event: event)) == nil)
    }

    @Test("random UUIDs are of version 4, in lower case, and none comes twice")
    func random() {
        let made = (0..<1000).map { _ in UUIDText.random() }
        #expect(Set(made).count == made.count)
        for text in made {
            #expect(text.wholeMatch(of: /[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/) != nil)
            let bits = UUIDText.parse(text)
            #expect(bits.map { UUIDText.format(high: $0.high, low: $0.low) } == text)
        }
    }

    @Test("a UUID's bits are those of its digits")
    func bits() throws {
        let bits = try #require(UUIDText.parse(Self.event))
        #expect(bits.high == 0x0123_4567_89AB_4CDE && bits.low == 0x8F01_2345_6789_ABCD)
        #expect(UUIDText.format(high: 0, low: 1) == "00000000-0000-0000-0000-000000000001")
    }

    @Test(
        "what is no UUID in lower case",
        arguments: [
            "", "-", "0123456789ab4cde8f0123456789abcd", "01234567-89AB-4cde-8f01-23456789abcd",
            "01234567-89ab-4cde-8f01-23456789abc", "01234567-89ab-4cde-8f01-23456789abcde",
            "01234567-89ab-4cde-8f01_23456789abcd", "0123456-789ab-4cde-8f01-23456789abcd",
            "{01234567-89ab-4cde-8f01-23456789abcd}", "g1234567-89ab-4cde-8f01-23456789abcd",
            "01234567-89ab-4cde-8f01-23456789abcd ", "0x234567-89ab-4cde-8f01-23456789abcd",
            "01234567-89ab-4cde-8f01-23456789abcd-", "é1234567-89ab-4cde-8f01-23456789abc",
        ]
    )
    func none(text: String) {
        #expect(UUIDText.parse(text) == nil)
    }
}
