import Foundation
import Testing

extension EndToEnd {
    @Suite("Memory")
    struct MemoryTests {
        @Test("8,000 idle keep-alive clients add at most 80 MB")
        func idleClients() throws {
            raiseDescriptorLimit()
            let site = try Site { $0.limits += "\nidle_timeout = \"300s\"\nconnections_per_address = 0" }
            // What is made once is not the clients'.
            for _ in 0..<100 { #expect(try fetch(site.port, "/public/x").status == 200) }
            let token = Minter.acme.token()
            let before = try residentKilobytes(site.gateway.pid)
            var clients: [Client] = []
            for number in 0..<8000 {
                let client = try Client(port: site.port)
                client.send(
                    "GET /event/e1/\(number) HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer \(token)\r\n\r\n"
                )
                clients.append(client)
                if number % 50 == 49 {
                    for client in clients.suffix(50) { #expect(try client.response().status == 200) }
                }
            }
            let added = try residentKilobytes(site.gateway.pid) - before
            #expect(added <= 80 << 10, "\(added) KB")
            for client in clients.prefix(20) { #expect(try client.exchange("/public/x").status == 200) }
        }
    }
}

/// As many descriptors as the system allows.
private func raiseDescriptorLimit() {
    var limit = rlimit()
    #if canImport(Glibc)
        let resource = RLIMIT_NOFILE.rawValue
        // SAFETY: both calls touch this one structure.
        unsafe getrlimit(__rlimit_resource_t(resource), &limit)
        limit.rlim_cur = limit.rlim_max
        unsafe setrlimit(__rlimit_resource_t(resource), &limit)
    #else
        // SAFETY: both calls touch this one structure.
        unsafe getrlimit(RLIMIT_NOFILE, &limit)
        limit.rlim_cur = limit.rlim_max
        unsafe setrlimit(RLIMIT_NOFILE, &limit)
    #endif
}
