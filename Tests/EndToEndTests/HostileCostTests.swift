import Basics
import Foundation
import JOSE
import Testing

extension EndToEnd {
    /// The cost of a stranger's bytes. The limits are for a release build; a debug build is far slower, and then finds
    /// only quadratic costs.
    @Suite("Attack: bytes that cost much more than others of the same number", .serialized)
    struct HostileCostTests {
        struct Attack: Sendable, CustomTestStringConvertible {
            let testDescription: String
            /// A JSON object of about this many bytes.
            let body: @Sendable (Int) -> [UInt8]
        }

        private static func filled(_ unit: String, in frame: (String, String)) -> @Sendable (Int) -> [UInt8] {
            { size in
                let count = (size - frame.0.utf8.count - frame.1.utf8.count) / unit.utf8.count
                return Array((frame.0 + String(repeating: unit, count: count) + frame.1).utf8)
            }
        }

        /// 500 names, each a letter under many marks in a different order.
        private static func stackedMarks(_ size: Int) -> [UInt8] {
            let marks = size / 500 / 2 - 4
            let names = (0..<500).map { number in
                "a" + (0..<marks).map { number >> ($0 % 9) & 1 == 0 ? "\u{301}" : "\u{316}" }.joined() + "\(number)"
            }
            return Array(("{" + names.map { "\"\($0)\":0" }.joined(separator: ",") + "}").utf8)
        }

        static let attacks = [
            Attack(testDescription: "names of stacked marks", body: stackedMarks),
            Attack(testDescription: "numbers", body: filled("1,", in: ("{\"x\":[", "1]}"))),
            Attack(testDescription: "fractions", body: filled("0.1,", in: ("{\"x\":[", "1]}"))),
            Attack(testDescription: "a long number", body: filled("1", in: ("{\"x\":0.", "}"))),
            Attack(testDescription: "arrays in arrays", body: filled("[[[[[[[[1]]]]]]]],", in: ("{\"x\":[", "1]}"))),
            Attack(testDescription: "objects", body: filled("{\"a\":1},", in: ("{\"x\":[", "1]}"))),
            Attack(
                testDescription: "escapes in metadata",
                body: filled("\\n", in: ("{\"metadata\":{\"x\":\"", "\"}}"))
            ),
            Attack(
                testDescription: "numbers in metadata",
                body: filled("0.1,", in: ("{\"metadata\":{\"x\":[", "1]}}"))
            ),
            Attack(testDescription: "a name of marks", body: filled("\u{301}\u{316}", in: ("{\"name\":\"a", "\"}"))),
        ]

        private static let site = Result { try Site { $0.control = "" } }
        private let site: Site

        init() throws { site = try Self.site.get() }

        /// The gateway's CPU time in seconds, in all threads.
        private func cpuTime() throws -> Double {
            let text = try String(contentsOfFile: "/proc/\(site.gateway.pid)/stat", encoding: .utf8)
            let fields = text[text.index(after: try #require(text.lastIndex(of: ")")))...].split(separator: " ")
            return (try #require(Double(fields[11])) + (try #require(Double(fields[12]))))
                / Double(sysconf(Int32(_SC_CLK_TCK)))
        }

        /// The cost of a call in seconds: the least of some rounds, since a busy machine adds to it.
        private func cost(_ count: Int, _ call: () throws -> Void) throws -> Double {
            var least = Double.infinity
            for _ in 0..<3 {
                let before = try cpuTime()
                for _ in 0..<count { try call() }
                least = try min(least, (cpuTime() - before) / Double(count))
            }
            return least
        }

        private static let isRelease =
            ProcessInfo.processInfo.environment["GATEWAY_BINARY"]?.contains("/release/") ?? false

        @Test("A body of 256 KiB costs 20 ms", arguments: attacks)
        func body(attack: Attack) throws {
            let backend = try Backend.signedIn(site)
            let event = try backend.createEvent()
            let body = attack.body(255 << 10)
            let cost = try cost(10) {
                let fields = ["Content-Type: application/json"]
                let response = try backend.send("POST", "/event/\(event)", body, fields)
                #expect(response.status == 200 || response.status == 400, "\(response)")
            }
            #expect(cost < (Self.isRelease ? 0.020 : 0.5))
        }

        @Test("A token of 8 KiB costs 1 ms, wherever its marks are stacked", arguments: ["alg", "kid", "typ", "sub"])
        func token(place: String) throws {
            let marks = "a" + String(repeating: "\u{301}\u{316}", count: 1400)
            func part(_ text: String) -> String {
                let bytes = Array(text.utf8)
                return String(decoding: Base64URL.encode(bytes.span), as: UTF8.self)
            }
            let names = ["alg", "kid", "typ"].map { name -> String in
                let usual = name == "alg" ? "HS256" : "JWT"
                return "\"\(name)\":\"\(name == place ? marks : usual)\""
            }
            let claims = place == "sub" ? "{\"sub\":\"\(marks)\",\"\(marks)\":0,\"\(marks)a\":0}" : "{\"sub\":\"u\"}"
            let token = part("{" + names.joined(separator: ",") + "}") + "." + part(claims) + ".AAAA"
            let backend = Backend(port: site.port)
            backend.token = String(token.prefix(8000))
            let cost = try cost(100) { _ = try backend.send("GET", "/company/acme", [], []) }
            #expect(cost < (Self.isRelease ? 0.002 : 0.05), "with the exchange itself")
        }

        @Test("A query or Referer of 30 KiB costs 5 ms", arguments: ["?", "a?", "?=", "?token="], [true, false])
        func query(unit: String, isReferer: Bool) throws {
            let query = "?a" + String(repeating: unit, count: 30_000 / unit.utf8.count)
            let fields = isReferer ? ["Referer: http://localhost:\(site.port)/public/x\(query)"] : []
            let cost = try cost(20) {
                let response = try fetch(site.port, "/public/x\(isReferer ? "" : query)", fields)
                #expect(response.status == 200)
            }
            #expect(cost < (Self.isRelease ? 0.005 : 0.5), "with the exchange itself")
        }

        /// This is the time of the whole call on a machine that also does other things: it detects seconds, not a few
        /// additional milliseconds.
        @Test("Four such clients do not delay an honest token call")
        func honest() async throws {
            let body = Self.stackedMarks(255 << 10)
            let port = site.port
            let honest = try await withThrowingTaskGroup(of: Duration?.self) { group in
                for _ in 0..<4 {
                    group.addTask {
                        let stranger = Backend(port: port)
                        let fields = ["Content-Type: application/json"]
                        for _ in 0..<20 { _ = try? stranger.send("POST", "/api/oauth/token", body, fields) }
                        return nil
                    }
                }
                group.addTask {
                    var longest = Duration.zero
                    for _ in 0..<20 {
                        longest = try max(longest, ContinuousClock().measure { try Backend(port: port).signIn() })
                    }
                    return longest
                }
                return try await group.reduce(Duration.zero) { max($0, $1 ?? .zero) }
            }
            #expect(honest < (Self.isRelease ? .milliseconds(500) : .seconds(5)))
        }
    }
}
