import JOSE

/// Seals sessions, and opens them when they come back: in a cookie, in a header, in a ticket.
///
/// What is sealed is the session and what was verified of its token, never the token: every algorithm costs the same
/// afterwards, and a browser's jar has nobody's data in it that could be read.
package final class SessionSeal: Sendable {
    private let sessions: SealingKey
    private let tickets: SealingKey

    /// - Parameter secret: the cookie key; 32 random bytes.
    package init(secret: [UInt8]) {
        sessions = SealingKey(secret: secret, purpose: "session")
        tickets = SealingKey(secret: secret, purpose: "ticket")
    }

    /// What the holder is given: base64url, fit for a cookie and for a header.
    package func text(of sealed: SealedSession, now: Milliseconds) -> [UInt8] {
        var octets = SealedOctets()
        octets.write(sealed)
        return Base64URL.encode(sessions.seal(octets.bytes.span, day: day(now)).span)
    }

    /// Opens a session's text; nil unless we made it. Whether its time is over, and whether anybody still stands behind its
    /// viewer, is not asked here.
    func open(_ text: Span<UInt8>, now: Milliseconds, appliesTo: LeaseScope) -> SealedSession? {
        guard let content = content(of: text, sessions, now) else { return nil }
        var octets = SealedOctets(content)
        guard let found = octets.readSession(appliesTo: appliesTo), octets.isAtEnd else { return nil }
        return found
    }

    package func text(of ticket: Ticket, now: Milliseconds) -> [UInt8] {
        var octets = SealedOctets()
        octets.write(UInt64(ticket.stage.rawValue), count: 1)
        octets.write(ticket.number, count: 8)
        octets.write(UInt64(bitPattern: ticket.expires), count: 8)
        octets.write(ticket.sealed)
        return Base64URL.encode(tickets.seal(octets.bytes.span, day: day(now)).span)
    }

    /// Opens a ticket's text; nil unless we made it, and it is still good.
    func openTicket(_ text: Span<UInt8>, now: Milliseconds, appliesTo: LeaseScope) -> Ticket? {
        guard let content = content(of: text, tickets, now) else { return nil }
        var octets = SealedOctets(content)
        guard let stage = octets.readNumber(1).flatMap({ Ticket.Stage(rawValue: UInt8(truncatingIfNeeded: $0)) }),
            let number = octets.readNumber(8), let expires = octets.readNumber(8).map({ Milliseconds(bitPattern: $0) }),
            let sealed = octets.readSession(appliesTo: appliesTo), octets.isAtEnd
        else { return nil }
        // A clock that was set back makes no ticket good for longer.
        guard now < expires, expires <= after(now, Ticket.lifetime) else { return nil }
        return Ticket(stage: stage, number: number, expires: expires, sealed: sealed)
    }

    private func content(of text: Span<UInt8>, _ key: SealingKey, _ now: Milliseconds) -> [UInt8]? {
        guard text.count <= Self.maxLength, let sealed = Base64URL.decode(text) else { return nil }
        let today = day(now)
        // No session lives for longer than its configured lifetime; that is judged by the session itself.
        return key.open(sealed.span, days: max(0, today - 400)...(today + 1))
    }

    /// Characters of the longest text that is looked at: that of a token of 8 KiB which is all names.
    package static let maxLength = 12 << 10

    private func day(_ now: Milliseconds) -> Int { Int(max(0, now) / 86_400_000) }
}

/// The octets of what is sealed, written one after the other, or read.
struct SealedOctets {
    private(set) var bytes: [UInt8]
    private var position = 0

    /// Of this layout; another one is not read.
    private static let version: UInt8 = 2

    init(_ bytes: [UInt8] = []) { self.bytes = bytes }

    var isAtEnd: Bool { position == bytes.count }

    // MARK: Sessions

    private struct Flags: OptionSet {
        var rawValue: UInt8
        static let registration = Flags(rawValue: 1)
        static let eventSpecific = Flags(rawValue: 2)
        static let closesWithEvent = Flags(rawValue: 4)
        static let pending = Flags(rawValue: 8)
        static let expires = Flags(rawValue: 16)
        static let vouched = Flags(rawValue: 32)
        static let ours = Flags(rawValue: 64)
    }

    mutating func write(_ sealed: SealedSession) {
        let (session, viewer) = (sealed.session, sealed.viewer)
        bytes.reserveCapacity(bytes.count + 256)
        var flags: Flags = []
        if viewer.kind == .registration { flags.insert(.registration) }
        if viewer.eventSpecific { flags.insert(.eventSpecific) }
        if viewer.closesWithEvent { flags.insert(.closesWithEvent) }
        if session.isPending { flags.insert(.pending) }
        if viewer.validity.expires != nil { flags.insert(.expires) }
        if let voucher = viewer.voucher { flags.formUnion(voucher.isOurs ? [.vouched, .ours] : .vouched) }
        write(UInt64(Self.version), count: 1)
        write(UInt64(flags.rawValue), count: 1)
        write(UInt64(bitPattern: session.id.joinedAt), count: 8)
        for word in [session.id.random0, session.id.random1, session.subject.high, session.subject.low] {
            write(word, count: 8)
        }
        if let expires = viewer.validity.expires { write(UInt64(bitPattern: expires), count: 8) }
        if let voucher = viewer.voucher { bytes += voucher.key.octets + voucher.terms.octets }
        for text in [viewer.company, viewer.userID, viewer.fingerprint] { write(text) }
        for text in [viewer.event, viewer.name, viewer.email, viewer.avatar, viewer.registration, viewer.tokenID] {
            write(text)
        }
        write(sealed.event == viewer.eventBytes ? nil : String(decoding: sealed.event, as: UTF8.self))
        write(UInt64(viewer.passed.count), count: 1)
        for claim in viewer.passed {
            write(claim.name)
            write(claim.text)
        }
    }

    mutating func readSession(appliesTo: LeaseScope) -> SealedSession? {
        guard readNumber(1) == UInt64(Self.version), let flags = readNumber(1).map({ Flags(rawValue: UInt8($0)) }),
            let joinedAt = readNumber(8), let random0 = readNumber(8), let random1 = readNumber(8),
            let high = readNumber(8), let low = readNumber(8)
        else { return nil }
        var expires: Int64?
        if flags.contains(.expires) {
            guard let moment = readNumber(8) else { return nil }
            expires = Int64(bitPattern: moment)
        }
        var voucher: Voucher?
        if flags.contains(.vouched) {
            guard let key = readBytes(16), let terms = readBytes(16) else { return nil }
            voucher = Voucher(
                key: KeyThumbprint(octets: key),
                isOurs: flags.contains(.ours),
                terms: Voucher.Terms(octets: terms)
            )
        }
        guard let company = readText(), let company, let userID = readText(), let userID,
            let fingerprint = readText(), let fingerprint, let event = readText(), let name = readText(),
            let email = readText(), let avatar = readText(), let registration = readText(), let tokenID = readText(),
            let joined = readText(), let passed = readPassed()
        else { return nil }
        let id = SessionID(joinedAt: Milliseconds(bitPattern: joinedAt), random0: random0, random1: random1)
        let viewer = Viewer(
            kind: flags.contains(.registration) ? .registration : .embed,
            company: company,
            event: event,
            eventSpecific: flags.contains(.eventSpecific),
            userID: userID,
            name: name,
            email: email,
            avatar: avatar,
            registration: registration,
            validity: Validity(expires: expires, notBefore: nil, issuedAt: nil),
            tokenID: tokenID,
            passed: passed,
            fingerprint: fingerprint,
            appliesTo: appliesTo,
            closesWithEvent: flags.contains(.closesWithEvent),
            voucher: voucher
        )
        let subject = SubjectKey(high: high, low: low)
        let session = PresentedSession(id: id, subject: subject, isPending: flags.contains(.pending))
        return SealedSession(session, viewer, event: joined.map { Array($0.utf8) } ?? viewer.eventBytes)
    }

    private mutating func readPassed() -> [PassedClaim]? {
        guard let count = readNumber(1) else { return nil }
        var claims: [PassedClaim] = []
        for _ in 0..<count {
            guard let name = readText(), let name, let text = readText(), let text else { return nil }
            claims.append(PassedClaim(name: name, text: text))
        }
        return claims
    }

    // MARK: Numbers and texts

    mutating func write(_ number: UInt64, count: Int) { appendBigEndian(number, count: count, to: &bytes) }

    /// Two octets of its length and one more, or zero for none; then its octets.
    private mutating func write(_ text: String?) {
        guard let text else {
            write(0, count: 2)
            return
        }
        precondition(text.utf8.count < Int(UInt16.max))
        write(UInt64(text.utf8.count + 1), count: 2)
        bytes += text.utf8
    }

    mutating func readNumber(_ count: Int) -> UInt64? {
        guard bytes.count - position >= count else { return nil }
        var number: UInt64 = 0
        for index in position..<position + count { number = number << 8 | UInt64(bytes[index]) }
        position += count
        return number
    }

    private mutating func readBytes(_ count: Int) -> [UInt8]? {
        guard bytes.count - position >= count else { return nil }
        defer { position += count }
        return Array(bytes[position..<position + count])
    }

    /// The outer nil: there is no text where one should stand. The inner one: it says that there is none.
    private mutating func readText() -> String?? {
        guard let length = readNumber(2) else { return nil }
        guard length > 0 else { return .some(nil) }
        guard let text = readBytes(Int(length) - 1) else { return nil }
        return .some(String(decoding: text, as: UTF8.self))
    }
}
