import Foundation
import Testing

extension EndToEnd {
    @Suite("Memory")
    struct MemoryTests {
        @Test("8,000 idle keep-alive clients add at most 80 MB")
        func idleClients() throws {
            raiseDescriptorLimit()
            let site = try Site { $0.limits += "\nidle_timeout = \"300s\"\nconnections_per_address = 0" }
            // Exclude memory that is allocated only once.
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

        #if os(Linux)
            @Test("Attack: analytics of 100,000 registrations with 1.5 KB of metadata each; 160 MB cost at most 160 MB")
            func analytics() throws {
                let site = try Site { $0.control = "" }
                let backend = try Backend.signedIn(site)
                let event = try backend.createEvent()
                try site.fill(event, registrations: 100_000, metadata: 1500)
                try backend.waitForAnalytics(of: event)
                try site.gateway.forgetPeak()
                let before = try site.gateway.peakKilobytes()
                let client = try Client(port: site.port)
                backend.ask("/event/\(event)/analytics", on: client, accept: "text/csv")
                var (count, end) = (0, [UInt8]())
                while !end.elementsEqual("\r\n\r\n0\r\n\r\n".utf8) {
                    guard case .bytes(let bytes) = client.socket.receive(within: 120) else { break }
                    if count == 0 { #expect(String(decoding: bytes.prefix(12), as: UTF8.self) == "HTTP/1.1 200") }
                    count += bytes.count
                    end = (end + bytes.suffix(9)).suffix(9)
                }
                #expect(end.elementsEqual("\r\n\r\n0\r\n\r\n".utf8))
                #expect(count > 160_000_000, "\(count)")
                let added = try site.gateway.peakKilobytes() - before
                #expect(added < 160 << 10, "\(added) KB")
            }
        #endif
    }
}

#if os(Linux)
    extension Gateway {
        /// Makes the peak what is in use now.
        fileprivate func forgetPeak() throws {
            try Data("5".utf8).write(to: URL(filePath: "/proc/\(pid)/clear_refs"))
        }

        /// The process's peak memory.
        fileprivate func peakKilobytes() throws -> Int {
            let status = try String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)
            let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") } ?? ""
            return line.split(separator: " ").compactMap { Int($0) }.first ?? 0
        }
    }
#endif

/// Raises the limit on descriptors as far as the system allows.
private func raiseDescriptorLimit() {
    var limit = rlimit()
    let resource = RLIMIT_NOFILE.rawValue
    // SAFETY: both calls touch this one structure.
    unsafe getrlimit(__rlimit_resource_t(resource), &limit)
    limit.rlim_cur = limit.rlim_max
    unsafe setrlimit(__rlimit_resource_t(resource), &limit)
}
