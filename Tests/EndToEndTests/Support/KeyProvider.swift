import Basics
import Foundation
import JOSE
import Synchronization

/// A company's identity provider, which publishes its keys.
struct KeyProvider {
    let server: RecordingUpstream
    private let answer: Answer

    /// What it says at present. Its server's threads may outlive the test.
    private final class Answer: Sendable {
        let script = Mutex<RecordingUpstream.Script>({ try $0.reply("404 Not Found") })
    }

    init() throws {
        let answer = Answer()
        server = try RecordingUpstream { try answer.script.withLock { $0 }($0) }
        self.answer = answer
    }

    var url: String { "http://127.0.0.1:\(server.port)/keys?v=1" }
    var fetches: Int { server.requests(for: "/keys").count }
    /// For ``GatewayConfiguration/company``.
    var companyKey: String { "[[company.key]]\njwks_url = \"\(url)\"" }

    /// A gateway where `acme` has the keys that are published here.
    func site() throws -> Site {
        let key = companyKey
        return try Site { $0.company = key }
    }

    func say(_ script: @escaping RecordingUpstream.Script) { answer.script.withLock { $0 = script } }

    func publish(_ keys: [Key], _ fields: [String] = []) {
        let text = Self.set(keys)
        say { try $0.reply("200 OK", fields, text) }
    }

    /// Publishes keys, with an answer that waits until the test says so.
    func hold(_ keys: [Key]) -> (asked: DispatchSemaphore, goOn: DispatchSemaphore) {
        let (asked, goOn) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
        let text = Self.set(keys)
        say {
            asked.signal()
            goOn.wait()
            return try $0.reply("200 OK", [], text)
        }
        return (asked, goOn)
    }

    private static func set(_ keys: [Key]) -> String {
        let set = JSONValue.object([JSONMember("keys", .array(keys.compactMap(\.publicJWK)))])
        return String(decoding: set.serialized(), as: UTF8.self)
    }
}

extension Key {
    /// A viewer's token for the event `e1`, signed with this key.
    func viewerToken(company: String = "acme", issuer: String? = nil, type: String? = nil) throws -> String {
        let origin = issuer.map { JSONMember("iss", .string($0)) } ?? JSONMember("companyId", .string(company))
        let claims = [
            origin, JSONMember("eventId", .string("e1")), JSONMember("sub", .string("u1")),
            JSONMember("exp", .number(Minter.now + 3600)),
        ]
        return try Token.sign(claims, type: type, with: self)
    }
}

extension Site {
    /// The status of an answer to a viewer whose token was signed with a key.
    func status(_ key: Key, company: String = "acme", type: String? = nil) throws -> Int {
        let bearer = "Authorization: Bearer \(try key.viewerToken(company: company, type: type))"
        return try fetch(port, "/event/e1", [bearer]).status
    }
}
