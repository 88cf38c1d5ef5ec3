import Foundation
import Testing

extension EndToEnd {
    @Suite("Whatever goes wrong, the client, the log and the metrics say the same, and everybody else is served")
    struct ChaosTests {
        @Test("Upstreams", arguments: Chaos.upstreams)
        func upstreams(chaos: Chaos) throws { try check(chaos) }

        @Test("Published keys", arguments: Chaos.keySets)
        func keySets(chaos: Chaos) throws { try check(chaos) }

        @Test("Disks, descriptors and memory", arguments: Chaos.resources)
        func resources(chaos: Chaos) throws { try check(chaos) }

        @Test(
            "Clocks, where Debian's libfaketime is installed",
            .enabled(if: FileManager.default.fileExists(atPath: Gateway.clockLibrary)),
            arguments: Chaos.clocks
        )
        func clocks(chaos: Chaos) throws { try check(chaos) }

        private func check(_ chaos: Chaos) throws {
            let site = try ChaosSite(chaos)
            #expect(try chaos.act(site) == chaos.client)
            if let log = chaos.log {
                _ = eventually { site.reasons() == log }
                #expect(site.reasons() == log)
            }
            if let message = chaos.message {
                #expect(eventually { site.gateway.log.contains(message) }, "\(site.gateway.log)")
            }
            _ = try eventually(within: 10) { try chaos.expects(site.troubles()) }
            let troubles = try site.troubles()
            #expect(chaos.expects(troubles), "\(troubles)")
            #expect(try site.request("/well/x") == "200 GET /well/x 0")
            #expect(try fetch(site.port, "/.gateway/healthz").status == 200)
        }
    }
}
