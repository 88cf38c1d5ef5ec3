import Testing

@testable import DataPlane

@Suite("The id of a request")
struct RequestIDTests {
    /// The id made from these fields, and the field lines that it adds.
    private func read(_ lines: String) throws -> (id: RequestID, written: String) {
        var random = RandomSource()
        var id = RequestID()
        let earlier =
            "X-Request-Id: earlier\r\ntraceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n"
        for lines in [earlier, lines] { try withView(request(lines)) { id.read($0, &random) } }
        var buffer = ByteBuffer()
        _ = buffer.write(atMost: 500) { head in id.writeFields(to: &head) }
        return (id, text(buffer.contents))
    }

    @Test(
        "A client's well-formed id is kept",
        arguments: ["a", "0", "01HZX-5.b_c:d", "F7A1", String(repeating: "x", count: 128)]
    )
    func kept(_ id: String) throws {
        let (requestID, written) = try read("X-Request-Id: \(id)\r\n")
        #expect(requestID.keepsID)
        #expect(requestID.string == id)
        #expect(!written.contains("X-Request-Id"))
        #expect(written.hasPrefix("traceparent: 00-"))
    }

    @Test(
        "An id that could mean something to a log or a shell is replaced",
        arguments: [
            "", "a b", "a;b", "a\"b", "a'b", "a<b", "a/b", "a\\b", "a$b", "a\tb", "\u{e9}", "a,b", "{a}", "a=b",
            String(repeating: "x", count: 129), "a\r\nX-Request-Id: b",
        ]
    )
    func made(_ id: String) throws {
        let (requestID, written) = try read("X-Request-Id: \(id)\r\n")
        #expect(!requestID.keepsID)
        #expect(requestID.string.wholeMatch(of: /[0-9a-f]{32}/) != nil)
        #expect(written.hasPrefix("X-Request-Id: \(requestID.string)\r\ntraceparent: 00-\(requestID.string)-"))
    }

    @Test("Generated ids are well formed and never repeat")
    func unique() throws {
        var seen: Set<String> = []
        for _ in 0..<200 {
            let (requestID, written) = try read("")
            #expect(
                written.wholeMatch(
                    of: /X-Request-Id: [0-9a-f]{32}\r\ntraceparent: 00-[0-9a-f]{32}-[0-9a-f]{16}-00\r\n/
                ) != nil
            )
            #expect(!written.contains("-0000000000000000-"))
            seen.insert(requestID.string)
        }
        #expect(seen.count == 200)
    }

    @Test(
        "A well-formed trace continues",
        arguments: [
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000001-0000000000000001-00",
            "00-ffffffffffffffffffffffffffffffff-ffffffffffffffff-ff",
        ]
    )
    func trace(_ value: String) throws {
        let (requestID, written) = try read("traceparent: \(value)\r\n")
        #expect(requestID.keepsTrace)
        #expect(!written.contains("traceparent"))
    }

    @Test(
        "A malformed trace is replaced",
        arguments: [
            "", "x", "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319g-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
            "00_0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331_01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\ntraceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ]
    )
    func badTrace(_ value: String) throws {
        let (requestID, written) = try read("traceparent: \(value)\r\n")
        #expect(!requestID.keepsTrace)
        #expect(written.contains("\r\ntraceparent: 00-"))
    }

    @Test("A trace with any one invalid byte is replaced")
    func everyPlace() throws {
        let value = bytes("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
        for place in value.indices {
            for byte in bytes("g-A:") where byte != value[place] {
                var changed = value
                changed[place] = byte
                #expect(try !read("traceparent: \(text(changed))\r\n").id.keepsTrace, "\(text(changed))")
            }
        }
    }

    private static let parent = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n"

    @Test(
        "The state of a trace that is kept is kept",
        arguments: [
            "a=b", "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", "a=b , c=d", "a=b,,c=d", "a=b=c", "t@v=x",
            (1...32).map { "k\($0)=v" }.joined(separator: ","), "a=\(String(repeating: "x", count: 510))",
            "a=b\r\ntracestate: c=d",
        ]
    )
    func state(_ value: String) throws {
        #expect(try read(Self.parent + "tracestate: \(value)\r\n").id.keepsTraceState)
        // Without its trace, it means nothing.
        #expect(try !read("tracestate: \(value)\r\n").id.keepsTraceState)
        #expect(try !read("traceparent: x\r\ntracestate: \(value)\r\n").id.keepsTraceState)
    }

    @Test(
        "A malformed or large state is dropped, and its trace is kept",
        arguments: [
            "a", "a,b=c", "=b", "a=b,=c", "a=\u{e9}", (1...33).map { "k\($0)=v" }.joined(separator: ","),
            "a=\(String(repeating: "x", count: 511))", "a=b\r\ntracestate: c",
            "a=\(String(repeating: "x", count: 300))\r\ntracestate: b=\(String(repeating: "x", count: 300))",
        ]
    )
    func badState(_ value: String) throws {
        let id = try read(Self.parent + "tracestate: \(value)\r\n").id
        #expect(id.keepsTrace && !id.keepsTraceState)
    }

    @Test("The trace's id is the client's, or else that of the request")
    func traceID() throws {
        func trace(of id: RequestID) -> String {
            var line = ByteBuffer()
            _ = line.write(atMost: 32) { id.writeTrace(to: &$0) }
            return text(line.contents)
        }
        #expect(trace(of: try read(Self.parent).id) == "0af7651916cd43dd8448eb211c80319c")
        let (id, written) = try read("X-Request-Id: mine\r\ntraceparent: bad\r\n")
        #expect(written.contains("traceparent: 00-\(trace(of: id))-"))
    }
}
