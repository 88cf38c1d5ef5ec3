import Foundation
import Testing

@testable import GatewayConfiguration

/// No text and no file crashes the process; each gives settings or problems.
@Suite struct HostileInputTests {
    @Test("Unlimited nesting is an error with its place")
    func nesting() {
        let deep = String(repeating: "[", count: 100_000)
        #expect(problems("a = \(deep)") == ["line 1, column 37: nested too deeply"])
        #expect(problems(deep) == ["line 1, column 3: expected the name of a table after ["])
        let dotted = Array(repeating: "a", count: 100_000).joined(separator: ".")
        #expect(problems("[\(dotted)]\nx = ") == ["line 1, column 67: nested too deeply"])
        #expect(problems("\(dotted) = 1\nx = ") == ["line 1, column 66: nested too deeply"])
        let quoted = Array(repeating: "\"/,\"", count: 100_000).joined(separator: ".")
        #expect(problems("[\(quoted)]").count == 1)
        let tables = String(repeating: "{a=", count: 100_000)
        #expect(problems("a = \(tables)").count == 1)
        // A quote inside another kind of string must not hide what comes after it.
        #expect(problems("a = \"\"\"\n ' \"\"\"\n[\(dotted)]\nx =").first?.hasSuffix("nested too deeply") == true)
        #expect(problems("a = '''\n\" '''\n[\(dotted)]\nx =").first?.hasSuffix("nested too deeply") == true)
        #expect(problems("a = '\\'\n[\(dotted)]\nx =").first?.hasSuffix("nested too deeply") == true)
    }

    @Test("Reading a text again and again does not keep its tree")
    func memory() async {
        // A process of its own: other tests take and release memory at the same time.
        await #expect(processExitsWith: .success) {
            // The tree takes 7 MB. It is so deep that the values are cut off, which saves time.
            let (open, close) = (String(repeating: "[", count: 20), String(repeating: "]", count: 20))
            let text = "x = \(open)\(String(repeating: "[],", count: 100_000))\(close)"
            _ = try Document.parse(text)
            let before = try residentMegabytes()
            for _ in 0..<40 { _ = try Document.parse(text) }
            #expect(try residentMegabytes() - before < 200)
        }
    }

    @Test("Deep values that the parser allows are unknown keys")
    func allowedDepth() {
        let deep = String(repeating: "[", count: 30) + String(repeating: "]", count: 30)
        #expect(problems(Sample(.rest, "[log]\nx = \(deep)").text) == ["log.x: unknown key"])
        #expect(
            problems(Sample(.rest, "[log]\nlevel = \(deep)").text).first?.hasSuffix("found an array") == true
        )
    }

    @Test("A megabyte anywhere is reported in a short line")
    func long() {
        let megabyte = String(repeating: "x", count: 1 << 20)
        for text in [
            Sample(.top, "public_url = \"\(megabyte)\"").text,
            Sample(.top, "public_url = \"https://\(megabyte)\"").text,
            Sample(.listener, "address = \"\(megabyte):80\"").text,
            Sample(.listener, "address = \"[\(megabyte)]:80\"").text,
            Sample(.upstream, "name = \"host\"\nservers = [\"\(megabyte)\"]").text,
            Sample(.company, "id = \"\(megabyte)\"").text,
            Sample(.company, "id = \"a\"\nissuer = \"\(megabyte)\"").text,
            Sample(.rest, "[tokens.claims]\nname = \"\(megabyte)\"").text,
            Sample(.rest, "[limits]\nheader_size = \"\(megabyte)\"").text,
            Sample(.rest, "[limits]\nheader_size = \"\(String(repeating: "9", count: 1 << 20))B\"").text,
            Sample(.rest, "[limits]\ntrusted_proxies = [\"\(megabyte)\"]").text,
            Sample(.rest, "[identity]\nheader_prefix = \"\(megabyte)-\"").text,
            Sample(.rest, "[log]\nlevel = \"${\(megabyte)}\"").text,
            Sample(.rest, "[log]\n\(megabyte) = 1").text,
            Sample(.rest, "\(megabyte) = 1").text,
        ] {
            let found = problems(text)
            #expect(found.count == 1)
            #expect(found.allSatisfy { $0.utf8.count < 400 }, "\(found.map { $0.prefix(100) })")
        }
        let pattern = String(repeating: "/x", count: 1 << 19)
        _ = problems(Sample(.route, "path = \"\(pattern)\"\nupstream = \"host\"\naccess = \"public\"").text)
    }

    @Test("Extreme numbers are reported or kept, never cut")
    func numbers() {
        for number in ["9223372036854775807", "-9223372036854775808", "0", "-1", "1e308", "-inf", "nan", "0xffffffff"] {
            #expect(problems(Sample(.rest, "[limits]\nconnections = \(number)").text).count == 1, "\(number)")
        }
        for number in ["9223372036854775808", "-9223372036854775809", "1e309", "0x1ffffffffffffffff"] {
            #expect(problems(Sample(.rest, "[limits]\nconnections = \(number)").text).count == 1, "\(number)")
        }
    }

    @Test(
        "For files that are not text, the message says what they lack",
        arguments: [
            [0xff, 0xfe, 0x00], Array(repeating: 0xff, count: 100), Array("-----BEGIN \u{0}".utf8),
            Array("{\"keys\":".utf8),
            Array("{\"keys\":[{\"kty\":\"oct\",\"k\":\"\"}]}".utf8),
            Array(repeating: UInt8(ascii: "["), count: 100_000),
        ] as [[UInt8]]
    )
    func files(_ bytes: [UInt8]) {
        for key in [
            "algorithm = \"ES256\"\npublic_key_file = \"/f\"", "algorithm = \"RS256\"\nprivate_key_file = \"/f\"",
            "jwks_file = \"/f\"",
        ] {
            #expect(problems(Sample(.key, key).text, files: ["/f": bytes]).count == 1)
        }
        #expect(
            problems(Sample(.key, "algorithm = \"HS256\"\nsecret_file = \"/f\"").text, files: ["/f": bytes]).count
                == (bytes.count < 32 ? 1 : 0) || bytes.starts(with: Array("-----BEGIN".utf8))
                || bytes.starts(with: Array("{".utf8))
        )
    }

    @Test("Ten thousand mutated texts are processed")
    func mutations() {
        var random = SplitMix(state: 42)
        let original = Array(PrintableSample.text.utf8)
        for _ in 0..<10_000 {
            var bytes = original
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let index = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: bytes[index] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.remove(at: index)
                case 2: bytes.insert(Array("[]{}\"'.=,#\\\n$".utf8).randomElement(using: &random) ?? 0, at: index)
                default:
                    let end = min(bytes.count, index + Int.random(in: 1...20, using: &random))
                    bytes.insert(contentsOf: Array(bytes[index..<end]), at: index)
                }
            }
            let text = String(decoding: bytes, as: UTF8.self)
            let found = problems(text)
            #expect(found.allSatisfy { !$0.isEmpty && !$0.utf8.contains(0) && !$0.utf8.contains(UInt8(ascii: "\n")) })
        }
    }

    private enum PrintableSample {
        static var text: String {
            var sample = Sample(
                .rest,
                "[limits]\nheader_size = \"32KiB\"\ntrusted_proxies = [\"10.0.0.0/8\", \"::1\"]\n"
            )
            sample.bodies[.tokens] = "query = [\"${A}\"]\n[tokens.claims]\nname = \"a$$\""
            return sample.text
        }
    }

    private struct SplitMix: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state &+= 0x9e37_79b9_7f4a_7c15
            var word = state
            word = (word ^ (word >> 30)) &* 0xbf58_476d_1ce4_e5b9
            word = (word ^ (word >> 27)) &* 0x94d0_49bb_1331_11eb
            return word ^ (word >> 31)
        }
    }
}

/// The memory of this process that is in use.
private func residentMegabytes() throws -> Int {
    let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
    let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") })
    return try #require(Int(line.filter(\.isNumber))) / 1024
}
