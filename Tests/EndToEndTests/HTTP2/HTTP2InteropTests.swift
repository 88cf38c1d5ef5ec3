import Foundation
import Testing

extension EndToEnd {
    @Suite("HTTP/2 with other clients, over plaintext")
    struct HTTP2InteropTests {
        static let shared = Result { try NginxSite() }
        let site: NginxSite
        var port: UInt16 { site.gateway.port }

        init() throws { site = try Self.shared.get() }

        private func curl(_ arguments: [String]) throws -> Finished {
            try run("/usr/bin/curl", ["-sS", "-m", "60", "--http2-prior-knowledge"] + arguments, within: 70)
        }

        private func sum(_ file: String) throws -> String {
            String(try run("/usr/bin/sha256sum", [file]).output.prefix(64))
        }

        @Test("curl: a join link opens the page and its assets")
        func curlPage() throws {
            // One request per run: this curl cannot reuse a prior-knowledge connection.
            let jar = site.directory["jar-h2"]
            let link = "\(site.url)/event/e1?token=\(Minter.acme.registration("h2-curl"))"
            let cookies = ["-c", jar, "-b", jar, "-H", "Accept: text/html"]
            let join = try curl(cookies + ["-w", "%{http_code} %{redirect_url}", link])
            #expect(join.output.hasPrefix("303 "))
            let back = try curl(cookies + ["-w", "%{http_code} %{redirect_url}", String(join.output.dropFirst(4))])
            #expect(back.output.hasPrefix("303 "))
            let target = String(back.output.dropFirst(4))
            let page = try curl(cookies + ["-w", "%{http_version}", target])
            #expect(page.output.contains("<p>Hello</p>") && page.output.hasSuffix("2"), "\(page)")
            #expect(try curl(["-b", jar, "\(site.url)/assets/app.js"]).output == "console.log('live')\n")
            #expect(try curl(["-o", "/dev/null", "-w", "%{http_code}", "\(site.url)/assets/app.js"]).output == "401")
        }

        @Test(
            "curl: 100 MB arrive byte for byte, down and up, with a length and without",
            arguments: ["length", "none"]
        )
        func curlLarge(framing: String) throws {
            let file = site.directory["large-h2"]
            #expect(try curl(["-o", file, "\(site.url)/public/large"]).status == 0)
            let expected = try sum(site.nginx.directory["html/public/large"])
            #expect(try sum(file) == expected)
            let name = "h2-\(framing)"
            let source = framing == "none" ? ["-T", "-"] : ["-T", file]
            let arguments = ["-o", "/dev/null", "-w", "%{http_code}", "\(site.url)/public/uploads/\(name)"]
            let command = (["/usr/bin/curl", "-sS", "-m", "60", "--http2-prior-knowledge"] + source + arguments)
                .map { "'\($0)'" }.joined(separator: " ")
            #expect(try run("/bin/sh", ["-c", "\(command) < '\(file)'"], within: 70).output == "201")
            #expect(try sum(site.nginx.directory["html/uploads/\(name)"]) == expected)
            try FileManager.default.removeItem(atPath: file)
        }

        @Test("curl: HEAD and an unknown page")
        func curlOthers() throws {
            let head = try curl(["-I", "\(site.url)/public/small"])
            #expect(head.status == 0 && head.output.hasPrefix("HTTP/2 200"))
            #expect(try curl(["-o", "/dev/null", "-w", "%{http_code}", "\(site.url)/public/none"]).output == "404")
        }

        @Test(
            "nghttp: a page, heads with padding and CONTINUATION, an upload, and one that is refused early",
            .enabled(if: exists("/usr/bin/nghttp"))
        )
        func nghttp() throws {
            let page = try run("/usr/bin/nghttp", ["-v", "\(site.url)/public/small"])
            #expect(page.status == 0)
            #expect(page.output.contains(":status: 200") && page.output.contains("small\n"))
            // nginx does not accept a head as large as this.
            let plain = try Site()
            let padded = try run(
                "/usr/bin/nghttp",
                ["-v", "-b", "200", "--continuation", "-m", "10", "http://localhost:\(plain.port)/public/x"]
            )
            #expect(padded.status == 0)
            #expect(padded.output.components(separatedBy: ":status: 200").count == 11)
            let file = try site.directory.write("body", String(repeating: "body ", count: 100_000))
            let upload = try run(
                "/usr/bin/nghttp",
                ["-v", "-d", file, "-H", ":method: PUT", "\(site.url)/public/uploads/nghttp"]
            )
            #expect(upload.output.contains(":status: 201"))
            #expect(try sum(site.nginx.directory["html/uploads/nghttp"]) == sum(file))
            let large = site.nginx.directory["html/public/large"]
            let early = try run(
                "/usr/bin/nghttp",
                ["-v", "-d", large, "-H", ":method: PUT", "\(site.url)/public/early"]
            )
            #expect(early.output.contains(":status: 403") && early.output.contains("no\n"))
        }

        @Test(
            "h2load: 20,000 requests, 100 streams on each of 10 connections, all answered",
            .enabled(if: exists("/usr/bin/h2load"))
        )
        func h2load() throws {
            let token = Minter.acme.token()
            for target in ["/public/small", "/event/e1"] {
                let result = try run(
                    "/usr/bin/h2load",
                    [
                        "-n", "20000", "-c", "10", "-m", "100", "-H", "authorization: Bearer \(token)",
                        "\(site.url)\(target)",
                    ],
                    within: 60
                )
                #expect(result.status == 0)
                let line =
                    "requests: 20000 total, 20000 started, 20000 done, 20000 succeeded, 0 failed, 0 errored, 0 timeout"
                #expect(result.output.contains(line), "\(result.output)")
                #expect(result.output.contains("20000 2xx"), "\(result.output)")
            }
        }

        @Test(
            "Python's h2: concurrent requests, a body under flow control, trailers and a reset",
            .enabled(if: pythonHasH2)
        )
        func python() throws {
            let script = try site.directory.write("client.py", Self.script)
            let result = try run("/usr/bin/python3", [script, "\(port)"], within: 40)
            #expect(result.status == 0, "\(result.errors.suffix(500))")
            #expect(result.output == "ok\n", "\(result.output)")
        }

        private static func exists(_ program: String) -> Bool {
            FileManager.default.isExecutableFile(atPath: program)
        }

        private static var pythonHasH2: Bool {
            (try? run("/usr/bin/python3", ["-c", "import h2"]).status) == 0
        }

        private static let script = """
            import socket, sys
            import h2.config, h2.connection, h2.events, h2.errors

            port = int(sys.argv[1])
            sock = socket.create_connection(("127.0.0.1", port), timeout=20)
            conn = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding="utf-8"))
            conn.initiate_connection()
            answers = {}

            def head(method, path, *more):
                return [(":method", method), (":scheme", "http"), (":authority", "localhost"), (":path", path), *more]

            def flush():
                sock.sendall(conn.data_to_send())

            def pump():
                data = sock.recv(65536)
                assert data, "closed"
                for event in conn.receive_data(data):
                    if isinstance(event, h2.events.ConnectionTerminated):
                        raise AssertionError(event)
                    stream = answers.setdefault(getattr(event, "stream_id", 0), {"body": b"", "ended": False})
                    if isinstance(event, h2.events.ResponseReceived):
                        stream["status"] = dict(event.headers)[":status"]
                    elif isinstance(event, h2.events.DataReceived):
                        stream["body"] += event.data
                        conn.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                    elif isinstance(event, (h2.events.StreamEnded, h2.events.StreamReset)):
                        stream["ended"] = True
                flush()

            def wait(stream):
                while not answers.get(stream, {}).get("ended"):
                    pump()
                return answers[stream]

            streams = []
            for number in range(50):
                stream = conn.get_next_available_stream_id()
                conn.send_headers(stream, head("GET", "/public/small?%d" % number), end_stream=True)
                streams.append(stream)
            flush()
            for stream in streams:
                answer = wait(stream)
                assert answer["status"] == "200" and answer["body"] == b"small\\n", answer

            stream = conn.get_next_available_stream_id()
            body = bytes(range(256)) * 8192
            conn.send_headers(stream, head("PUT", "/public/uploads/python", ("te", "trailers")))
            sent = 0
            while sent < len(body):
                size = min(conn.local_flow_control_window(stream), conn.max_outbound_frame_size, len(body) - sent)
                if size:
                    conn.send_data(stream, body[sent:sent + size])
                    sent += size
                    flush()
                else:
                    pump()
            conn.send_headers(stream, [("x-sum", "1")], end_stream=True)
            flush()
            assert wait(stream)["status"] == "201", answers[stream]

            stream = conn.get_next_available_stream_id()
            conn.send_headers(stream, head("GET", "/public/large"), end_stream=True)
            flush()
            while not answers.get(stream, {}).get("body"):
                pump()
            conn.reset_stream(stream, h2.errors.ErrorCodes.CANCEL)
            flush()
            stream = conn.get_next_available_stream_id()
            conn.send_headers(stream, head("GET", "/public/small"), end_stream=True)
            flush()
            assert wait(stream)["body"] == b"small\\n"
            conn.close_connection()
            flush()
            print("ok")

            """
    }
}
