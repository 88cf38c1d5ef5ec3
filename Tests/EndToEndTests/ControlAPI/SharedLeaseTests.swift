#if PostgreSQL
    import Foundation
    import TestSupport
    import Testing

    extension EndToEnd {
        @Suite("Gateways that share a database", .enabled(if: PostgreSQLServer.isInstalled))
        struct SharedLeaseTests {
            /// Two gateways in front of upstreams of their own, with the same keys.
            private struct Pair {
                let (a, b): (Site, Site)
                /// The second one's copy of the first one's cookie key.
                private let keys: TemporaryDirectory
                let backend: Backend
                let event: String

                init(_ server: PostgreSQLServer, _ sharing: String = "") throws {
                    let uri = server.uri(try server.newDatabaseName())
                    let first = try Site {
                        ($0.control, $0.databaseURI) = ("node = \"a\"\n\(sharing)", uri)
                    }
                    let folder = first.gateway.directory.path
                    let keys = try TemporaryDirectory()
                    try FileManager.default.copyItem(atPath: "\(folder)/cookie.key", toPath: keys["cookie.key"])
                    (a, self.keys) = (first, keys)
                    b = try Site {
                        $0.publicURL = "http://localhost:\(first.port)"
                        $0.cookieKey = keys["cookie.key"]
                        $0.databaseURI = uri
                        $0.control = """
                            node = "b"
                            token_key_file = "\(folder)/token.key"
                            company_key_file = "\(folder)/companies.key"
                            \(sharing)
                            """
                    }
                    backend = try Backend.signedIn(a)
                    let event = try backend.createEvent("Shared")
                    self.event = event
                    for site in [a, b] { site.upstream.on("/event/\(event)/ws") { try WebSocket.serveEcho($0) } }
                }

                /// A link that both accept.
                func link(_ email: String) throws -> String {
                    let target = try backend.register(email, for: event).target
                    // Until it has heard of the person, it knows no such join code.
                    let isKnown = try eventually { try Client(port: b.port).exchange(target).status < 400 }
                    let answer = try Client(port: b.port).exchange(target)
                    try #require(isKnown, "\(answer)\n\(b.gateway.log)")
                    return target
                }

                func socket(of browser: Browser) throws -> WebSocketEnd {
                    let client = try Client(port: browser.port)
                    try #require(
                        try client.openWebSocket("/event/\(event)/ws", browser.cookieField).status == 101
                    )
                    return WebSocketEnd(client.reader, isClient: true)
                }

                var page: String { "/event/\(event)" }
            }

            @Test("A join at one ends the session at the other; a session goes on at either")
            func kick() throws {
                let pair = try Pair(.shared)
                let link = try pair.link("ada@example.com")
                let first = Browser(pair.a)
                #expect(try first.open(link).status == 200)
                let socket = try pair.socket(of: first)
                _ = socket.send(.text("there"))
                #expect(try socket.receive() == .text("there"))

                let second = Browser(pair.b, host: 2)
                #expect(try second.open(link).status == 200)
                #expect(try socket.remainder().last?.close == "4409 session_replaced")
                try expectProblem(try first.fetch(pair.page), 409, "session_replaced")
                first.port = pair.b.port
                try expectProblem(try first.fetch(pair.page), 409, "session_replaced")

                for port in [pair.a.port, pair.b.port, pair.a.port] {
                    second.port = port
                    #expect(try second.fetch(pair.page).status == 200)
                }
                // One that goes on at both is ended at both.
                second.port = pair.b.port
                let there = try pair.socket(of: second)
                second.port = pair.a.port
                let here = try pair.socket(of: second)
                let third = Browser(pair.a, host: 3)
                #expect(try third.open(link).status == 200)
                for socket in [here, there] {
                    #expect(try socket.remainder().last?.close == "4409 session_replaced")
                }
            }
        }
    }
#endif
