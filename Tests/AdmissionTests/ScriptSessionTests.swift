import Admission
import Basics
import JOSE
import Testing

@Suite("Sessions in the hands of scripts answer for less, and for minutes")
struct ScriptSessionTests {
    private let seal = SessionSeal(secret: [UInt8](repeating: 7, count: 32))
    private let key: Key
    private let authority: TokenAuthority
    private let person: Viewer

    init() throws {
        key = try Key.secret([UInt8](repeating: 5, count: 32), algorithm: .hs256, id: "one")
        authority = TokenAuthority(
            companies: [Company(id: "acme", keys: [key])],
            publicURL: "https://embed.example.com",
            claimNames: ClaimNames(),
            appliesTo: .registrations,
            maxSize: 8192,
            generation: 1
        )
        person = Viewer(
            kind: .registration,
            company: "acme",
            event: "launch",
            eventSpecific: true,
            userID: "u1",
            name: "Ada Lovelace",
            email: "ada@acme.example",
            registration: "r1",
            validity: Validity(expires: start / 1000 + 86_400, notBefore: nil, issuedAt: nil),
            tokenID: "7f4c4d2e9b1a4c3d8e5f6a7b",
            fingerprint: "0badcafe",
            voucher: Voucher(
                key: key.thumbprint,
                isOurs: true,
                terms: Voucher.Terms(["https://embed.example.com", nil] + ClaimNames().all)
            )
        )
    }

    private func sealed(_ session: PresentedSession, event: String = "launch") -> SealedSession {
        SealedSession(session, person, event: bytes(event))
    }

    private func text(_ use: ScriptSession.Use, _ session: PresentedSession, event: String = "launch") -> [UInt8] {
        seal.text(of: ScriptSession(use, sealed(session, event: event), now: start), now: start)
    }

    private func open(_ text: [UInt8], _ use: ScriptSession.Use, now: Milliseconds = start) -> ScriptSession? {
        let found = authority.open(text.span, for: use, seal, now: now)
        return found?.standing == .stands ? found?.session : nil
    }

    private func isSession(_ text: [UInt8]) -> Bool { authority.session(text.span, seal, now: start) != nil }

    private func isTicket(_ text: [UInt8]) -> Bool { authority.ticket(text.span, seal, now: start) != nil }

    private func fault(
        _ session: ScriptSession,
        isUpgrade: Bool,
        ownOrigin: Bool = true,
        event: String? = "launch",
        now: Milliseconds = start
    ) -> Refusal? {
        guard let event else {
            return session.fault(isUpgrade: isUpgrade, isFromOwnOrigin: ownOrigin, event: nil, at: now)
        }
        let named = bytes(event)
        return session.fault(isUpgrade: isUpgrade, isFromOwnOrigin: ownOrigin, event: named.span, at: now)
    }

    private var session: PresentedSession {
        PresentedSession(id: SessionID(joinedAt: start, random0: 1, random1: 2), subject: person.subject)
    }

    @Test("Each opens for its own use, and fits into a header", arguments: ScriptSession.Use.allCases)
    func roundTrip(use: ScriptSession.Use) throws {
        let text = text(use, session)
        #expect(text.count < 1024)
        let opened = try #require(open(text, use))
        #expect(opened.use == use && opened.sealed.session == session && opened.sealed.event == bytes("launch"))
        #expect(opened.until == start + ScriptSession.lifetime && opened.viewer.registration == "r1")
        #expect(fault(opened, isUpgrade: use == .socket) == nil)
        #expect(fault(opened, isUpgrade: use == .socket, event: nil) == nil, "a path that names no event")
    }

    @Test("Attack: a worker's session as a cookie, a cookie's as a worker's, a ticket as either, and every other swap")
    func swapped() {
        let worker = text(.worker, session)
        let socket = text(.socket, session)
        let cookie = seal.text(of: sealed(session), now: start)
        let ticket = seal.text(of: Ticket(.redirect, sealed(session), now: start), now: start)
        for text in [worker, socket, ticket] { #expect(!isSession(text)) }
        for text in [socket, cookie, ticket] { #expect(open(text, .worker) == nil) }
        for text in [worker, cookie, ticket] { #expect(open(text, .socket) == nil) }
        for text in [worker, socket, cookie] { #expect(!isTicket(text)) }
        #expect(isSession(cookie) && isTicket(ticket))
    }

    @Test("Attack: change any character to another, cut it, lengthen it", arguments: ScriptSession.Use.allCases)
    func changed(use: ScriptSession.Use) {
        let text = text(use, session)
        for place in text.indices {
            var changed = text
            changed[place] = text[place] == UInt8(ascii: "A") ? UInt8(ascii: "b") : UInt8(ascii: "A")
            #expect(open(changed, use) == nil)
        }
        for count in stride(from: 0, to: text.count, by: 7) { #expect(open(Array(text[..<count]), use) == nil) }
        for tail in ["A", "=", "AAAA", "\0", " "] { #expect(open(text + bytes(tail), use) == nil) }
    }

    @Test("It is over after fifteen minutes, and a clock that was set back does not make it good again")
    func times() throws {
        for use in ScriptSession.Use.allCases {
            let text = text(use, session)
            let last = start + ScriptSession.lifetime - 1
            #expect(fault(try #require(open(text, use, now: last)), isUpgrade: use == .socket, now: last) == nil)
            for later in [start + ScriptSession.lifetime, start + 86_400_000] {
                let old = try #require(open(text, use, now: later), "it still says whose it was")
                for isUpgrade in [true, false] {
                    #expect(fault(old, isUpgrade: isUpgrade, now: later) == .tokenExpired)
                }
            }
            #expect(open(text, use, now: start - Ticket.clockDifference) != nil)
            #expect(open(text, use, now: start - Ticket.clockDifference - 1) == nil)
        }
    }

    @Test("A worker may renew its session for two hours after its end, and no script a socket ticket")
    func renewal() throws {
        let worker = try #require(open(text(.worker, session), .worker))
        let end = start + ScriptSession.lifetime + ScriptSession.renewalTime
        #expect(worker.mayBeRenewed(at: start) && worker.mayBeRenewed(at: end - 1))
        #expect(!worker.mayBeRenewed(at: end))
        #expect(try #require(open(text(.socket, session), .socket)).mayBeRenewed(at: start) == false)
    }

    @Test("Attack: a worker's session for an upgrade, which no worker can send")
    func workerUpgrade() throws {
        let worker = try #require(open(text(.worker, session), .worker))
        #expect(fault(worker, isUpgrade: true) == .tokenMissing)
    }

    @Test("Attack: a socket ticket for a GET, from another origin, for another event")
    func socketElsewhere() throws {
        let socket = try #require(open(text(.socket, session), .socket))
        #expect(fault(socket, isUpgrade: false) == .tokenMissing)
        #expect(fault(socket, isUpgrade: true, ownOrigin: false) == .originDenied)
        for event in ["other", "launch ", "Launch", "launc", ""] {
            #expect(fault(socket, isUpgrade: true, event: event) == .wrongEvent, "\(event)")
        }
        // Of a company-wide token, which a cookie would carry from one event to another.
        let hub = try #require(open(text(.socket, session, event: ""), .socket))
        #expect(fault(hub, isUpgrade: true, event: "launch") == .wrongEvent)
    }

    @Test("Attack: a session that was kicked, replaced or removed, shown by either script")
    func ended() throws {
        for use in ScriptSession.Use.allCases {
            for ending in ["kick", "replace", "remove"] {
                let gate = Gate()
                let session = try #require(gate.session(person))
                let held = try #require(open(text(use, session), use))
                #expect(gate.ask(held.viewer, with: held.sealed.session).admitted?.session == session.id)
                let expected: Refusal
                switch ending {
                case "kick":
                    gate.admission.end(try #require(gate.admission.sessions.all().first), .ended, now: gate.now)
                    expected = .viewerRemoved
                case "replace":
                    gate.now += 1
                    #expect(gate.ask(person, address: 2).admitted?.replaced == session.id)
                    expected = .sessionReplaced
                default:
                    let removal = Removal(
                        id: "1",
                        company: "acme",
                        event: "launch",
                        person: RemovedPerson(.registration, "r1"),
                        until: nil,
                        reason: nil,
                        createdAt: start
                    )
                    gate.directory.add(removal)
                    expected = .viewerRemoved
                }
                let verdict = gate.ask(held.viewer, with: held.sealed.session)
                #expect(verdict.refusal == expected, "\(use), \(ending)")
            }
        }
    }

    @Test("A session whose key has left the configuration falls", arguments: ScriptSession.Use.allCases)
    func keyGone(use: ScriptSession.Use) throws {
        let next = try Key.secret([UInt8](repeating: 6, count: 32), algorithm: .hs256, id: "one")
        let later = TokenAuthority(
            companies: [Company(id: "acme", keys: [next])],
            publicURL: "https://embed.example.com",
            claimNames: ClaimNames(),
            appliesTo: .registrations,
            maxSize: 8192,
            generation: 2
        )
        let text = text(use, session)
        let standing = later.open(text.span, for: use, seal, now: start)?.standing
        #expect(standing == .falls)
    }
}
