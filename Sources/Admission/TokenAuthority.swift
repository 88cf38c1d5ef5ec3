package import JOSE

/// A tenant as far as its tokens are concerned.
package struct Company: Sendable {
    package let id: String
    /// Whoever holds one of them signs for the company's viewers.
    package let keys: [Key]
    /// What the tokens of Get Embed and Register are signed with: the first of `keys`, if it can sign.
    package let signingKey: Key?
    /// What those tokens may be signed with: `signingKey`, and those that came before it. Never a key that somebody else
    /// signs with, such as an outside issuer's.
    package let ownKeys: [Key]
    /// The tokens that the company signs itself have one of these as `iss`; none: not checked.
    package let issuers: [String]
    /// One of these is among the `aud` of its tokens; none: not checked.
    package let audiences: [String]

    /// - Parameters:
    ///   - keys: the first signs, the others only verify.
    ///   - earlierKeys: those of them that were the first once.
    package init(id: String, keys: [Key], earlierKeys: [Key] = [], issuers: [String] = [], audiences: [String] = []) {
        self.id = id
        self.keys = keys
        signingKey = keys.first.flatMap { $0.canSign ? $0 : nil }
        ownKeys = (signingKey.map { [$0] } ?? []) + earlierKeys
        self.issuers = issuers
        self.audiences = audiences
    }
}

/// Whose tokens are good for viewing, and the way from a token's bytes to the viewer that it speaks of.
///
/// Swapped whole by a reload; `generation` tells its verdicts from those of the one before.
package struct TokenAuthority: Sendable {
    /// Of the key set; part of the key of every ``TokenCache``.
    package let generation: UInt64

    private let companies: [Company]
    private let publicURL: String
    private let claimNames: ClaimNames
    private let passedClaims: [String]
    private let appliesTo: LeaseScope
    private let maxSize: Int

    /// - Parameter passedClaims: the names of the claims that the upstream is told besides those that are read.
    package init(
        companies: [Company],
        publicURL: String,
        claimNames: ClaimNames,
        passedClaims: [String] = [],
        appliesTo: LeaseScope,
        maxSize: Int,
        generation: UInt64
    ) {
        self.companies = companies
        self.publicURL = publicURL
        self.claimNames = claimNames
        self.passedClaims = passedClaims
        self.appliesTo = appliesTo
        self.maxSize = maxSize
        self.generation = generation
    }

    /// Checks everything about a token but the time.
    ///
    /// - Parameter allowance: pays for a token that turns out bad; spent, it has signatures that cost something go
    ///   ``TokenFault/unchecked``.
    package func viewer(
        for bytes: Span<UInt8>,
        allowance: SignatureAllowance? = nil
    ) throws(TokenFault) -> Viewer {
        let token = try Token(parsing: bytes, maxSize: maxSize)
        let use = try TokenUse(token)
        // What we issue uses our own names, whatever the customers call theirs.
        let names = use == .own ? claimNames : ClaimNames()
        let company = try use == .own ? companyOfOwn(token.claims) : companyOfOurs(token.claims)
        let keys: [Key]
        do throws(TokenFault) {
            keys = try token.candidates(among: use == .own ? company.keys : company.ownKeys)
        } catch {
            throw use == .own ? error : fault(of: token, by: company, else: error, allowance)
        }
        let cost = keys.reduce(0) { $0 + $1.checkCost }
        guard cost == 0 || allowance?.isSpent != true else { throw .unchecked }
        do throws(TokenFault) {
            let key = try token.verify(with: keys)
            let isOurs = use != .own
            let terms = terms(
                issuer: isOurs ? publicURL : company.issuers.isEmpty ? nil : try token.claims.string("iss"),
                audience: try audience(of: token.claims, company, isOurs: isOurs),
                isOurs: isOurs
            )
            return try Viewer(
                ViewerClaims(token.claims, names: names, use: use, passing: passedClaims),
                company: company.id,
                validity: token.validity,
                fingerprint: fingerprint(of: bytes),
                appliesTo: appliesTo,
                closesWithEvent: use == .registration,
                voucher: Voucher(key: key.thumbprint, isOurs: isOurs, terms: terms)
            )
        } catch {
            if cost > 0 { allowance?.spend(cost) }
            throw use == .own || error != .signature ? error : fault(of: token, by: company, else: error, allowance)
        }
    }

    /// What is wrong with a token that claims to be ours and that no key of our own has signed: whether a key did that
    /// only verifies, so that the log tells a forgotten `signed_before` from a forgery.
    private func fault(
        of token: Token,
        by company: Company,
        else fault: TokenFault,
        _ allowance: SignatureAllowance?
    ) -> TokenFault {
        let others = company.keys.filter { key in !company.ownKeys.contains { $0 === key } }
        guard let keys = try? token.candidates(among: others) else { return fault }
        let cost = keys.reduce(0) { $0 + $1.checkCost }
        guard cost == 0 || allowance?.isSpent != true else { return fault }
        if cost > 0 { allowance?.spend(cost) }
        return (try? token.verify(with: keys)) == nil ? fault : .keyNotSignedBefore
    }

    /// Opens a sealed session; nil unless we made it and its voucher still stands. Everything about time is asked elsewhere.
    package func session(_ text: Span<UInt8>, _ seal: SessionSeal, now: Milliseconds) -> SealedSession? {
        guard let sealed = seal.open(text, now: now, appliesTo: appliesTo), standsBehind(sealed.viewer) else {
            return nil
        }
        return sealed
    }

    /// Opens a ticket that is not over; nil unless we made it and its voucher still stands.
    package func ticket(_ text: Span<UInt8>, _ seal: SessionSeal, now: Milliseconds) -> Ticket? {
        guard let ticket = seal.openTicket(text, now: now, appliesTo: appliesTo), standsBehind(ticket.viewer) else {
            return nil
        }
        return ticket
    }

    /// Whether no upstream may see a token: one that we made, good or not any more, or a viewer's that a company's key
    /// has signed, or could have where the allowance is spent. Anything else is an application's own.
    package func withholds(_ bytes: Span<UInt8>, allowance: SignatureAllowance? = nil) -> Bool {
        do throws(TokenFault) {
            let token = try Token(parsing: bytes, maxSize: maxSize)
            if token.hasType("api+jwt") { return true }
            if try TokenUse(token) != .own { return true }
            _ = try viewer(for: bytes, allowance: allowance)
            return true
        } catch {
            return error == .unchecked
        }
    }

    /// Whether what once verified a viewer's token would do so still: the company is there, with that key, the key may
    /// sign such tokens, and they are read as they were. For what is open while the configuration changes, when the token
    /// is no longer at hand.
    package func standsBehind(_ viewer: Viewer) -> Bool {
        guard let voucher = viewer.voucher, let company = company(viewer.company),
            (voucher.isOurs ? company.ownKeys : company.keys).contains(where: { $0.thumbprint == voucher.key })
        else { return false }
        var issuers: [String?] = voucher.isOurs ? [publicURL] : company.issuers
        if issuers.isEmpty { issuers = [nil] }
        var audiences: [String?] = company.audiences.isEmpty ? [] : self.audiences(of: company, isOurs: voucher.isOurs)
        if audiences.isEmpty { audiences = [nil] }
        return issuers.contains { issuer in
            audiences.contains { terms(issuer: issuer, audience: $0, isOurs: voucher.isOurs) == voucher.terms }
        }
    }

    /// - Parameters:
    ///   - issuer: `iss` of the token, where it is checked.
    ///   - audience: the one that let it pass, where it is checked.
    private func terms(issuer: String?, audience: String?, isOurs: Bool) -> Voucher.Terms {
        Voucher.Terms([issuer, audience] + (isOurs ? ClaimNames() : claimNames).all)
    }

    /// The company of a token that we issued.
    private func companyOfOurs(_ claims: Claims) throws(TokenFault) -> Company {
        guard try claims.string("iss").hasSameBytes(as: publicURL) else { throw .issuer }
        guard let id = try claims.id(ClaimNames().company), let company = company(id) else { throw .company }
        return company
    }

    /// The company of a token that a customer signed itself: named by `iss`, by the company claim, or the only one.
    private func companyOfOwn(_ claims: Claims) throws(TokenFault) -> Company {
        let issuer = try claims.string("iss")
        let issuing = issuer.flatMap { issuer in companies.first { $0.issuers.contains { $0.hasSameBytes(as: issuer) } }
        }
        var named: Company?
        if let id = try claims.id(claimNames.company) {
            guard let company = company(id) else { throw .company }
            named = company
        }
        if let issuing, let named, !issuing.id.hasSameBytes(as: named.id) { throw .company }
        guard let company = issuing ?? named ?? (companies.count == 1 ? companies[0] : nil) else { throw .company }
        // A company that says who issues its tokens accepts no other issuer, nor none.
        guard company.issuers.isEmpty || issuing != nil else { throw .issuer }
        return company
    }

    private func company(_ id: String) -> Company? {
        companies.first { $0.id.hasSameBytes(as: id) }
    }

    /// What the company says that `aud` names; nil where it says nothing.
    private func audience(of claims: Claims, _ company: Company, isOurs: Bool) throws(TokenFault) -> String? {
        guard !company.audiences.isEmpty else { return nil }
        for audience in audiences(of: company, isOurs: isOurs) where try claims.hasAudience(audience) {
            return audience
        }
        throw .audience
    }

    /// A token of ours may name us instead.
    private func audiences(of company: Company, isOurs: Bool) -> [String] {
        isOurs ? company.audiences + [publicURL] : company.audiences
    }

    private func fingerprint(of bytes: Span<UInt8>) -> String {
        let digits = Array("0123456789abcdef".utf8)
        let octets = SHA256.hash(bytes).prefix(4).flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
        return String(decoding: octets, as: UTF8.self)
    }
}

/// What a token was made for, by the `typ` of its header.
///
/// [RFC 8725 section 3.11](https://www.rfc-editor.org/rfc/rfc8725#section-3.11): a type for each use, so that none passes
/// for another. Media types are compared without case.
enum TokenUse {
    /// We issued it, through Get Embed.
    case embed
    /// We issued it, through Register.
    case registration
    /// A customer signed it; its claims say which kind of viewer it is for.
    case own

    init(_ token: Token) throws(TokenFault) {
        if token.type == nil || token.hasType("jwt") {
            self = .own
        } else if token.hasType("embed+jwt") {
            self = .embed
        } else if token.hasType("registration+jwt") {
            self = .registration
        } else {
            // The API's own tokens, `api+jwt`, among them.
            throw .type
        }
    }
}
