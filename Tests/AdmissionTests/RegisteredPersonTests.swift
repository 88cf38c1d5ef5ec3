import Basics
import Testing

@testable import Admission

@Suite("Registered people: packed into one piece of memory")
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
        "A packed person is unpacked unchanged",
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

    @Test("A name that is too long is cut, and the e-mail stays whole")
    func tooLong() throws {
        let long = Self.person(name: String(repeating: "n", count: 70_000))
        let unpacked = try #require(PackedPerson(long)?.unpacked)
        #expect(unpacked.name.utf8.count == 65_535 && unpacked.email == long.email)
    }

    @Test(
        "A person with an id that is not a UUID is not packed",
        arguments: ["", "launch", event.uppercased(), event + "0"]
    )
    func noUUID(event: String) {
        #expect(PackedPerson(Self.person(event: event)) == nil)
    }
}
