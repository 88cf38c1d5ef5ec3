package import Basics
import JOSE

/// Seals sessions, and opens them when they come back in a cookie, a header, a ticket or from a script.
///
/// The sealed content is the session and what was verified about its token, never the token. So every algorithm costs
/// the same afterwards, and a browser's cookies contain no readable personal data.
package final class SessionSeal: Sendable {
    private let sessions: SealingKey
    private let tickets: SealingKey
    private let workers: SealingKey
    private let sockets: SealingKey
    /// With what gateways that have the same key hash addresses.
    package let addressSeed: UInt64

    /// - Parameter secret: the cookie key; 32 random bytes.
    package init(secret: [UInt8]) {
        sessions = SealingKey(secret: secret, purpose: "session")
        tickets = SealingKey(secret: secret, purpose: "ticket")
        workers = SealingKey(secret: secret, purpose: "worker")
        sockets = SealingKey(secret: secret, purpose: "socket")
        let digest = SHA256.hash((Array("addresses of leases\n".utf8) + secret).span)
        addressSeed = bigEndianWord(digest.span, at: 0)
    }

    /// The text for the holder: base64url, suitable for a cookie and for a header.
    package func text(of sealed: SealedSession, now: Milliseconds) -> [UInt8] {
        var writer = SealedBytes()
        writer.write(sealed)
        return Base64URL.encode(sessions.seal(writer.bytes.span, day: day(now)).span)
    }

    /// Opens a session's text. Returns `nil` unless this gateway made it. Does not check whether its time is over, or
    /// whether its viewer's voucher still stands.
    func open(_ text: Span<UInt8>, now: Milliseconds, appliesTo: LeaseScope) -> SealedSession? {
        guard let content = content(of: text, sessions, now) else { return nil }
        var reader = SealedBytes(content)
        guard let found = reader.readSession(appliesTo: appliesTo), reader.isAtEnd else { return nil }
        return found
    }

    package func text(of ticket: Ticket, now: Milliseconds) -> [UInt8] {
        var writer = SealedBytes()
        writer.write(UInt64(ticket.stage.rawValue), count: 1)
        writer.write(ticket.number, count: 8)
        writer.write(UInt64(bitPattern: ticket.expires), count: 8)
        writer.write(ticket.sealed)
        return Base64URL.encode(tickets.seal(writer.bytes.span, day: day(now)).span)
    }

    /// Opens a ticket's text. Returns `nil` unless this gateway made it and it has not expired.
    func openTicket(_ text: Span<UInt8>, now: Milliseconds, appliesTo: LeaseScope) -> Ticket? {
        guard let content = content(of: text, tickets, now) else { return nil }
        var reader = SealedBytes(content)
        guard let stage = reader.readNumber(1).flatMap({ Ticket.Stage(rawValue: UInt8(truncatingIfNeeded: $0)) }),
            let number = reader.readNumber(8), let expires = reader.readNumber(8).map({ Milliseconds(bitPattern: $0) }),
            let sealed = reader.readSession(appliesTo: appliesTo), reader.isAtEnd
        else { return nil }
        // A clock that was set back does not extend a ticket by more than clocks may differ.
        guard now < expires, expires <= after(now, Ticket.lifetime + Ticket.clockDifference) else { return nil }
        return Ticket(stage: stage, number: number, expires: expires, sealed: sealed)
    }

    package func text(of session: ScriptSession, now: Milliseconds) -> [UInt8] {
        var writer = SealedBytes()
        writer.write(UInt64(bitPattern: session.until), count: 8)
        writer.write(session.sealed)
        return Base64URL.encode(key(for: session.use).seal(writer.bytes.span, day: day(now)).span)
    }

    /// Opens the text of a session that scripts hold. Returns `nil` unless this gateway made it for this use. It may be
    /// over: it still says whose it was.
    func open(
        _ text: Span<UInt8>,
        for use: ScriptSession.Use,
        now: Milliseconds,
        appliesTo: LeaseScope
    ) -> ScriptSession? {
        guard let content = content(of: text, key(for: use), now) else { return nil }
        var reader = SealedBytes(content)
        guard let until = reader.readNumber(8).map({ Milliseconds(bitPattern: $0) }),
            let sealed = reader.readSession(appliesTo: appliesTo), reader.isAtEnd
        else { return nil }
        // A clock that was set back does not extend it by more than clocks may differ.
        guard until <= after(now, ScriptSession.lifetime + Ticket.clockDifference) else { return nil }
        return ScriptSession(use, sealed, until: until)
    }

    private func key(for use: ScriptSession.Use) -> SealingKey {
        switch use {
        case .worker: workers
        case .socket: sockets
        }
    }

    private func content(of text: Span<UInt8>, _ key: SealingKey, _ now: Milliseconds) -> [UInt8]? {
        guard text.count <= Self.maxLength, let sealed = Base64URL.decode(text) else { return nil }
        let today = day(now)
        // No session outlives its configured lifetime; the session itself is checked for that.
        return key.open(sealed.span, days: max(0, today - 400)...(today + 1))
    }

    /// The longest text that is read, in characters: enough for a token of 8 KiB that consists of names only.
    package static let maxLength = 12 << 10

    private func day(_ now: Milliseconds) -> Int { Int(max(0, now) / 86_400_000) }
}

/// The bytes of the sealed content, written or read in sequence.
struct SealedBytes {
    private(set) var bytes: [UInt8]
    private var position = 0

    /// The version of this layout. Others are not read.
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
        if let voucher = viewer.voucher { bytes += voucher.key.bytes + voucher.terms.bytes }
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
                key: KeyThumbprint(bytes: key),
                isOurs: flags.contains(.ours),
                terms: Voucher.Terms(bytes: terms)
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

    /// Writes the length plus one in two bytes, or zero for `nil`; then the bytes of the text.
    mutating func write(_ text: String?) {
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

    /// The outer `nil` means that no text could be read; the inner one, that the text is absent.
    mutating func readText() -> String?? {
        guard let length = readNumber(2) else { return nil }
        guard length > 0 else { return .some(nil) }
        guard let text = readBytes(Int(length) - 1) else { return nil }
        return .some(String(decoding: text, as: UTF8.self))
    }
}
