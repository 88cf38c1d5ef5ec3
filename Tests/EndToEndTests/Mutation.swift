/// Changes valid input into invalid, always in the same way for the same seed.
struct Mutation {
    private var random: SplitMix64

    init(seed: UInt64) { random = SplitMix64(seed: seed) }

    /// Pieces that parsers stumble over.
    private static let pieces: [[UInt8]] = [
        [0], [10], [13], [13, 10], [13, 10, 13, 10], [9], [32], [0x7f], [0x80], [0xff], [0xc0, 0xaf],
        Array(":".utf8), Array(";".utf8), Array(",".utf8), Array("..".utf8), Array("%2e%2e/".utf8), Array("%00".utf8),
        Array("//".utf8), Array("?token=".utf8), Array("&token=a.b.c".utf8), Array("HTTP/1.1".utf8),
        Array("Transfer-Encoding: chunked\r\n".utf8), Array("Content-Length: 5\r\n".utf8), Array("\r\n ".utf8),
        Array("Connection: close\r\n".utf8), Array("X-Gateway-Role: host\r\n".utf8), Array("Host: x\r\n".utf8),
        Array("ffffffffffffffff\r\n".utf8), Array("0\r\n\r\n".utf8), Array("Expect: 100-continue\r\n".utf8),
        Array("Cookie: gateway-session-00000000=x\r\n".utf8), Array("Upgrade: websocket\r\n".utf8),
        Array(String(repeating: "a", count: 300).utf8), Array(String(repeating: "{\"a\":", count: 40).utf8),
    ]

    mutating func pick<Element>(_ elements: [Element]) -> Element {
        elements[Int.random(in: 0..<elements.count, using: &random)]
    }

    mutating func number(below limit: Int) -> Int { Int.random(in: 0..<limit, using: &random) }

    /// One to four changes: bytes flipped, replaced, removed, doubled, or pieces inserted.
    mutating func mutate(_ good: [UInt8]) -> [UInt8] {
        var bytes = good
        for _ in 0...number(below: 4) {
            guard !bytes.isEmpty else { return bytes }
            let place = number(below: bytes.count)
            switch number(below: 7) {
            case 0: bytes[place] ^= 1 << UInt8(number(below: 8))
            case 1: bytes[place] = UInt8(number(below: 256))
            case 2: bytes.remove(at: place)
            case 3: bytes.insert(contentsOf: pick(Self.pieces), at: place)
            case 4: bytes.replaceSubrange(place..<min(bytes.count, place + 4), with: pick(Self.pieces))
            case 5: bytes.removeSubrange(place..<min(bytes.count, place + number(below: 40)))
            default:
                let end = min(bytes.count, place + number(below: 40))
                bytes.insert(contentsOf: Array(bytes[place..<end]), at: place)
            }
        }
        return bytes
    }
}
