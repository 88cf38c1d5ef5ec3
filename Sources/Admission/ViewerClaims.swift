import JOSE

/// What a verified token says of its viewer, checked to be fit for a header field and a log line.
///
/// Ids, e-mail and avatar reach the upstream as they are: they hold no control character and are bounded. The name may
/// hold anything, since it is percent-encoded; it is only bounded.
struct ViewerClaims {
    let kind: ViewerKind
    let event: String?
    let eventSpecific: Bool
    let userID: String
    let name: String?
    let email: String?
    let avatar: String?
    let registration: String?
    let tokenID: String?

    init(_ claims: Claims, names: ClaimNames, use: TokenUse) throws(TokenFault) {
        let registration = try Self.id(claims, names.registration)
        switch use {
        case .embed: kind = .embed
        case .registration: kind = .registration
        case .own: kind = registration == nil ? .embed : .registration
        }
        if kind == .registration {
            guard let registration else { throw .claims }
            self.registration = registration
            // A registration is for one event, whatever else the token says.
            eventSpecific = true
            _ = try Self.bool(claims, names.eventSpecific)
            // Somebody who registers need not be a user; then the registration is who it is.
            userID = try Self.userID(claims, names) ?? registration
        } else {
            self.registration = nil
            eventSpecific = try Self.bool(claims, names.eventSpecific) ?? true
            guard let userID = try Self.userID(claims, names) else { throw .claims }
            self.userID = userID
        }
        event = try Self.id(claims, names.event)
        guard event != nil || !eventSpecific else { throw .claims }
        name = try Self.string(claims, names.name)
        guard (name?.utf8.count ?? 0) <= 1024 else { throw .claims }
        email = try Self.text(claims, names.email, limit: 320)
        avatar = try Self.text(claims, names.avatar, limit: 4096)
        tokenID = try Self.text(claims, "jti", limit: 256)
    }

    /// An id that is compared octet by octet: not empty, and nothing at its ends that a header would lose.
    private static func id(_ claims: Claims, _ name: String) throws(TokenFault) -> String? {
        guard let value = try claims.id(name) else { return nil }
        guard let text = try text(value, limit: 256), text.hasSameBytes(as: value) else { throw .claims }
        return value
    }

    /// A user's id, byte for byte: whoever is `" ada"` is not `"ada"`. Nil where it is blank.
    private static func userID(_ claims: Claims, _ names: ClaimNames) throws(TokenFault) -> String? {
        guard let id = try claims.id(names.userID) else { return nil }
        return try text(id, limit: 1024) == nil ? nil : id
    }

    private static func bool(_ claims: Claims, _ name: String) throws(TokenFault) -> Bool? {
        claims[name] == .null ? nil : try claims.bool(name)
    }

    /// A claim that need not be there; `null` is as good as absent.
    private static func string(_ claims: Claims, _ name: String) throws(TokenFault) -> String? {
        claims[name] == .null ? nil : try claims.string(name)
    }

    /// A text as a header can carry it, without white space at its ends; nil when there is none.
    private static func text(_ claims: Claims, _ name: String, limit: Int) throws(TokenFault) -> String? {
        guard let value = try string(claims, name) else { return nil }
        return try text(value, limit: limit)
    }

    private static func text(_ value: String, limit: Int) throws(TokenFault) -> String? {
        guard value.utf8.count <= limit else { throw .claims }
        for scalar in value.unicodeScalars where scalar.properties.generalCategory == .control { throw .claims }
        let text = trimmed(value)
        return text.isEmpty ? nil : text
    }
}

extension Viewer {
    convenience init(
        _ claims: ViewerClaims,
        company: String,
        validity: Validity,
        fingerprint: String,
        appliesTo: LeaseScope,
        closesWithEvent: Bool,
        voucher: Voucher
    ) {
        self.init(
            kind: claims.kind,
            company: company,
            event: claims.event,
            eventSpecific: claims.eventSpecific,
            userID: claims.userID,
            name: claims.name,
            email: claims.email,
            avatar: claims.avatar,
            registration: claims.registration,
            validity: validity,
            tokenID: claims.tokenID,
            fingerprint: fingerprint,
            appliesTo: appliesTo,
            closesWithEvent: closesWithEvent,
            voucher: voucher
        )
    }
}
