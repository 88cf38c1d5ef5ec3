import Foundation
import Testing

extension EndToEnd {
    @Suite("TLS: reload and check")
    struct TLSReloadTests {
        let site: TLSSite

        init() throws { site = try TLSSite() }

        @Test("SIGHUP loads a new certificate, and an open connection stays")
        func reload() throws {
            let client = try TLSTalk(site)
            #expect(client.get().contains("subject=CN = standard"))
            try site.install("both")
            site.gateway.reload()
            #expect(try site.openssl([]).output.contains("subject=CN = both"))
            #expect(client.get().components(separatedBy: "HTTP/1.1 200").count == 3)
        }

        @Test("An invalid certificate at a reload changes nothing, and the log says why")
        func badReload() throws {
            try site.install("both", key: "exact")
            site.gateway.send(SIGHUP)
            #expect(eventually { site.gateway.log.contains("listener[0].key: does not match the certificate") })
            #expect(eventually { site.gateway.log.contains("the running configuration stays as it is") })
            #expect(try site.openssl([]).output.contains("subject=CN = standard"))
        }

        @Test("gateway check reports what is wrong with certificates")
        func check() throws {
            let file = site.gateway.directory["gateway.conf"]
            func check() throws -> Finished { try run(Gateway.program, ["check", file]) }
            #expect(try check().status == 0)
            try site.install("both", key: "exact")
            var said = try check()
            #expect(said.status == 1)
            #expect(said.errors.contains("listener[0].key: does not match the certificate in "))
            try site.install("expired")
            said = try check()
            #expect(said.status == 0)
            #expect(said.errors.contains("error: listener[0].certificate: expired on "))
            try site.install("both", key: "encrypted")
            said = try check()
            #expect(said.status == 1)
            #expect(said.errors.contains("listener[0].key: holds no private key"))
            #expect(!said.errors.contains("PRIVATE KEY"))
        }
    }
}
