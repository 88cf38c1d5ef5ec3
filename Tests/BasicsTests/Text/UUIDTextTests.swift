import Basics
import Testing

@Suite("UUIDs as text")
struct UUIDTextTests {
    @Test("Random UUIDs are of version 4, in lower case, and never repeat")
    func random() {
        let made = (0..<1000).map { _ in UUIDText.random() }
        #expect(Set(made).count == made.count)
        for text in made {
            #expect(text.wholeMatch(of: /[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/) != nil)
            let bits = UUIDText.parse(text)
            #expect(bits.map { UUIDText.format(high: $0.high, low: $0.low) } == text)
        }
    }

    @Test("A UUID's bits are those of its digits")
    func bits() throws {
        let bits = try #require(UUIDText.parse("01234567-89ab-4cde-8f01-23456789abcd"))
        #expect(bits.high == 0x0123_4567_89AB_4CDE && bits.low == 0x8F01_2345_6789_ABCD)
        #expect(UUIDText.format(high: 0, low: 1) == "00000000-0000-0000-0000-000000000001")
    }

    @Test(
        "Texts that are not a UUID in lower case",
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
