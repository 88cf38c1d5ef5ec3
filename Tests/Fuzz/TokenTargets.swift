import Basics

@testable import Admission
@testable import JOSE

extension FuzzTarget {
    /// A JSON text.
    static let json = FuzzTarget("json") { bytes in
        guard let value = try? JSONValue(parsing: bytes.span, limits: JSONLimits(size: 1 << 16)) else { return }
        let written = value.serialized()
        guard let again = try? JSONValue(parsing: written.span, limits: JSONLimits(size: 1 << 20)) else {
            throw BrokenProperty(description: "what was written is not read: \(text(written))")
        }
        try require(again == value, "a value changes when it is written: \(text(written))")
        try require(again.serialized() == written, "the same value is written in two ways: \(text(written))")
        try require(value.serialized(upTo: written.count) == written, "a text does not fit into its own length")
        try require(value.serialized(upTo: written.count - 1) == nil, "a text fits into less than its length")
    }

    /// A viewer's token as sent, or `header LF claims`, which are signed here.
    static let token = FuzzTarget("token") {
        let pair = try Key.secret(Array(repeating: 5, count: 32), algorithm: .hs256, id: "one")
        let other = try Key.secret(Array(repeating: 6, count: 32), algorithm: .hs256, id: "one")
        let authority = TokenAuthority(
            companies: [Company(id: "acme", keys: [pair])],
            publicURL: "https://embed.example.com",
            claimNames: ClaimNames(),
            appliesTo: .all,
            maxSize: 8192,
            generation: 1
        )
        return { bytes in
            try requireSigned(bytes, pair, authority)
            let parts = bytes.split(separator: UInt8(ascii: "\n"), maxSplits: 1)
            guard parts.count == 2 else { return }
            let made = try sign(Array(parts[0]), Array(parts[1]), with: pair)
            try requireSigned(made, pair, authority)
            try requireRefused(try sign(Array(parts[0]), Array(parts[1]), with: other), authority)
            // Flip one bit anywhere.
            let position = bytes.reduce(0) { ($0 &* 31 &+ Int($1)) & 0xffff } % made.count
            for bit: UInt8 in [1, 2, 0x20] {
                var changed = made
                changed[position] ^= bit
                try requireRefused(changed, authority)
            }
        }
    }

    private static func sign(_ header: [UInt8], _ claims: [UInt8], with key: Key) throws -> [UInt8] {
        let dot = [UInt8(ascii: ".")]
        let signed = Base64URL.encode(header.span) + dot + Base64URL.encode(claims.span)
        let signature = try key.sign(signed.span)
        return signed + dot + Base64URL.encode(signature.span)
    }

    /// Fails if the token is accepted although its last part is not the key's signature over the others.
    private static func requireSigned(_ bytes: [UInt8], _ key: Key, _ authority: TokenAuthority) throws {
        guard let viewer = try? authority.viewer(for: bytes.span) else { return }
        guard let dot = bytes.lastIndex(of: UInt8(ascii: ".")) else {
            throw BrokenProperty(description: "a token without a signature is taken")
        }
        let signature = try key.sign(bytes.span.extracting(0..<dot))
        try require(
            Array(bytes[(dot + 1)...]) == Base64URL.encode(signature.span),
            "a token is taken that the key has not signed"
        )
        try require(viewer.company == "acme" && !viewer.userID.isEmpty, "a viewer without a user or a company")
        try require(authority.standsBehind(viewer), "a token that was taken is not stood behind")
        try requireReturn(of: viewer, authority)
    }

    /// Seals the viewer's session and opens it again.
    private static func requireReturn(of viewer: Viewer, _ authority: TokenAuthority) throws {
        let now: Milliseconds = 1_800_000_000_000
        let seal = SessionSeal(secret: Array(repeating: 7, count: 32))
        let id = SessionID(joinedAt: now, random0: 1, random1: 2)
        let session = PresentedSession(id: id, subject: viewer.subject, isPending: false)
        let sealed = seal.text(of: SealedSession(session, viewer, event: viewer.eventBytes), now: now)
        // The browser's limit, not the gateway's, prevents longer ones.
        guard sealed.count <= SessionSeal.maxLength else { return }
        guard let opened = authority.session(sealed.span, seal, now: now) else {
            throw BrokenProperty(description: "a session that was sealed is not opened")
        }
        try require(
            Array(opened.viewer.userID.utf8) == Array(viewer.userID.utf8) && opened.session == session
                && opened.viewer.subject == viewer.subject && opened.event == viewer.eventBytes
                && opened.viewer.validity.expires == viewer.validity.expires,
            "a session changes in its seal"
        )
    }

    private static func requireRefused(_ bytes: [UInt8], _ authority: TokenAuthority) throws {
        let viewer = try? authority.viewer(for: bytes.span)
        try require(viewer == nil, "a forged token is taken: \(text(bytes))")
    }

    /// A session cookie or a ticket: as sent, and as the content of a seal.
    static let sealed = FuzzTarget("sealed") { bytes in
        let now: Milliseconds = 1_800_000_000_000
        let seal = SessionSeal(secret: Array(repeating: 7, count: 32))
        try require(seal.open(bytes.span, now: now, appliesTo: .all) == nil, "a session is opened that nobody sealed")
        try require(
            seal.openTicket(bytes.span, now: now, appliesTo: .all) == nil,
            "a ticket is opened that nobody sealed"
        )
        var reader = SealedBytes(bytes)
        guard let first = reader.readSession(appliesTo: .all) else { return }
        // Text that is not UTF-8 is repaired when first read, and longer afterwards.
        guard bytes.count < 16 << 10 else { return }
        let text = seal.text(of: first, now: now)
        guard text.count <= SessionSeal.maxLength else { return }
        guard let second = seal.open(text.span, now: now, appliesTo: .all) else {
            throw BrokenProperty(description: "a session that was sealed is not opened")
        }
        var (once, twice) = (SealedBytes(), SealedBytes())
        once.write(first)
        twice.write(second)
        try require(once.bytes == twice.bytes, "a session changes in its seal")
        let position = bytes.reduce(0) { ($0 &* 31 &+ Int($1)) & 0xffff } % text.count
        var changed = text
        changed[position] ^= 1
        try require(seal.open(changed.span, now: now, appliesTo: .all) == nil, "a changed seal is opened")
        try require(seal.openTicket(text.span, now: now, appliesTo: .all) == nil, "a session is taken for a ticket")
    }
}
