import Admission
import ArgumentParser
import Basics
import GatewayConfiguration
import JOSE

/// `gateway token mint gateway.conf --company acme --event E --user-id U`
struct TokenMint: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mint",
        abstract: "Make a viewer's token with a company's key.",
        discussion: """
            With --registration it is a registration token, which one session at a time may use; otherwise an embed token.
            By a key that is not the company's signing key it is a token of the company's own, as [tokens.claims] names things.
            """
    )

    @Argument(help: "The configuration file.")
    var config: String

    @Option(help: "The company that signs; not needed if there is only one.")
    var company: String?

    @Option(help: "The key's id; the company's first key by default.")
    var keyID: String?

    @Option(help: "The event.")
    var event: String?

    @Flag(help: "Make it valid for every event that the company made with the API (eventSpecific false).")
    var companyWide = false

    @Option(help: "The viewer's user id. With --registration it defaults to the registration.")
    var userID: String?

    @Option(help: "The viewer's name.")
    var name: String?

    @Option(help: "The viewer's e-mail.")
    var email: String?

    @Option(help: "The address of the viewer's picture.")
    var avatar: String?

    @Option(help: "The registration.")
    var registration: String?

    @Option(
        help:
            "Its lifetime, such as 90s or 4h; with a negative one, such as -10m, it has expired. By default the configured one."
    )
    var lifetime: String?

    @Option(help: "How long from now it becomes valid.")
    var notBefore: String?

    @Option(help: "The audience; the company's by default.")
    var audience: String?

    @Flag(help: "Print the complete address of the event, with the token.")
    var url = false

    func run() throws {
        let settings = try ConfigurationFile(path: config).loadOrExit()
        let company = try chosenCompany(settings)
        let key = try chosenKey(company)
        let viewer = userID ?? registration
        guard let viewer else { throw ValidationError("--user-id or --registration is needed") }
        guard event != nil || companyWide else { throw ValidationError("--event or --company-wide is needed") }
        if registration != nil, companyWide { throw ValidationError("a registration is for one event") }
        let now = WallClock.seconds()
        let isRegistration = registration != nil
        let standard = isRegistration ? settings.tokens.registrationLifetime : settings.tokens.embedLifetime
        let expires = now + (try lifetime.map(Self.seconds) ?? standard.components.seconds)

        // Tokens in the gateway's own form are accepted from signing keys only.
        let isOurs = Company(company).ownKeys.contains { $0 === key }
        let names = isOurs ? ClaimNames() : settings.tokens.claims
        var claims = [
            JSONMember("jti", .string(Self.identifier())),
            JSONMember("iat", .number(Double(now))),
            JSONMember("exp", .number(Double(expires))),
            JSONMember(names.company, .string(company.id)),
            JSONMember(names.userID, .string(viewer)),
            JSONMember(names.eventSpecific, .bool(!companyWide)),
        ]
        func add(_ name: String, _ value: String?) {
            if let value { claims.append(JSONMember(name, .string(value))) }
        }
        add("iss", isOurs ? settings.publicURL.text : company.issuers.first)
        add("aud", audience ?? company.audiences.first)
        add(names.event, event)
        add(names.name, name)
        add(names.email, email)
        add(names.avatar, avatar)
        add(names.registration, registration)
        if let notBefore { claims.append(JSONMember("nbf", .number(Double(now + (try Self.seconds(notBefore)))))) }
        let ourType = isRegistration ? "registration+jwt" : "embed+jwt"
        let token = try Token.sign(claims, type: isOurs ? ourType : "JWT", with: key)
        warn(of: token, settings)
        print(
            url
                ? "\(settings.publicURL.text)/event/\(event ?? "")?\(settings.tokens.query.first ?? "token")=\(token)"
                : token
        )
    }

    /// Warns if the token would be refused at its own event.
    private func warn(of token: String, _ settings: Settings) {
        let bytes = Array(token.utf8)
        guard let viewer = try? TokenAuthority(settings, generation: 1).viewer(for: bytes.span),
            case .refuse(let refusal, let reason) = TokenJudge(settings: settings).verdict(on: viewer, event: nil)
        else { return }
        StandardError.line("\(config): warning: \(refusal.code): \(reason)")
    }

    private func chosenCompany(_ settings: Settings) throws -> CompanySettings {
        if let company {
            guard let found = settings.companies.first(where: { $0.id == company }) else {
                throw ValidationError("no company \(company) in \(config)")
            }
            return found
        }
        guard settings.companies.count == 1 else { throw ValidationError("--company is needed: there are several") }
        return settings.companies[0]
    }

    private func chosenKey(_ company: CompanySettings) throws -> Key {
        let found = keyID == nil ? company.keys.first(where: \.canSign) : company.keys.first { $0.id == keyID }
        guard let found, found.canSign else {
            throw ValidationError("company \(company.id) has no such key, or it cannot sign")
        }
        return found
    }

    private static func identifier() -> String {
        String(decoding: Base64URL.encode(SystemRandom.bytes(12).span), as: UTF8.self)
    }

    /// The seconds of a duration that may be negative.
    private static func seconds(_ text: String) throws -> Int64 {
        let isNegative = text.hasPrefix("-")
        do {
            let duration = try Duration(parsing: isNegative ? String(text.dropFirst()) : text)
            return isNegative ? -duration.components.seconds : duration.components.seconds
        } catch {
            throw ValidationError("\(text) is not a duration; write it like 90s, 15m or 4h")
        }
    }
}
