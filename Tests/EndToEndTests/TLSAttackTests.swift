import Foundation
import TestSupport
import Testing

extension EndToEnd {
    @Suite("TLS against hostile clients")
    struct TLSAttackTests {
        static let shared = Result { try TLSSite() }
        let site: TLSSite

        init() throws { site = try Self.shared.get() }

        @Test("Slow handshake: it is cut by header_timeout")
        func slowHandshake() throws {
            let start = monotonic()
            let client = try Client(port: site.tlsPort)
            client.send([0x16, 3, 1])
            #expect(client.isClosed(within: 10))
            #expect((0.9...4).contains(monotonic() - start))
        }

        @Test("Half-open handshakes: 8,000 are cut, their memory is returned, and a well-behaved client notices little")
        func halfOpen() throws {
            let site = try TLSSite()
            let quiet = HTTP2Witness(port: site.gateway.port)
            quiet.wait(for: 200)
            let (quietSeconds, quietFailures) = quiet.end()
            #expect(quietFailures == [])
            let before = try residentKilobytes(site.gateway.pid)
            let hello: [UInt8] = [0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]
            try expectUndisturbed(quietSeconds: quietSeconds) {
                let witness = HTTP2Witness(port: site.gateway.port)
                let clients = try (0..<8000).map { _ in
                    let client = try Client(port: site.tlsPort)
                    client.send(hello)
                    return client
                }
                #expect(try site.curl(["\(site.url)/.gateway/healthz"]).output == "ok\n")
                for client in clients { #expect(client.isClosed(within: 10)) }
                witness.wait(for: 200)
                return witness.end()
            }
            var after = 0
            let isBack = try eventually(within: 30) {
                after = try residentKilobytes(site.gateway.pid)
                return after <= before + 20 << 10
            }
            #expect(isBack, "\(before) KiB before, \(after) KiB after")
        }

        @Test("Attack: clients that are silent in the handshake make room when all places are taken")
        func silent() throws {
            let certificates = try TestCertificates.shared.get()
            let port = try Listener.freePorts(1)[0]
            let site = try Site {
                $0.top = """
                    threads = 1
                    [[listener]]
                    address = "127.0.0.1:\(port)"
                    certificate = "\(certificates.path("standard.pem"))"
                    key = "\(certificates.path("standard.key"))"
                    """
                $0.limits += "\nconnections = 8\nheader_timeout = \"60s\""
            }
            let silent = try (0..<20).map { _ in try Client(port: port) }
            var open: [Client] = []
            let isFull = try eventually {
                open = silent.filter { !$0.isClosed(within: 0) }
                let refusals = ["limit": "connections"]
                let refused = try site.gateway.metrics().value("gateway_connections_refused_total", refusals)
                return Int(refused) + open.count == silent.count
            }
            #expect(isFull && open.count <= 8)
            let since = monotonic()
            #expect(eventually { monotonic() - since > 1.5 })
            let others = try (0..<8).map { _ in try Client(port: site.port) }
            for client in others { #expect(try client.exchange("/public/x").status == 200) }
            #expect(eventually { open.allSatisfy { $0.isClosed(within: 0) } })
        }

        @Test("A ClientHello of the largest size is answered, one byte more is refused with an alert")
        func largestHello() throws {
            var hello = ClientHello()
            hello.suites += .init(repeating: 0xfafa, count: 32_766)
            hello.padding = 65_535 - hello.extensions.count - 4
            #expect(hello.message.count == 4 + 131_142)
            let client = try Client(port: site.tlsPort)
            client.send(hello.bytes)
            let first = try client.reader.take(6)
            #expect(first[0] == 0x16 && first[5] == 2, "a ServerHello: \(first)")
            // OpenSSL's limit: the largest possible size if TLS 1.3 permitted 255 compression methods.
            let other = try Client(port: site.tlsPort)
            other.send([0x16, 3, 1, 0, 4, 1, 2, 1, 0x45])
            #expect(try other.reader.take(1) == [0x15])
            #expect(other.remainder(within: 5) != nil)
        }

        @Test("Plaintext to a TLS port is not answered")
        func clearText() throws {
            let client = try Client(port: site.tlsPort)
            client.send("GET /.gateway/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            let rest = client.remainder(within: 5)
            #expect(rest != nil)
            #expect(rest.map { String(decoding: $0, as: UTF8.self).contains("HTTP") } == false)
        }

        @Test(
            "An alert is not lost because of what the client sends after its mistake",
            arguments: [0, 100_000, 900_000]
        )
        func alertBehindData(_ count: Int) throws {
            let client = try Client(port: site.tlsPort)
            client.send(ClientHello().bytes)
            let first = try client.reader.take(6)
            #expect(first[0] == 0x16 && first[5] == 2)
            // A record that the gateway cannot have encrypted.
            client.send([0x17, 3, 3, 0, 20] + .init(repeating: 7, count: 20 + count))
            var received: [UInt8] = []
            var end: Received?
            while end == nil {
                switch client.socket.receive(within: 5) {
                case .bytes(let bytes): received += bytes
                case let other: end = other
                }
            }
            #expect(end == .end)
            // Encrypted or not, an alert is the last record: 2 bytes, or 19 under a TLS 1.3 cipher.
            let last = [7, 24].map { Array(received.suffix($0).prefix(5)) }
            #expect(last[0] == [0x15, 3, 3, 0, 2] || last[1] == [0x17, 3, 3, 0, 19], "\(last)")
        }
    }
}

/// The first message of TLS 1.3 ([RFC 8446, section 4.1.2](https://www.rfc-editor.org/rfc/rfc8446#section-4.1.2)), in
/// any size that a test needs.
struct ClientHello {
    /// TLS_AES_128_GCM_SHA256 first.
    var suites: [UInt16] = [0x1301]
    /// The size of the padding extension in bytes.
    var padding: Int?

    private static func length(_ count: Int, _ width: Int) -> [UInt8] {
        (0..<width).reversed().map { UInt8(count >> (8 * $0) & 255) }
    }

    private static func one(_ type: Int, _ content: [UInt8]) -> [UInt8] {
        length(type, 2) + length(content.count, 2) + content
    }

    var extensions: [UInt8] {
        // supported_versions, supported_groups, signature_algorithms and a share of X25519.
        Self.one(43, [2, 3, 4]) + Self.one(10, [0, 2, 0, 29]) + Self.one(13, [0, 4, 8, 4, 4, 3])
            + Self.one(51, [0, 36, 0, 29, 0, 32] + (1...32))
            + (padding.map { Self.one(21, .init(repeating: 0, count: $0)) } ?? [])
    }

    var message: [UInt8] {
        let session = [UInt8](repeating: 1, count: 32)
        let body =
            [3, 3] + [UInt8](repeating: 2, count: 32) + [32] + session + Self.length(2 * suites.count, 2)
            + suites.flatMap { [UInt8($0 >> 8), UInt8($0 & 255)] } + [1, 0] + Self.length(extensions.count, 2)
            + extensions
        return [1] + Self.length(body.count, 3) + body
    }

    /// The message in records.
    var bytes: [UInt8] {
        let message = message
        return stride(from: 0, to: message.count, by: 16_384).flatMap { start -> [UInt8] in
            let piece = message[start..<min(start + 16_384, message.count)]
            return [0x16, 3, 1] + Self.length(piece.count, 2) + piece
        }
    }
}
