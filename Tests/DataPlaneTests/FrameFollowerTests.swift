import Testing

@testable import DataPlane

@Suite("Frame headers in the bytes of an HTTP/2 client")
struct FrameFollowerTests {
    private static let preface = bytes("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")

    private static func frame(_ header: FrameHeader) -> [UInt8] {
        let stream = UInt32(header.stream)
        return [
            UInt8(header.length >> 16), UInt8(header.length >> 8 & 255), UInt8(header.length & 255), header.type,
            header.flags, UInt8(stream >> 24), UInt8(stream >> 16 & 255), UInt8(stream >> 8 & 255), UInt8(stream & 255),
        ] + [UInt8](repeating: 0xff, count: header.length)
    }

    private static let headers = [
        FrameHeader(length: 0, type: 4, flags: 0, stream: 0), FrameHeader(length: 30, type: 1, flags: 5, stream: 1),
        FrameHeader(length: 1, type: 0xfa, flags: 0xff, stream: 0x7fff_ffff),
        FrameHeader(length: 70_000, type: 0, flags: 1, stream: 3), FrameHeader(length: 0, type: 4, flags: 1, stream: 0),
    ]

    private static func read(_ pieces: [ArraySlice<UInt8>]) -> [FrameHeader] {
        var follower = FrameFollower()
        var found: [FrameHeader] = []
        for piece in pieces {
            let bytes = Array(piece)
            var position = 0
            while position < bytes.count {
                guard let header = follower.next(bytes.span, from: &position) else { break }
                found.append(header)
            }
        }
        return found
    }

    @Test("Every header after the preface is found, in one piece")
    func whole() {
        let stream = Self.preface + Self.headers.flatMap(Self.frame)
        #expect(Self.read([stream[...]]) == Self.headers)
    }

    @Test("Every split finds the same headers, also byte by byte")
    func split() {
        let headers = Self.headers.filter { $0.length < 100 }
        let stream = Self.preface + headers.flatMap(Self.frame)
        for index in stream.indices { #expect(Self.read([stream[..<index], stream[index...]]) == headers) }
        #expect(Self.read(stream.indices.map { stream[$0...$0] }) == headers)
    }

    @Test("The reserved bit is not part of the stream id")
    func reserved() {
        var frame = Self.frame(FrameHeader(length: 0, type: 6, flags: 0, stream: 5))
        frame[5] |= 0x80
        #expect(Self.read([(Self.preface + frame)[...]]).map(\.stream) == [5])
    }
}
