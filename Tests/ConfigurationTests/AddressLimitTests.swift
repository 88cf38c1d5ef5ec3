import Basics
import GatewayConfiguration
import Testing

@Suite("[limits] by address")
struct AddressLimitTests {
    private func limits(_ text: String, files: [String: [UInt8]] = [:]) throws -> LimitSettings {
        try load(Sample(.rest, "[limits]\n\(text)").text, files: files).limits
    }

    private func found(_ text: String, files: [String: [UInt8]] = [:]) -> [String] {
        problems(Sample(.rest, "[limits]\n\(text)").text, files: files)
    }

    private func client(_ text: String) -> ClientAddress { ClientAddress(NetworkAddress(ip: text, port: 0)!) }

    @Test("Rates with and without a burst; none by default")
    func rates() throws {
        let none = try limits("")
        #expect(none.requestsPerAddress == nil && none.newConnectionsPerAddress == nil && none.denied.isEmpty)
        let both = try limits(
            "requests_per_address = \"100/s\"\nnew_connections_per_address = \"600/m\"\nnew_connections_burst = 20"
        )
        #expect(both.requestsPerAddress?.size == 100 && both.requestsPerAddress?.rate.interval == 10_000)
        #expect(both.newConnectionsPerAddress?.size == 20 && both.newConnectionsPerAddress?.rate.interval == 100_000)
    }

    @Test(
        "What cannot be a rate",
        arguments: ["100", "100/h", "/s", "0/s", "-1/s", "1000001/s", "99999999999999999999/s", "1.5/s", "100/s ", ""]
    )
    func badRates(text: String) {
        let lines = found("requests_per_address = \"\(text)\"")
        #expect(lines.count == 1 && lines[0].hasPrefix("limits.requests_per_address: "))
    }

    @Test("A burst without its rate")
    func burstAlone() {
        #expect(
            found("requests_burst = 5") == ["limits.requests_burst: has no effect without requests_per_address"]
        )
    }

    @Test("deny and deny_file together, with comments")
    func deny() throws {
        let file = "# a list\n203.0.113.0/24 # office\r\n\n\t 2001:db8::/32\n192.0.2.1"
        let read = try limits(
            "deny = [\"198.51.100.7\"]\ndeny_file = \"/deny\"",
            files: ["/deny": Array(file.utf8)]
        )
        for address in ["198.51.100.7", "203.0.113.9", "2001:db8::1", "192.0.2.1"] {
            #expect(read.denied.contains(client(address)))
        }
        #expect(!read.denied.contains(client("192.0.2.2")))
    }

    @Test("Lines of deny_file that are no range are named, ten at most")
    func badLines() {
        let file = "10.0.0.0/8\n10.0.0.1/8\nx y\n" + String(repeating: "z\n", count: 20)
        let lines = found("deny_file = \"/deny\"", files: ["/deny": Array(file.utf8)])
        #expect(lines.count == 11)
        #expect(lines[0] == "limits.deny_file: /deny: line 2: \"10.0.0.1/8\" has bits set after the first 8")
        #expect(lines[1] == "limits.deny_file: /deny: line 3: one address range a line is expected")
        #expect(lines[10] == "limits.deny_file: /deny: and 12 more lines")
        #expect(found("deny_file = \"/none\"") == ["limits.deny_file: no such file: /none"])
    }

    @Test("A denied proxy")
    func proxy() {
        #expect(
            found("deny = [\"10.0.0.0/8\"]\ntrusted_proxies = [\"10.1.0.0/16\"]")
                == [
                    "limits.deny: contains the trusted proxy \"10.1.0.0/16\", through which clients come"
                ]
        )
    }
}
