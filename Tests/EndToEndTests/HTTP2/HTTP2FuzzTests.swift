import Foundation
import Synchronization
import Testing

extension EndToEnd {
    @Suite("Random frames never crash the process")
    struct HTTP2FuzzTests {
        private static let connections = 2000
        private static let threads = 4

        @Test("After 2,000 connections of random frames a well-behaved client is served, and nothing of theirs is left")
        func random() throws {
            let site = try Site {
                $0.log = "access = false"
                $0.limits += "\nheader_timeout = \"2s\""
            }
            site.upstream.keepRequests(false)
            let (pid, port) = (site.gateway.pid, site.port)
            for _ in 0..<20 { #expect(try fetch(port, "/public/x").status == 200) }
            let before = try residentKilobytes(pid)
            let descriptors = try openDescriptors(pid)
            let witness = HTTP2Witness(port: port)
            let unframed = Mutex<[String]>([])
            inParallel(Self.threads) { index in
                for number in 0..<(Self.connections / Self.threads) {
                    let seed = UInt64(index * Self.connections + number)
                    var fuzzer = HTTP2Fuzzer(seed: seed)
                    guard let fault = fuzzer.run(port: port) else { continue }
                    unframed.withLock { $0.append("seed \(seed): \(fault)") }
                }
            }
            let failures = witness.end().failures
            #expect(failures.isEmpty, "the good client: \(failures.prefix(3))")
            #expect(unframed.withLock { $0 } == [])
            #expect(site.gateway.isRunning && site.gateway.pid == pid)
            #expect(try HTTP2Client.connected(port: port).exchange("/public/x").text == "GET /public/x 0")
            // Idle connections to the upstream stay.
            #expect(try eventually(within: 10) { try openDescriptors(pid) <= descriptors + 100 })
            let added = try residentKilobytes(pid) - before
            #expect(added < 30 << 10, "\(added) KB")
        }
    }
}

/// The number of descriptors that a process has open.
private func openDescriptors(_ pid: pid_t) throws -> Int {
    try FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/fd").count
}

/// A connection of almost valid frames.
private struct HTTP2Fuzzer {
    private var mutation: Mutation
    private var nextStream = 1

    init(seed: UInt64) { mutation = Mutation(seed: seed) }

    /// Sends frames and reads the answers. Returns what is not a frame, or is wrong between connections.
    mutating func run(port: UInt16) -> String? {
        guard let socket = try? Socket.connect(port: port) else { return "no connection" }
        var input =
            HTTP2Client.preface + HTTP2Frame.settings([(.initialWindowSize, mutation.pick([0, 9, 65_535]))]).bytes
        for _ in 0..<(5 + mutation.number(below: 60)) { input += frame() }
        if mutation.number(below: 4) == 0 {
            input = Array(input.prefix(24)) + mutation.mutate(Array(input.dropFirst(24)))
        }
        var received: [UInt8] = []
        var sent = 0
        while sent < input.count {
            let size = 1 + mutation.number(below: 4000)
            guard socket.send(Array(input[sent..<min(sent + size, input.count)]), within: 2) else { break }
            sent += size
            if case .bytes(let bytes) = socket.receive(within: 0) { received += bytes }
        }
        if mutation.number(below: 2) == 0 { socket.finishSending() }
        while case .bytes(let bytes) = socket.receive(within: 0.005) { received += bytes }
        return Self.fault(in: received)
    }

    /// The gateway sends frames of bounded size, SETTINGS first.
    private static func fault(in bytes: [UInt8]) -> String? {
        var position = 0
        while bytes.count - position >= 9 {
            let count = bytes[position..<(position + 3)].reduce(0) { $0 << 8 | Int($1) }
            let kind = bytes[position + 3]
            guard count <= 16_384, kind <= 9, position > 0 || kind == HTTP2Frame.Kind.settings else {
                return "at \(position): \(bytes[position...].prefix(20))"
            }
            position += 9 + count
        }
        return nil
    }

    private mutating func word() -> UInt32 {
        mutation.pick([0, 1, 100, 16_384, 65_535, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff])
    }

    private mutating func frame() -> [UInt8] {
        // Mostly one of the streams that were opened last.
        let isWild = mutation.number(below: 20) == 0
        let recent = max(1, nextStream - 2 - 2 * mutation.number(below: 4))
        let stream = UInt32(isWild ? mutation.number(below: 40) : recent)
        let flags = UInt8(mutation.pick([0, 1, 4, 5, 8, 0x2d, mutation.number(below: 256)]))
        switch mutation.number(below: 14) {
        case 0...4: return headers(stream, flags)
        case 5, 6:
            let body = [UInt8](repeating: 7, count: isWild ? 20_000 : mutation.pick([0, 1, 9, 1000, 16_384]))
            return HTTP2Frame(kind: HTTP2Frame.Kind.data, flags: flags, stream: stream, payload: body).bytes
        case 7:
            return HTTP2Frame.windowUpdate(mutation.pick([0, stream]), mutation.pick([1, 100, 65_535, word()])).bytes
        case 8: return HTTP2Frame.reset(stream).bytes
        case 9 where mutation.number(below: 4) == 0:
            let setting = HTTP2Setting(rawValue: UInt16(mutation.number(below: 10)))
            return HTTP2Frame.settings([(setting, word())]).bytes
        case 10: return HTTP2Frame.priority(stream, on: UInt32(mutation.number(below: 40))).bytes
        case 11: return HTTP2Frame.ping(ack: mutation.number(below: 2) == 0).bytes
        case 12 where mutation.number(below: 4) == 0:
            return HTTP2Frame.continuation(stream, [0x82], endHeaders: flags & 4 != 0).bytes
        default:
            let payload = (0..<mutation.number(below: 40)).map { _ in UInt8(mutation.number(below: 256)) }
            let kind = UInt8(mutation.number(below: 12))
            return HTTP2Frame(kind: kind, flags: flags, stream: stream, payload: payload).bytes
        }
    }

    /// Mostly a valid request, so that much of what follows hits open streams.
    private mutating func headers(_ last: UInt32, _ flags: UInt8) -> [UInt8] {
        let stream = mutation.number(below: 20) == 0 ? last : UInt32(nextStream)
        nextStream += 2
        let method = mutation.pick(["GET", "POST", "HEAD", "CONNECT"])
        let fields = mutation.pick([
            [], [Field("content-length", "9")], [Field("cookie", "a=1")], [Field("te", "trailers")],
            [Field(":protocol", "websocket"), Field("sec-websocket-version", "13")], [Field("x-gateway-role", "host")],
        ])
        let block = HPACK.request("/public/\(stream)", method: method, fields)
        guard mutation.number(below: 12) > 0 else {
            let bent = mutation.mutate(block)
            return HTTP2Frame(kind: HTTP2Frame.Kind.headers, flags: flags, stream: stream, payload: bent).bytes
        }
        return HTTP2Frame.headers(stream, block, end: flags & 1 != 0, endHeaders: mutation.number(below: 20) > 0).bytes
    }
}
