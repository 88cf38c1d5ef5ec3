import Basics
import JOSE

/// Limits for what a token says about its viewer, in bytes. The calls that remove viewers accept values of the same
/// length, so anyone who was let in can also be named there.
package enum ClaimLimit {
    package static let userID = 1024
    /// For events and registrations.
    package static let id = 256
    package static let email = 320
}

/// What a verified token says about its viewer, checked to be fit for a header field and a log line.
///
/// Ids, e-mail and avatar contain no control character, since the log shows them. Name and passed claims may contain
/// anything: the upstream gets them percent-encoded. All are bounded.
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
    let passed: [PassedClaim]

    /// - Parameter passing: names of the further claims that are passed to the upstream.
    init(_ claims: Claims, names: ClaimNames, use: TokenUse, passing: [String]) throws(TokenFault) {
        let registration = try Self.id(claims, names.registration)
        switch use {
        case .embed: kind = .embed
        case .registration: kind = .registration
        case .own: kind = registration == nil ? .embed : .registration
        }
        if kind == .registration {
            guard let registration else { throw .claim(names.registration) }
            self.registration = registration
            // A registration is for one event, whatever else the token says.
            eventSpecific = true
            _ = try Self.bool(claims, names.eventSpecific)
            // A registered person need not be a user; the registration then serves as the user id.
            userID = try Self.userID(claims, names) ?? registration
        } else {
            self.registration = nil
            eventSpecific = try Self.bool(claims, names.eventSpecific) ?? true
            guard let userID = try Self.userID(claims, names) else { throw .claim(names.userID) }
            self.userID = userID
        }
        event = try Self.id(claims, names.event)
        guard event != nil || !eventSpecific else { throw .claim(names.event) }
        name = try Self.string(claims, names.name)
        guard (name?.utf8.count ?? 0) <= 1024 else { throw .claim(names.name) }
        email = try Self.text(claims, names.email, limit: ClaimLimit.email)
        avatar = try Self.text(claims, names.avatar, limit: 4096)
        tokenID = try Self.text(claims, "jti", limit: 256)
        var (passed, room): ([PassedClaim], Int) = ([], PassedClaim.maxTotal)
        for name in passing {
            guard let text = claims[name].flatMap(Self.passedText) else { continue }
            room -= text.utf8.count
            guard room >= 0 else { throw .claim(name) }
            passed.append(PassedClaim(name: name, text: text))
        }
        self.passed = passed
    }

    /// The text of a claim for the upstream: strings, numbers and booleans as they are, arrays and objects as JSON.
    private static func passedText(_ value: JSONValue) -> String? {
        switch value {
        case .null: nil
        case .string(let text): text
        default: String(decoding: value.serialized(), as: UTF8.self)
        }
    }

    /// An id that is compared byte for byte: not empty, and with nothing at its ends that a header would lose.
    private static func id(_ claims: Claims, _ name: String) throws(TokenFault) -> String? {
        guard let value = try claims.id(name) else { return nil }
        guard let text = try text(value, name, limit: ClaimLimit.id), text.hasSameBytes(as: value) else {
            throw .claim(name)
        }
        return value
    }

    /// A user's id, byte for byte: `" ada"` and `"ada"` are different users. Returns `nil` if it is blank.
    private static func userID(_ claims: Claims, _ names: ClaimNames) throws(TokenFault) -> String? {
        guard let id = try claims.id(names.userID) else { return nil }
        return try text(id, names.userID, limit: ClaimLimit.userID) == nil ? nil : id
    }

    private static func bool(_ claims: Claims, _ name: String) throws(TokenFault) -> Bool? {
        claims[name] == .null ? nil : try claims.bool(name)
    }

    /// An optional claim; `null` counts as absent.
    private static func string(_ claims: Claims, _ name: String) throws(TokenFault) -> String? {
        claims[name] == .null ? nil : try claims.string(name)
    }

    /// A text without white space at its ends that a header can carry. Returns `nil` if there is none.
    private static func text(_ claims: Claims, _ name: String, limit: Int) throws(TokenFault) -> String? {
        guard let value = try string(claims, name) else { return nil }
        return try text(value, name, limit: limit)
    }

    private static func text(_ value: String, _ name: String, limit: Int) throws(TokenFault) -> String? {
        guard value.utf8.count <= limit else { throw .claim(name) }
        for scalar in value.unicodeScalars where scalar.properties.generalCategory == .control { throw .claim(name) }
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
            passed: claims.passed,
            fingerprint: fingerprint,
            appliesTo: appliesTo,
            closesWithEvent: closesWithEvent,
            voucher: voucher
        )
    }
}
