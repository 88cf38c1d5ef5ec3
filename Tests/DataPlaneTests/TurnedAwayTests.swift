import Basics
import CLinux
import Testing
import Transport

@testable import DataPlane

@Suite("Messages about connections that were turned away")
struct TurnedAwayTests {
    private let counted = TurnedAway()

    private func notices(at now: Int64) -> [String] { counted.takeNotices(at: now, limits: (100, 5)) }

    @Test("There is no message without news, and at most one a minute")
    func interval() {
        #expect(notices(at: 0) == [])
        counted.pastTotal()
        #expect(notices(at: 1000) == ["connections were refused: 1 because 100 are open (limits.connections)"])
        counted.pastTotal()
        counted.pastTotal()
        #expect(notices(at: 60_999) == [])
        #expect(notices(at: 61_000) == ["connections were refused: 2 because 100 are open (limits.connections)"])
        #expect(notices(at: 200_000) == [])
    }

    @Test("Both limits share a line, which names the last address")
    func both() {
        counted.pastTotal()
        counted.pastLimit(of: ClientAddress(bytes: [192, 0, 2, 1], text: "192.0.2.1"))
        counted.pastLimit(of: ClientAddress(bytes: [192, 0, 2, 2], text: "192.0.2.2"))
        let line = """
            connections were refused: 1 because 100 are open (limits.connections), 2 because 5 of one address are open \
            (limits.connections_per_address), last of 192.0.2.2
            """
        #expect(notices(at: 0) == [line])
    }

    @Test("For handshakes, the number and the most frequent reason are reported, however many reasons there are")
    func handshakes() {
        for number in 0..<100 { counted.failedHandshake(.failed("reason \(number)")) }
        counted.failedHandshake(.timeout)
        counted.failedHandshake(.failed("reason 3"))
        #expect(notices(at: 0) == ["TLS handshakes failed: 102, 2 of them: reason 3"])
        #expect(notices(at: 100_000) == [])
    }

    @Test("For PROXY headers, the number of each fault and the last address are reported")
    func proxyHeaders() {
        let proxies = (1...3).map { ClientAddress(bytes: [192, 0, 2, $0], text: "192.0.2.\($0)") }
        counted.badProxyHeader(.absent, from: proxies[0])
        counted.badProxyHeader(.absent, from: proxies[0])
        counted.badProxyHeader(.late, from: proxies[0])
        counted.badProxyHeader(.tooMany, from: proxies[0])
        counted.badProxyHeader(.malformed, from: proxies[1])
        counted.unlistedProxy(proxies[0])
        counted.unlistedProxy(proxies[2])
        let lines = [
            """
            connections to a listener with proxy_protocol were closed: 2 started with something else than a PROXY header, \
            1 had a malformed one, 1 did not send it within limits.header_timeout, 1 made room because too many had yet to \
            send it, last of 192.0.2.2
            """,
            """
            connections to a listener with proxy_protocol were closed because limits.trusted_proxies does not list their \
            address: 2, last of 192.0.2.3
            """,
        ]
        #expect(notices(at: 0) == lines)
        #expect(notices(at: 100_000) == [])
    }

    @Test("The number of answers whose end was not taken is reported")
    func untakenEnds() {
        counted.untakenEnd()
        counted.untakenEnd()
        let line = "clients were reset that took the end of an answer too slowly (limits.min_rate): 2"
        #expect(notices(at: 0) == [line])
    }

    @Test("A failed connection is reported with its cause")
    func connectFaults() {
        func fault(_ number: CInt) -> ConnectFault { ConnectFault(SystemFault("connect", number)) }
        #expect(fault(ECONNREFUSED) == .refused)
        #expect(fault(ETIMEDOUT) == .timeout)
        #expect(fault(EHOSTUNREACH) == .unreachable && fault(ENOENT) == .unreachable)
        #expect(fault(EPERM) == .failed)
        #expect(UpstreamFault.response(.breaks(.framing)).code == "bad_response:framing")
        #expect(UpstreamFault.connect(.dns).code == "dns")
    }
}
