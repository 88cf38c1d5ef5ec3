import Testing

@testable import Basics

@Suite("Base64")
struct Base64Tests {
    private static func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

    @Test(
        "Bytes are written as in RFC 4648, and read back",
        arguments: [
            ([], ""), (bytes("f"), "Zg=="), (bytes("fo"), "Zm8="), (bytes("foo"), "Zm9v"), (bytes("foob"), "Zm9vYg=="),
            ([0xfb, 0xff, 0xfe], "+//+"),
        ] as [([UInt8], String)]
    )
    func vectors(plain: [UInt8], coded: String) {
        let written = Base64.encode(plain.span)
        #expect(String(decoding: written, as: UTF8.self) == coded)
        let read = Base64.decode(written.span)
        #expect(read == plain)
    }

    @Test(
        "Any other spelling is refused",
        arguments: ["Zg", "Zg=", "Zh==", "Z===", "====", "Zm9v====", "-__-", "Zm9 ", "Zg==Zg==", "Zm=v"]
    )
    func others(text: String) {
        let read = Base64.decode(Self.bytes(text).span)
        #expect(read == nil)
    }
}
