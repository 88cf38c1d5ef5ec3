import TestSupport

@testable import DataPlane

/// A frame to write.
struct Frame {
    var opcode: UInt8
    var isFinal = true
    var payload: [UInt8] = []

    /// A text in fragments with a ping between them, and a goodbye.
    static let conversation = [
        Frame(opcode: 1, payload: bytes("hello")), Frame(opcode: 2), Frame(opcode: 1, isFinal: false, payload: [1]),
        Frame(opcode: 9, payload: bytes("are you there")), Frame(opcode: 0, isFinal: false),
        Frame(opcode: 10, payload: .init(repeating: 9, count: 125)),
        Frame(opcode: 0, payload: .init(repeating: 0x88, count: 126)),
        Frame(opcode: 2, payload: .init(repeating: 0x81, count: 300)), Frame(opcode: 8, payload: [3, 0xe8]),
    ]

    static func random(_ random: inout SplitMix64) -> Frame {
        let opcode = ([0, 1, 2, 2, 8, 9, 10] as [UInt8]).randomElement(using: &random) ?? 0
        let limit = opcode > 7 ? 125 : [10, 200, 1000, 70_000].randomElement(using: &random) ?? 0
        let count = Int.random(in: 0...limit, using: &random)
        return Frame(
            opcode: opcode,
            isFinal: opcode > 7 || Bool.random(using: &random),
            payload: .init(repeating: UInt8.random(in: 0...255, using: &random), count: count)
        )
    }

    func written(by sender: WebSocketFrames.Sender) -> [UInt8] {
        var random = SplitMix64(seed: 1)
        return written(by: sender, using: &random)
    }

    func written(by sender: WebSocketFrames.Sender, using random: inout SplitMix64) -> [UInt8] {
        var bytes = [(isFinal ? 0x80 : 0) | opcode]
        let mask: UInt8 = sender == .client ? 0x80 : 0
        switch payload.count {
        case ..<126: bytes.append(mask | UInt8(payload.count))
        case ..<65_536: bytes += [mask | 126, UInt8(payload.count >> 8), UInt8(payload.count & 255)]
        default:
            bytes.append(mask | 127)
            bytes += (0..<8).reversed().map { UInt8(truncatingIfNeeded: payload.count >> (8 * $0)) }
        }
        guard sender == .client else { return bytes + payload }
        let key = (0..<4).map { _ in UInt8.random(in: 0...255, using: &random) }
        return bytes + key + payload.enumerated().map { $0.element ^ key[$0.offset % 4] }
    }
}

/// Reads a whole stream at once, as naively as possible, and says what is known after how many bytes.
struct ReferenceFrames {
    private var boundaries: Set<Int> = [0]
    private var closedAt = Int.max
    private var brokenAt = Int.max

    init(_ stream: [UInt8], from sender: WebSocketFrames.Sender) {
        var start = 0
        while start < stream.count {
            let first = stream[start]
            let opcode = first & 15
            let isControl = opcode & 8 != 0
            guard [0, 1, 2, 8, 9, 10].contains(opcode), !isControl || first & 0x80 != 0 else {
                brokenAt = start + 1
                return
            }
            guard start + 1 < stream.count else { return }
            let second = stream[start + 1]
            guard (second >= 128) == (sender == .client), !isControl || second % 128 <= 125 else {
                brokenAt = start + 2
                return
            }
            var head = start + 2
            var length = Int(second % 128)
            if length > 125 {
                let width = length == 126 ? 2 : 8
                let least = length == 126 ? 126 : 65_536
                guard head + width <= stream.count else { return }
                let bytes = stream[head..<head + width]
                length = bytes.reduce(0) { $0 << 8 | Int($1) }
                head += width
                guard bytes.first! < 128 || width == 2, length >= least else {
                    brokenAt = head
                    return
                }
            }
            if sender == .client { head += 4 }
            guard head <= stream.count, length <= stream.count - head else { return }
            start = head + length
            boundaries.insert(start)
            if opcode == 8 { closedAt = min(closedAt, start) }
        }
    }

    /// Whether it is followed, at a boundary, and closed.
    func known(after count: Int) -> [Bool] {
        [count < brokenAt, count < brokenAt && boundaries.contains(count), count >= closedAt]
    }
}
