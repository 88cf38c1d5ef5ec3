package import Basics

/// What the data plane keeps about a registration: enough to make its token.
package struct RegisteredPerson: Sendable, Equatable {
    /// UUIDs in lower case.
    package let event: String
    package let registration: String
    package let name: String
    package let email: String
    package let registeredAt: Milliseconds

    package init(event: String, registration: String, name: String, email: String, registeredAt: Milliseconds) {
        self.event = event
        self.registration = registration
        self.name = name
        self.email = email
        self.registeredAt = registeredAt
    }
}

/// A ``RegisteredPerson`` in one block of memory, since there may be a million of them.
struct PackedPerson: Sendable {
    /// Event and registration of 16 bytes each, the time, the length of the name, the name, the e-mail.
    private let bytes: [UInt8]

    /// Returns `nil` if an id is not a UUID.
    init?(_ person: RegisteredPerson) {
        guard let event = UUIDText.parse(person.event), let registration = UUIDText.parse(person.registration) else {
            return nil
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(42 + person.name.utf8.count + person.email.utf8.count)
        for word in [event.high, event.low, registration.high, registration.low] {
            appendBigEndian(word, count: 8, to: &bytes)
        }
        appendBigEndian(UInt64(bitPattern: person.registeredAt), count: 8, to: &bytes)
        let name = person.name.utf8.prefix(Int(UInt16.max))
        appendBigEndian(UInt64(name.count), count: 2, to: &bytes)
        bytes.append(contentsOf: name)
        bytes.append(contentsOf: person.email.utf8)
        self.bytes = bytes
    }

    var unpacked: RegisteredPerson {
        let nameEnd = 42 + Int(bytes[40]) << 8 + Int(bytes[41])
        return RegisteredPerson(
            event: UUIDText.format(high: bigEndianWord(bytes.span, at: 0), low: bigEndianWord(bytes.span, at: 8)),
            registration: UUIDText.format(
                high: bigEndianWord(bytes.span, at: 16),
                low: bigEndianWord(bytes.span, at: 24)
            ),
            name: String(decoding: bytes[42..<nameEnd], as: UTF8.self),
            email: String(decoding: bytes[nameEnd...], as: UTF8.self),
            registeredAt: Milliseconds(bitPattern: bigEndianWord(bytes.span, at: 32))
        )
    }
}
