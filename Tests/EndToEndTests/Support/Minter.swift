import Basics
import Foundation
import JOSE

/// Makes the tokens of a company.
struct Minter: Sendable {
    /// The secret, as in the gateway's configuration.
    static let secret = "an HMAC secret that acme shares with the gateway"

    static let acme = Minter(company: "acme", keyID: "acme-2026", secret: secret)
    static let globex = Minter(
        company: "globex",
        keyID: "globex-2026",
        secret: "another company's secret, never acme's one"
    )

    var company: String
    var keyID: String
    var secret: String

    static var now: Double { Date().timeIntervalSince1970.rounded(.down) }

    /// The claims of a valid token; `nil` members are left out.
    struct Viewer {
        var event: String? = "e1"
        var registration: String?
        var user = "user-1"
        var name: String? = "Ada Lovelace"
        var email: String? = "ada@example.com"
        var avatar: String?
        var eventSpecific: Bool? = true
        var expires: Double? = Minter.now + 3600
        var notBefore: Double?
        var type: String?
        /// The length of a claim that nobody reads, in bytes.
        var padding = 0
    }

    func token(_ viewer: Viewer = Viewer()) -> String {
        var claims = [
            JSONMember("sub", .string(viewer.user)), JSONMember("companyId", .string(company)),
            JSONMember("jti", .string(UUID().uuidString)), JSONMember("iat", .number(Minter.now - 10)),
        ]
        func add(_ name: String, _ value: String?) {
            if let value { claims.append(JSONMember(name, .string(value))) }
        }
        add("eventId", viewer.event)
        add("registrationId", viewer.registration)
        add("name", viewer.name)
        add("email", viewer.email)
        add("picture", viewer.avatar)
        if viewer.padding > 0 { add("groups", String(repeating: "g", count: viewer.padding)) }
        if let isSpecific = viewer.eventSpecific { claims.append(JSONMember("eventSpecific", .bool(isSpecific))) }
        if let expires = viewer.expires { claims.append(JSONMember("exp", .number(expires))) }
        if let notBefore = viewer.notBefore { claims.append(JSONMember("nbf", .number(notBefore))) }
        return signed(claims, type: viewer.type)
    }

    /// A valid token for one registration.
    func registration(_ id: String, event: String = "e1") -> String {
        token(Viewer(event: event, registration: id, user: "user-\(id)"))
    }

    func signed(_ claims: [JSONMember], type: String? = nil) -> String {
        do throws(KeyError) {
            let key = try Key.secret(Array(secret.utf8), algorithm: .hs256, id: keyID)
            return try Token.sign(claims, type: type, with: key)
        } catch {
            fatalError("\(error)")
        }
    }
}
