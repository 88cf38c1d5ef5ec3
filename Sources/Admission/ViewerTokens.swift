package import Basics
package import JOSE

/// Makes viewers' tokens, signed with a company's first key, the application secret.
///
/// ``TokenAuthority`` accepts exactly these as ours.
package struct ViewerTokens: Sendable {
    /// The `iss` of the tokens.
    package let publicURL: String
    /// How long embed tokens are valid, in seconds.
    package let embedLifetime: Int64
    package let registrationLifetime: Int64

    package init(publicURL: String, embedLifetime: Int64, registrationLifetime: Int64) {
        self.publicURL = publicURL
        self.embedLifetime = embedLifetime
        self.registrationLifetime = registrationLifetime
    }

    /// How long after its event closes a registration's token expires in any case, in seconds. An event may be
    /// postponed by up to a year, and a forgotten token does not stay valid for ever.
    static let outerBound: Int64 = 365 * 86_400

    /// A token that was made, and when it expires, in seconds since 1970.
    package struct Made: Sendable {
        package let token: String
        package let expiresAt: Int64
    }

    /// A user as the company's backend describes them.
    package struct User: Sendable {
        package var id: String
        package var name: String?
        package var email: String?
        package var avatar: String?

        package init(id: String, name: String? = nil, email: String? = nil, avatar: String? = nil) {
            self.id = id
            self.name = name
            self.email = email
            self.avatar = avatar
        }
    }

    /// Makes the token of a known user.
    ///
    /// - Parameters:
    ///   - eventSpecific: false if it is valid for every event of the company.
    ///   - lifetime: in seconds; ``embedLifetime`` at most.
    ///   - now: seconds since 1970.
    package func embed(
        _ user: User,
        event: String,
        eventSpecific: Bool,
        lifetime: Int64? = nil,
        company: Company,
        now: Int64
    ) throws(KeyError) -> Made {
        let names = ClaimNames()
        let id = String(decoding: Base64URL.encode(SystemRandom.bytes(12).span), as: UTF8.self)
        var claims = [
            JSONMember("jti", .string(id)), JSONMember(names.userID, .string(user.id)),
            JSONMember(names.eventSpecific, .bool(eventSpecific)),
        ]
        for (name, value) in [(names.name, user.name), (names.email, user.email), (names.avatar, user.avatar)] {
            if let value { claims.append(JSONMember(name, .string(value))) }
        }
        let lifetime = min(lifetime ?? embedLifetime, embedLifetime)
        return try sign(claims, "embed+jwt", event: event, company: company, from: now, to: now + lifetime)
    }

    /// Makes the token of a registration. Each call returns the same token, as far as the algorithm allows, until the
    /// event moves.
    ///
    /// The directory decides how long it is valid, since it knows when the event is. `exp` is only an outer bound, so
    /// that links that were already sent stay valid when an event is postponed.
    ///
    /// - Parameter closesAt: when the event's registrations stop being valid, as things stand; `nil` for
    ///   ``registrationLifetime`` after the registration.
    package func registration(
        _ person: RegisteredPerson,
        closesAt: Milliseconds?,
        company: Company
    ) throws(KeyError) -> Made {
        let names = ClaimNames()
        let claims = [
            JSONMember("jti", .string(person.registration)), JSONMember(names.userID, .string(person.registration)),
            JSONMember(names.eventSpecific, .bool(true)), JSONMember(names.name, .string(person.name)),
            JSONMember(names.email, .string(person.email)),
            JSONMember(names.registration, .string(person.registration)),
        ]
        let from = seconds(person.registeredAt)
        let to = max(closesAt.map { seconds($0) + Self.outerBound } ?? 0, from + registrationLifetime)
        return try sign(claims, "registration+jwt", event: person.event, company: company, from: from, to: to)
    }

    private func sign(
        _ claims: [JSONMember],
        _ type: String,
        event: String,
        company: Company,
        from: Int64,
        to: Int64
    ) throws(KeyError) -> Made {
        guard let key = company.signingKey else { throw .cannotSign }
        let names = ClaimNames()
        var all = [
            JSONMember("iss", .string(publicURL)), JSONMember("iat", .number(Double(from))),
            JSONMember("exp", .number(Double(to))), JSONMember(names.company, .string(company.id)),
            JSONMember(names.event, .string(event)),
        ]
        if let audience = company.audiences.first { all.append(JSONMember("aud", .string(audience))) }
        return Made(token: try Token.sign(all + claims, type: type, with: key), expiresAt: to)
    }
}
