import Basics
import Testing

@Suite("Randomness")
struct SystemRandomTests {
    @Test("randomness does not repeat, and has the length that was asked for")
    func random() {
        #expect(Set((0..<100).map { _ in SystemRandom.word() }).count == 100)
        for count in [0, 1, 7, 8, 9, 33] { #expect(SystemRandom.bytes(count).count == count) }
        #expect(SystemRandom.bytes(32) != SystemRandom.bytes(32))
        let bytes = SystemRandom.bytes(32)
        #expect(Set(stride(from: 0, to: 32, by: 8).map { Array(bytes[$0..<$0 + 8]) }).count == 4)
    }

    @Test("every byte of what was asked for is random")
    func everyByte() {
        // By chance one byte of 33 is the same 64 times in a row less often than once in 2^490.
        let made = (0..<64).map { _ in SystemRandom.bytes(33) }
        for place in 0..<33 { #expect(Set(made.map { $0[place] }).count > 1, "byte \(place)") }
    }
}
