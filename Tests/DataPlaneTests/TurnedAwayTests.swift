import CLinux
import Testing
import Transport

@testable import DataPlane

@Suite("What is said of connections that did not become one")
struct TurnedAwayTests {
    private let counted = TurnedAway()

    private func notices(at now: Int64) -> [String] { counted.takeNotices(at: now, limits: (100, 5)) }

    @Test("Nothing is said of nothing, and not more than once a minute")
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

    @Test("Of handshakes the number and the most frequent reason are said, however many reasons there are")
    func handshakes() {
        for number in 0..<100 { counted.failedHandshake(.failed("reason \(number)")) }
        counted.failedHandshake(.timeout)
        counted.failedHandshake(.failed("reason 3"))
        #expect(notices(at: 0) == ["TLS handshakes failed: 102, 2 of them: reason 3"])
        #expect(notices(at: 100_000) == [])
    }

    @Test("Ends of answers that nobody took are told by their number")
    func untakenEnds() {
        counted.untakenEnd()
        counted.untakenEnd()
        let line = "clients were reset that took the end of an answer too slowly (limits.min_rate): 2"
        #expect(notices(at: 0) == [line])
    }

    @Test("A failed connection is told by its cause")
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
