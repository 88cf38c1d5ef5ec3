import Testing

extension EndToEnd {
    @Suite("HTTP/2: what the RFCs say about each frame and field")
    struct HTTP2ConformanceTests {
        static let shared = Result { try Site() }
        let site: Site

        init() throws { site = try Self.shared.get() }

        @Test("There are at least 110 cases, each with its own name")
        func count() {
            #expect(HTTP2Case.all.count >= 110)
            #expect(Set(HTTP2Case.all.map(\.description)).count == HTTP2Case.all.count)
        }

        @Test("Connections and frames", arguments: HTTP2Case.connections)
        func connections(promise: HTTP2Case) throws { try expect(promise) }

        @Test("States and numbers of streams", arguments: HTTP2Case.streams)
        func streams(promise: HTTP2Case) throws { try expect(promise) }

        @Test("DATA, HEADERS, PRIORITY, RST_STREAM and CONTINUATION", arguments: HTTP2Case.bodies)
        func bodies(promise: HTTP2Case) throws { try expect(promise) }

        @Test("SETTINGS, PUSH_PROMISE, PING, GOAWAY and WINDOW_UPDATE", arguments: HTTP2Case.controls)
        func controls(promise: HTTP2Case) throws { try expect(promise) }

        @Test("Bodies, lengths and fields of requests", arguments: HTTP2Case.messages)
        func messages(promise: HTTP2Case) throws { try expect(promise) }

        @Test("Pseudo-header fields", arguments: HTTP2Case.pseudoFields)
        func pseudoFields(promise: HTTP2Case) throws { try expect(promise) }

        @Test("Nothing is smuggled on the way from HTTP/2 to HTTP/1.1", arguments: HTTP2Case.injections)
        func injections(promise: HTTP2Case) throws { try expect(promise) }

        @Test("Header compression", arguments: HTTP2Case.compression)
        func compression(promise: HTTP2Case) throws { try expect(promise) }

        private func expect(_ promise: HTTP2Case) throws {
            try HTTP2Judge(upstream: site.upstream, port: site.port, clearPort: site.port).expect(promise)
        }
    }
}
