import Basics
import Foundation
import JOSE
import Testing

extension Chaos {
    /// A company's key set that cannot be used. Its tokens wait, and those of a key in the file do not.
    private static func keySet(
        _ name: String,
        _ reason: String,
        _ script: @escaping RecordingUpstream.Script
    ) -> Chaos {
        Chaos(
            name: name,
            path: "/event/e1/chaos",
            client: "503 try_again",
            log: "status=503 verdict=refuse refusal=try_again fault=keys_awaited",
            message: "/keys: \(reason)",
            metrics: ["refusals code=try_again": 1],
            adjust: {
                $0.company = "[[company.key]]\njwks_url = \"http://\($0.servers[0])/keys\""
            },
            scripts: ["/keys": script],
            act: { chaos in
                let claims = [
                    JSONMember("companyId", .string("acme")), JSONMember("eventId", .string("e1")),
                    JSONMember("sub", .string("u1")), JSONMember("exp", .number(Minter.now + 3600)),
                ]
                let token = try Token.sign(claims, type: nil, with: Key.generate(.es256, id: "one"))
                let answer = try fetch(chaos.port, chaos.path, ["Authorization: Bearer \(token)"], within: 20)
                #expect(answer["Retry-After"] == "5")
                #expect(try fetch(chaos.port, "/event/e1?token=\(Minter.acme.token())").status == 200)
                return try ChaosSite.text(of: answer)
            }
        )
    }

    static let keySets = [
        keySet("the source is down", "status 503") { try $0.reply("503 Down") },
        keySet("the source redirects", "status 302") { try $0.reply("302 Found") },
        keySet("the source has another type", "it is not a JSON text") { try $0.reply("200 OK", [], "<html>") },
        keySet("the source has another content", "it is not a JWK set") { try $0.reply("200 OK", [], "{\"key\":[]}") },
        keySet("the source is huge", "the answer is too large") { exchange in
            exchange.send("HTTP/1.1 200 OK\r\nContent-Length: 2000000000\r\n\r\n")
            while exchange.socket.send([UInt8](repeating: 32, count: 65_536), within: 20) {}
            return false
        },
        keySet("the source closes", "closed without an answer") { _ in false },
        keySet("the source sends a byte now and then", "no answer in time") { exchange in
            exchange.send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
            while exchange.socket.send([32], within: 20) { usleep(50_000) }
            return false
        },
    ]
}
