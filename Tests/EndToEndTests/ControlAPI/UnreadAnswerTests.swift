import Basics
import Foundation
import JOSE
import Testing

extension EndToEnd {
    @Suite("Answers of the control API that nobody reads")
    struct UnreadAnswerTests {
        @Test("Attack: clients request lists of 8 MB and do not read them; past 32 MiB they are told to wait")
        func slowReaders() throws {
            let site = try Site {
                $0.control = ""
                $0.limits += "\nmin_rate = \"0B\""
            }
            let backend = try Backend.signedIn(site)
            let event = try backend.createEvent()
            let text = JSONValue.string(String(repeating: "x", count: 16_000))
            for number in 0..<500 {
                _ = try backend.ask(
                    "POST",
                    "/event/\(event)/registrant",
                    ["name": "Ada", "email": .string("ada\(number)@acme.example"), "metadata": ["text": text]]
                )
            }
            backend.patience = 60
            let path = "/event/\(event)/registrants?limit=500"
            let whole = try backend.call("GET", path)
            #expect(whole.status == 200 && whole.body.count > 8_000_000)
            let before = try residentKilobytes(site.gateway.pid)
            // Each answer begins and is not read further. The kernel keeps up to 4 MB of it, so that less than half of
            // an answer may be in the gateway.
            var readers: [Client] = []
            var isRefused = false
            while readers.count < 30, !isRefused {
                let client = try Client(port: site.port, receiveBuffer: 4096)
                backend.ask(path, on: client)
                guard case .bytes(let start) = client.socket.receive(upTo: 12, within: 60) else {
                    throw GatewayFailure(text: "no answer")
                }
                isRefused = String(decoding: start, as: UTF8.self) != "HTTP/1.1 200"
                readers.append(client)
            }
            #expect(isRefused && (3...16).contains(readers.count), "\(readers.count)")
            let refused = try backend.call("GET", path)
            try expectFault(refused, 429, "too_many_answers")
            #expect(refused["Retry-After"] == "1")
            let held = try residentKilobytes(site.gateway.pid) - before
            // 32 MiB of answers, and the memory that making the last ones took from the allocator.
            #expect(held < 200 << 10, "\(held) KB")
            // Another company's are answered.
            let other = try Backend.signedIn(site, company: "globex")
            #expect(try other.call("GET", "/company/globex").status == 200)
            for reader in readers { reader.socket.close() }
            let again = try backend.call("GET", path, until: { $0.status == 200 })
            #expect(again.body == whole.body)
        }

        @Test("An answer that cannot be completed is cut off, so that nobody takes it for complete")
        func brokenOff() throws {
            let site = try Site { $0.control = "" }
            let backend = try Backend.signedIn(site)
            let event = try backend.createEvent()
            // More than the kernel keeps for a client that does not read.
            try site.fill(event, registrations: 20_000, metadata: 1500)
            try backend.waitForAnalytics(of: event)
            let client = try Client(port: site.port, receiveBuffer: 4096)
            backend.ask("/event/\(event)/analytics", on: client, accept: "text/csv")
            guard case .bytes(let start) = client.socket.receive(upTo: 12, within: 60) else {
                throw GatewayFailure(text: "no answer")
            }
            #expect(String(decoding: start, as: UTF8.self) == "HTTP/1.1 200")
            // A slow reader holds no snapshot of the database: writes continue, and reading the rest fails.
            try site.edit("database.execute('ALTER TABLE registration RENAME TO elsewhere')")
            var (count, end) = (0, [UInt8]())
            while case .bytes(let bytes) = client.socket.receive(within: 60) {
                count += bytes.count
                end = (end + bytes.suffix(7)).suffix(7)
            }
            #expect((100_000..<30_000_000).contains(count), "\(count)")
            // A row may end in a zero, too.
            #expect(!end.elementsEqual("\r\n0\r\n\r\n".utf8))
            #expect(eventually { site.gateway.log.contains("an answer of the control API was broken off") })
            try site.edit("database.execute('ALTER TABLE elsewhere RENAME TO registration')")
            backend.patience = 60
            let table = try backend.call("GET", "/event/\(event)/analytics", nil, ["Accept: text/csv"])
            #expect(table.body.count > 30_000_000)
        }
    }
}

extension Backend {
    /// Repeats a call until the expected answer comes, and returns the last answer.
    fileprivate func call(
        _ method: String,
        _ path: String,
        until isAwaited: (Response) throws -> Bool
    ) throws -> Response {
        var response = try call(method, path)
        _ = try eventually(within: 60) {
            response = try call(method, path)
            return try isAwaited(response)
        }
        return response
    }
}
