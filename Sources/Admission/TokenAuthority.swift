package import Basics
package import JOSE

/// A tenant, as far as its tokens are concerned.
package struct Company: Sendable {
    package let id: String
    /// The keys that verify tokens of the company's viewers. A holder of any of them can sign for those viewers.
    package let keys: [Key]
    /// The key that signs the tokens of Get Embed and Register: the first of `keys`, if it can sign.
    package let signingKey: Key?
    /// The keys that may have signed those tokens: `signingKey` and the ones before it. Never a key that somebody else
    /// signs with, such as an outside issuer's.
    package let ownKeys: [Key]
    /// Accepted values of `iss` in tokens that the company signs itself; empty if not checked.
    package let issuers: [String]
    /// Accepted values of `aud` in tokens that the company signs itself; empty if not checked.
    package let audiences: [String]
    /// Whether the company publishes keys that could not be fetched so far, so that nobody knows whose a signature is.
    package let awaitsKeys: Bool
    /// Whether its own tokens must say whose they are even while there is no other company.
    package let mustBeNamed: Bool

    /// - Parameters:
    ///   - keys: the first signs, the others only verify.
    ///   - firstSigns: whether it does. If not, the company makes no tokens here.
    ///   - earlierKeys: those among them that used to be the first.
    package init(
        id: String,
        keys: [Key],
        firstSigns: Bool = true,
        earlierKeys: [Key] = [],
        issuers: [String] = [],
        audiences: [String] = [],
        awaitsKeys: Bool = false,
        mustBeNamed: Bool = false
    ) {
        self.id = id
        self.keys = keys
        signingKey = firstSigns ? keys.first.flatMap { $0.canSign ? $0 : nil } : nil
        ownKeys = (signingKey.map { [$0] } ?? []) + earlierKeys
        self.issuers = issuers
        self.audiences = audiences
        self.awaitsKeys = awaitsKeys
        self.mustBeNamed = mustBeNamed
    }
}

/// Knows whose tokens are accepted for viewing, and turns a token's bytes into its viewer.
///
/// A reload that changes it replaces it as a whole; `generation` separates its verdicts from those of the previous one.
package struct TokenAuthority: Sendable {
    /// The generation of the key set, part of the key of every ``TokenCache``.
    package let generation: UInt64

    let companies: [Company]
    /// Places among `companies`.
    private let placeByID: [ExactText: Int]
    private let placeByIssuer: [ExactText: Int]
    /// The company of tokens that name none: the only one that need not be named. `nil` if there is none or several.
    let unnamed: Company?
    let publicURL: String
    let claimNames: ClaimNames
    let passedClaims: [String]
    let appliesTo: LeaseScope
    let maxSize: Int

    /// - Parameter passedClaims: names of the further claims that are passed to the upstream.
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
        placeByID = Dictionary(
            companies.enumerated().map { (ExactText($1.id), $0) },
            uniquingKeysWith: { first, _ in first }
        )
        placeByIssuer = Dictionary(
            companies.enumerated().flatMap { place, company in company.issuers.map { (ExactText($0), place) } },
            uniquingKeysWith: { first, _ in first }
        )
        let unnamed = companies.filter { !$0.mustBeNamed }
        self.unnamed = unnamed.count == 1 ? unnamed[0] : nil
        self.publicURL = publicURL
        self.claimNames = claimNames
        self.passedClaims = passedClaims
        self.appliesTo = appliesTo
        self.maxSize = maxSize
        self.generation = generation
    }

    /// Checks everything about a token except the time.
    ///
    /// - Parameter allowance: pays for a token that turns out bad. Once it is spent, signatures that are costly to
    ///   check yield ``TokenFault/unchecked``.
    package func viewer(
        for bytes: Span<UInt8>,
        allowance: SignatureAllowance? = nil
    ) throws(TokenFault) -> Viewer {
        var algorithm: Algorithm?
        return try viewer(for: bytes, allowance: allowance, algorithm: &algorithm)
    }

    /// The same.
    ///
    /// - Parameter algorithm: set to the algorithm that the token names, once that was read.
    package func viewer(
        for bytes: Span<UInt8>,
        allowance: SignatureAllowance?,
        algorithm: inout Algorithm?
    ) throws(TokenFault) -> Viewer {
        let token = try Token(parsing: bytes, maxSize: maxSize)
        algorithm = token.algorithm
        let use = try TokenUse(token)
        // Tokens that we issue use our own claim names, whatever the customers call theirs.
        let names = use == .own ? claimNames : ClaimNames()
        let company = try use == .own ? companyOfOwn(token.claims) : companyOfOurs(token.claims)
        let keys: [Key]
        do throws(TokenFault) {
            keys = try token.candidates(among: use == .own ? company.keys : company.ownKeys)
        } catch {
            throw use == .own
                ? unsettled(error, token, of: company) : fault(of: token, by: company, else: error, allowance)
        }
        let cost = keys.reduce(0) { $0 + $1.checkCost }
        guard cost == 0 || allowance?.isSpent != true else { throw .unchecked }
        do throws(TokenFault) {
            let key = try token.verify(with: keys)
            let isOurs = use != .own
            let terms = terms(
                issuer: isOurs ? publicURL : company.issuers.isEmpty ? nil : try token.claims.string("iss"),
                audience: isOurs ? nil : try audience(of: token.claims, company),
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
            guard error == .signature else { throw error }
            throw use == .own
                ? unsettled(error, token, of: company) : fault(of: token, by: company, else: error, allowance)
        }
    }

    /// The fault of a customer's token that no key at hand has signed: its key may be one of those that are awaited.
    /// Published sets hold no secrets.
    private func unsettled(_ fault: TokenFault, _ token: Token, of company: Company) -> TokenFault {
        company.awaitsKeys && !token.algorithm.isSymmetric ? .keysAwaited : fault
    }

    /// The fault of a token that claims to be ours but was not signed by one of our own keys. If a verify-only key
    /// signed it, says so: then the log distinguishes a forgotten `signed_before` from a forgery.
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

    /// Opens a sealed session. Returns `nil` unless we made it. Does not check the time.
    package func open(
        _ text: Span<UInt8>,
        _ seal: SessionSeal,
        now: Milliseconds
    ) -> (session: SealedSession, standing: Standing)? {
        guard let sealed = seal.open(text, now: now, appliesTo: appliesTo) else { return nil }
        return (sealed, standing(of: sealed.viewer))
    }

    /// Opens a sealed session. Returns `nil` unless we made it and its voucher still stands. Does not check the time.
    package func session(_ text: Span<UInt8>, _ seal: SessionSeal, now: Milliseconds) -> SealedSession? {
        guard let (session, standing) = open(text, seal, now: now), standing == .stands else { return nil }
        return session
    }

    /// Opens a session that scripts hold. Returns `nil` unless we made it for this use. Does not check the time.
    package func open(
        _ text: Span<UInt8>,
        for use: ScriptSession.Use,
        _ seal: SessionSeal,
        now: Milliseconds
    ) -> (session: ScriptSession, standing: Standing)? {
        guard let session = seal.open(text, for: use, now: now, appliesTo: appliesTo) else { return nil }
        return (session, standing(of: session.viewer))
    }

    /// Opens a ticket. Returns `nil` unless we made it, it has not expired and its voucher still stands.
    package func ticket(_ text: Span<UInt8>, _ seal: SessionSeal, now: Milliseconds) -> Ticket? {
        guard let ticket = seal.openTicket(text, now: now, appliesTo: appliesTo), standsBehind(ticket.viewer) else {
            return nil
        }
        return ticket
    }

    /// Whether to keep a token from the upstream: one that we made, valid or not, or a viewer's token that a company's
    /// key has signed, or may have signed if the allowance is spent or keys are awaited. Any other token belongs to the
    /// application.
    package func withholds(_ bytes: Span<UInt8>, allowance: SignatureAllowance? = nil) -> Bool {
        do throws(TokenFault) {
            let token = try Token(parsing: bytes, maxSize: maxSize)
            if token.hasType("api+jwt") { return true }
            if try TokenUse(token) != .own { return true }
            _ = try viewer(for: bytes, allowance: allowance)
            return true
        } catch {
            return error == .unchecked || error == .keysAwaited
        }
    }

    /// Whether the token that verified a viewer would still be accepted: the company exists and has that key, the key
    /// may sign such tokens, and they are read the same way. For what is open while the configuration changes, when the
    /// token is no longer at hand.
    package func standsBehind(_ viewer: Viewer) -> Bool { standing(of: viewer) == .stands }

    /// Whether a viewer's token would still be accepted.
    package enum Standing: Sendable {
        case stands
        /// That shows once the company's key set was fetched.
        case awaitsKeys
        case falls
    }

    /// The same as ``standsBehind(_:)``, and whether keys are missing to decide it.
    package func standing(of viewer: Viewer) -> Standing {
        guard let voucher = viewer.voucher, let company = company(viewer.company) else { return .falls }
        let keys = voucher.isOurs ? company.ownKeys : company.keys
        let isKnown = keys.contains { $0.thumbprint == voucher.key }
        guard isKnown || company.awaitsKeys && !voucher.isOurs else { return .falls }
        var issuers: [String?] = voucher.isOurs ? [publicURL] : company.issuers
        if issuers.isEmpty { issuers = [nil] }
        // Earlier versions sealed the audience of our own tokens too.
        var audiences: [String?] = company.audiences
        if voucher.isOurs { audiences += [nil, publicURL] } else if audiences.isEmpty { audiences = [nil] }
        let isReadTheSame = issuers.contains { issuer in
            audiences.contains { terms(issuer: issuer, audience: $0, isOurs: voucher.isOurs) == voucher.terms }
        }
        return !isReadTheSame ? .falls : isKnown ? .stands : .awaitsKeys
    }

    /// - Parameters:
    ///   - issuer: the token's `iss`, if it is checked.
    ///   - audience: the audience that let it pass, if it is checked.
    private func terms(issuer: String?, audience: String?, isOurs: Bool) -> Voucher.Terms {
        Voucher.Terms([issuer, audience] + (isOurs ? ClaimNames() : claimNames).all)
    }

    /// The company that a token says has signed it, whether or not that is true. Returns `nil` if the token is one that
    /// we issue, or names no company.
    package func ownCompany(of bytes: Span<UInt8>) -> String? {
        guard let token = try? Token(parsing: bytes, maxSize: maxSize), (try? TokenUse(token)) == .own else {
            return nil
        }
        return try? companyOfOwn(token.claims).id
    }

    /// The company of a token that we issued.
    func companyOfOurs(_ claims: Claims) throws(TokenFault) -> Company {
        guard try claims.string("iss").hasSameBytes(as: publicURL) else { throw .issuer }
        guard let id = try claims.id(ClaimNames().company), let company = company(id) else { throw .company }
        return company
    }

    /// The company of a token that a customer signed: named by `iss` or by the company claim, or the only one that need
    /// not be named.
    func companyOfOwn(_ claims: Claims) throws(TokenFault) -> Company {
        let issuer = try claims.string("iss")
        let issuing = issuer.flatMap { placeByIssuer[ExactText($0)] }.map { companies[$0] }
        var named: Company?
        if let id = try claims.id(claimNames.company) {
            guard let company = company(id) else { throw .company }
            named = company
        }
        if let issuing, let named, !issuing.id.hasSameBytes(as: named.id) { throw .company }
        guard let company = issuing ?? named ?? unnamed else { throw .company }
        // A company that lists its issuers accepts no other issuer, and no token without one.
        guard company.issuers.isEmpty || issuing != nil else { throw .issuer }
        return company
    }

    /// A company by its id.
    package func company(_ id: String) -> Company? {
        // Most gateways have few companies, and most ids are copies of theirs.
        if companies.count <= 4 { return companies.first { $0.id.hasSameBytes(as: id) } }
        return placeByID[ExactText(id)].map { companies[$0] }
    }

    /// The company's audience that `aud` names. Returns `nil` if the company lists none.
    private func audience(of claims: Claims, _ company: Company) throws(TokenFault) -> String? {
        guard !company.audiences.isEmpty else { return nil }
        for audience in company.audiences where try claims.hasAudience(audience) { return audience }
        throw .audience
    }

    private func fingerprint(of bytes: Span<UInt8>) -> String {
        Hexadecimal.text(SHA256.hash(bytes).prefix(4))
    }
}

/// What a token was made for, from the `typ` of its header.
///
/// Each use has its own type, so that no token passes for another
/// ([RFC 8725 section 3.11](https://www.rfc-editor.org/rfc/rfc8725#section-3.11)). Media types are compared without
/// case.
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
            // Includes the API's own tokens, `api+jwt`.
            throw .type
        }
    }
}
