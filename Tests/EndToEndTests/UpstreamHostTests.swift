import Testing

extension EndToEnd {
    @Suite("The Host that the upstream sees")
    struct UpstreamHostTests {
        private func seen(_ site: Site, by upstream: RecordingUpstream? = nil, _ path: String = "/public/x") throws
            -> RecordedRequest
        {
            let client = try Client(port: site.port)
            client.send("GET \(path) HTTP/1.1\r\nHost: asked.example\r\nX-Forwarded-Host: forged.example\r\n\r\n")
            #expect(try client.response().status == 200)
            return try #require((upstream ?? site.upstream).requests(for: path).last)
        }

        @Test("By default it is the client's, and X-Forwarded-Host says the same")
        func preserved() throws {
            let request = try seen(Site())
            #expect(request.fields.values("host") == ["asked.example"])
            #expect(request.fields.values("x-forwarded-host") == ["asked.example"])
        }

        @Test("A name replaces it, in checks too, and X-Forwarded-Host stays the client's")
        func name() throws {
            let site = try Site { $0.upstream = "host = \"app.example:81\"\nhealth_path = \"/health\"" }
            let request = try seen(site)
            #expect(request.fields.values("host") == ["app.example:81"])
            #expect(request.fields.values("x-forwarded-host") == ["asked.example"])
            #expect(eventually { !site.upstream.requests(for: "/health").isEmpty })
            #expect(site.upstream.requests(for: "/health").allSatisfy { $0["host"] == "app.example:81" })
        }

        @Test("\"upstream\" gives each server its own, also the one that gets a request after another has failed")
        func server() throws {
            let second = try RecordingUpstream()
            let site = try Site {
                $0.servers.append("127.0.0.1:\(second.port)")
                $0.upstream = "host = \"upstream\"\nhealth_path = \"/health\""
            }
            for upstream in [site.upstream, second] {
                #expect(eventually { !upstream.requests(for: "/health").isEmpty })
            }
            for _ in 0..<20 { #expect(try fetch(site.port, "/public/x").status == 200) }
            second.stop()
            for _ in 0..<20 {
                let client = try Client(port: site.port)
                #expect(try client.exchange("/public/x", method: "PUT", body: Array("0123456789".utf8)).status == 200)
            }
            for upstream in [site.upstream, second] {
                let requests = upstream.requests
                #expect(!upstream.requests(for: "/public/x").isEmpty)
                for request in requests {
                    #expect(request.fields.values("host") == ["127.0.0.1:\(upstream.port)"])
                    #expect(request.fields.first?.name == "Host")
                }
            }
            #expect(site.upstream.requests.last?.body.count == 10)
        }
    }
}
