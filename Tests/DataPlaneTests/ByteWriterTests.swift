import TestSupport
import Testing

@testable import DataPlane

@Suite("Writing a head")
struct ByteWriterTests {
    @Test("Everything written comes out in order")
    func pieces() {
        var buffer = ByteBuffer(text: "before ")
        let isComplete = buffer.write(atMost: 100) { head in
            head.write("literal ")
            head.write(bytes("array "))
            head.write(bytes("xspanx").span.extracting(1..<5))
            head.write(UInt8.space)
            head.writeDecimal(0)
            head.writeDecimal(1_234_567_890)
            head.write("")
            head.write([UInt8]())
            head.writeHexadecimal(0xdead_beef)
            head.writeAgain(from: 8, 6)
        }
        #expect(isComplete)
        #expect(text(buffer.contents) == "before literal array span 0123456789000000000deadbeefarray ")
    }

    @Test("Numbers are written in decimal digits, and without zeros before them")
    func decimal() {
        for number in Array(0...1100) + [9999, 10_000, 4_294_967_296, Int.max] {
            var buffer = ByteBuffer()
            let isComplete = buffer.write(atMost: 20) { $0.writeDecimal(number) }
            #expect(isComplete)
            #expect(text(buffer.contents) == "\(number)")
        }
    }

    @Test("What fits exactly is written; with one byte more, nothing is appended", arguments: 0...7)
    func capacity(_ kind: Int) {
        let piece = Array("0123456789".utf8)
        func write(_ head: inout ByteWriter) {
            switch kind {
            case 0: head.write(piece)
            case 1: head.write("0123456789")
            case 2: for byte in piece { head.write(byte) }
            case 3: head.write(piece.span)
            case 4: for byte in piece { head.writeDecimal(Int(byte) - 0x30) }
            case 5:
                head.write("01234")
                head.writeAgain(from: 0, 5)
            case 6: head.write(partOf: (piece + piece).span, from: 5, 10)
            default: head.writeDecimal(1_234_567_890)
            }
        }
        for capacity in [0, 1, 9, 10, 11] {
            var buffer = ByteBuffer(text: "kept")
            let isComplete = buffer.write(atMost: capacity, write)
            #expect(isComplete == (capacity >= 10), "\(capacity)")
            #expect(buffer.count == (capacity >= 10 ? 14 : 4), "\(capacity)")
        }
    }

    @Test("A part of a text comes out alone, however much text or room there is around it")
    func parts() {
        let digits = Array("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ".utf8)
        for start in [0, 1, 29, 30, 31, 60, 62] {
            for length in 0...digits.count - start {
                for room in [0, 1, 31, 32, 33] {
                    var buffer = ByteBuffer(text: "<")
                    let part = digits[start..<start + length]
                    let isComplete = buffer.write(atMost: length + room) { line in
                        line.write(partOf: digits.span, from: start, length)
                        if room > 0 { line.write(UInt8(ascii: ">")) }
                    }
                    #expect(isComplete)
                    #expect(buffer.contents == bytes("<") + part + (room > 0 ? bytes(">") : []))
                }
            }
        }
    }

    @Test("A buffer with more room than requested is filled no further than requested")
    func roomyBuffer() {
        var buffer = ByteBuffer(capacity: 4096)
        let isComplete = buffer.write(atMost: 10) { $0.write("eleven bytes") }
        #expect(!isComplete)
        #expect(buffer.count == 0)
    }

    @Test("A head that overflowed once stays unsent, even if later pieces are small enough")
    func overfull() {
        var buffer = ByteBuffer()
        var count = 0
        let isComplete = buffer.write(atMost: 4) { head in
            head.write([UInt8](repeating: 0x78, count: 1 << 20))
            head.write("abc")
            count = head.count
        }
        #expect(!isComplete)
        #expect(count == 3)
        #expect(buffer.count == 0)
    }

    @Test("Memory beyond the buffer's own is never written, whatever the sizes")
    func neverBeyond() {
        var random = SplitMix64(seed: 2)
        for _ in 0..<2000 {
            let capacity = Int.random(in: 0...300, using: &random)
            let sizes = (0..<Int.random(in: 0...6, using: &random)).map { _ in Int.random(in: 0...200, using: &random) }
            var buffer = ByteBuffer(capacity: Int.random(in: 0...64, using: &random))
            let isComplete = buffer.write(atMost: capacity) { head in
                for size in sizes { head.write([UInt8](repeating: 0x61, count: size)) }
            }
            #expect(buffer.count == (isComplete ? sizes.reduce(0, +) : 0))
            #expect(buffer.count <= buffer.capacity)
            if sizes.reduce(0, +) <= capacity { #expect(isComplete) }
        }
    }

    @Test("Decimal numbers", arguments: [0, 1, 9, 10, 99, 100, 65_535, 4_294_967_296, Int.max])
    func decimals(_ number: Int) {
        var buffer = ByteBuffer()
        buffer.writeDecimal(number)
        #expect(text(buffer.contents) == String(number))
    }

    @Test(
        "Hexadecimal numbers, as in chunk sizes",
        arguments: [0, 1, 9, 10, 15, 16, 255, 4096, 65_535, Int.max]
    )
    func hexadecimals(_ number: Int) {
        var buffer = ByteBuffer()
        buffer.writeHexadecimal(number)
        #expect(text(buffer.contents) == String(number, radix: 16))
    }

    @Test("Words have sixteen digits", arguments: [0, 1, 0xabc, 0x0123_4567_89ab_cdef, UInt64.max])
    func words(_ word: UInt64) {
        var buffer = ByteBuffer()
        _ = buffer.write(atMost: 16) { $0.writeHexadecimal(word) }
        let digits = String(word, radix: 16)
        let expected = String(repeating: "0", count: 16 - digits.count) + digits
        #expect(text(buffer.contents) == expected)
        buffer.removeAll()
        _ = buffer.write(atMost: 32) { $0.writeHexadecimal(0x0123_4567_89ab_cdef, word) }
        #expect(text(buffer.contents) == "0123456789abcdef" + expected)
    }
}
