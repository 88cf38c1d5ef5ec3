import Admission
import Testing

@Suite("Scope: which events a token is valid for")
struct ScopeTests {
    /// One row of the scope table.
    struct Row: CustomTestStringConvertible, Sendable {
        let what: String
        let kind: ViewerKind
        /// The token's event.
        let event: String?
        let eventSpecific: Bool
        /// The path's event; `nil` if the route names none.
        let path: String?
        let access: Access
        /// The refusal; or `nil`, and the event that counts.
        let refusal: Refusal?
        let counts: String
        var testDescription: String { what }

        init(
            _ what: String,
            _ kind: ViewerKind,
            _ event: String?,
            specific: Bool,
            path: String?,
            access: Access = .token,
            refusal: Refusal? = nil,
            counts: String = ""
        ) {
            self.what = what
            self.kind = kind
            self.event = event
            eventSpecific = specific
            self.path = path
            self.access = access
            self.refusal = refusal
            self.counts = counts
        }
    }

    /// The directory has acme's `launch` and `summit` and globex's `gala`; acme's `gone` was deleted.
    static let rows = [
        Row("an embed token in its event", .embed, "launch", specific: true, path: "launch", counts: "launch"),
        Row("a company-wide token in its event", .embed, "launch", specific: false, path: "launch", counts: "launch"),
        Row("a registration in its event", .registration, "launch", specific: true, path: "launch", counts: "launch"),
        Row("an embed token elsewhere", .embed, "launch", specific: true, path: "summit", refusal: .wrongEvent),
        Row("a registration elsewhere", .registration, "launch", specific: true, path: "summit", refusal: .wrongEvent),
        Row(
            "a registration that calls itself company-wide, elsewhere",
            .registration,
            "launch",
            specific: false,
            path: "summit",
            refusal: .wrongEvent
        ),
        Row("a company-wide token elsewhere", .embed, "launch", specific: false, path: "summit", counts: "summit"),
        Row("a company-wide token that names no event", .embed, nil, specific: false, path: "summit", counts: "summit"),
        Row("company-wide, event unknown", .embed, "launch", specific: false, path: "nowhere", refusal: .wrongEvent),
        Row("company-wide, another company's", .embed, "launch", specific: false, path: "gala", refusal: .wrongEvent),
        Row("embed, another company's", .embed, "launch", specific: true, path: "gala", refusal: .wrongEvent),
        Row(
            "a token that claims another company's",
            .embed,
            "gala",
            specific: true,
            path: "gala",
            refusal: .wrongEvent
        ),
        Row(
            "a registration that claims another company's",
            .registration,
            "gala",
            specific: true,
            path: "gala",
            refusal: .wrongEvent
        ),
        Row(
            "company-wide, claims another company's",
            .embed,
            "gala",
            specific: false,
            path: "gala",
            refusal: .wrongEvent
        ),
        Row("an event that the directory lacks", .embed, "own", specific: true, path: "own", counts: "own"),
        Row("no event in the route", .embed, "launch", specific: true, path: nil, counts: "launch"),
        Row(
            "no event in the route, registration",
            .registration,
            "launch",
            specific: true,
            path: nil,
            counts: "launch"
        ),
        Row("no event in the route, company-wide", .embed, "launch", specific: false, path: nil, counts: "launch"),
        Row("no event at all", .embed, nil, specific: false, path: nil, refusal: .wrongEvent),
        Row("no event at all, any viewer", .embed, nil, specific: false, path: nil, access: .session, counts: ""),
        Row("any viewer", .embed, "launch", specific: true, path: nil, access: .session, counts: "launch"),
        Row(
            "any viewer, in another event",
            .registration,
            "launch",
            specific: true,
            path: "summit",
            access: .session,
            counts: "launch"
        ),
        Row(
            "any viewer, company-wide in another event",
            .embed,
            "launch",
            specific: false,
            path: "summit",
            access: .session,
            counts: "summit"
        ),
        Row(
            "any viewer, company-wide in a foreign event",
            .embed,
            "launch",
            specific: false,
            path: "gala",
            access: .session,
            counts: "launch"
        ),
        Row("a deleted event", .embed, "gone", specific: true, path: "gone", refusal: .registrationRemoved),
        Row("a deleted event, elsewhere", .embed, "launch", specific: true, path: "gone", refusal: .wrongEvent),
        Row("company-wide, deleted", .embed, "launch", specific: false, path: "gone", refusal: .registrationRemoved),
        Row(
            "any viewer of a deleted event",
            .embed,
            "gone",
            specific: true,
            path: nil,
            access: .session,
            refusal: .registrationRemoved
        ),
        Row(
            "an id that is only canonically equal",
            .embed,
            "caf\u{e9}",
            specific: true,
            path: "cafe\u{301}",
            refusal: .wrongEvent
        ),
        Row("an id in other case", .embed, "launch", specific: true, path: "Launch", refusal: .wrongEvent),
        Row("an id that is a prefix", .embed, "launch", specific: true, path: "launc", refusal: .wrongEvent),
    ]

    @Test("The scope table", arguments: rows)
    func table(row: Row) {
        let gate = Gate()
        gate.directory.set(EventRecord(company: "acme"), for: "launch")
        gate.directory.set(EventRecord(company: "acme"), for: "summit")
        gate.directory.set(EventRecord(company: "globex"), for: "gala")
        gate.directory.set(EventRecord(company: "acme"), for: "gone")
        gate.directory.removeEvent("gone", company: "acme")
        let viewer = viewer(row.kind, event: row.event, eventSpecific: row.eventSpecific)
        let request = Admission.Request(access: row.access, presented: nil, address: 1, now: start)
        let path = bytes(row.path ?? "")
        let verdict = gate.admission.decide(
            request,
            viewer: viewer,
            event: row.path == nil ? nil : path.span,
            rules: gate.rules
        ) { gate.numbers.pair() }
        #expect(verdict.refusal == row.refusal)
        if row.refusal == nil { #expect(verdict.admitted?.event == row.counts) }
    }

    @Test("Without a directory, a token is valid for its own event and no other")
    func noDirectory() {
        let gate = Gate()
        #expect(gate.ask(viewer(.embed, eventSpecific: false)).refusal == nil)
        #expect(gate.ask(viewer(.embed, eventSpecific: false), event: "summit").refusal == .wrongEvent)
    }

    @Test("A session in another event is bound to that event")
    func subjectOfOtherEvent() throws {
        let gate = Gate()
        gate.directory.set(EventRecord(company: "acme"), for: "summit")
        let viewer = viewer(.embed, eventSpecific: false)
        let own = try #require(gate.session(viewer))
        #expect(gate.ask(viewer, with: own).admitted?.isNew == false)
        // The cookie of one event makes a join in the other; it does not renew there.
        let other = gate.ask(viewer, event: "summit", with: own).admitted
        #expect(other?.isNew == true)
        #expect(other?.subject == viewer.subject(for: bytes("summit").span))
        #expect(other?.subject != viewer.subject)
    }

    @Test("A deleted registration is refused at once, and accepted again when it is restored")
    func removedRegistration() throws {
        let gate = Gate()
        let removed = viewer()
        let session = try #require(gate.session(removed))
        let admitted = try #require(gate.ask(removed, with: session).admitted)
        gate.directory.removeRegistration(removed.subject)
        #expect(gate.ask(removed, with: session).refusal == .registrationRemoved)
        #expect(gate.ask(removed).refusal == .registrationRemoved)
        #expect(gate.ask(removed, access: .session, with: session).refusal == .registrationRemoved)
        #expect(
            gate.admission.keep(admitted, viewer: removed, address: 1, now: start, rules: gate.rules)
                == .registrationRemoved
        )
        #expect(gate.ask(viewer(registration: "r2")).refusal == nil)
        gate.directory.restoreRegistration(removed.subject)
        #expect(gate.ask(removed, with: session).refusal == nil)
    }

    @Test("A deleted event is refused at once, ends open streams, and is accepted again when it is added")
    func removedEvent() throws {
        let gate = Gate()
        gate.directory.set(EventRecord(company: "acme"), for: "launch")
        let viewer = viewer()
        let admitted = try #require(gate.ask(viewer).admitted)
        #expect(gate.admission.keep(admitted, viewer: viewer, address: 1, now: start, rules: gate.rules) == nil)
        gate.directory.removeEvent("launch", company: "acme")
        #expect(gate.directory.event("launch") == nil)
        #expect(gate.ask(viewer).refusal == .registrationRemoved)
        #expect(
            gate.admission.keep(admitted, viewer: viewer, address: 1, now: start, rules: gate.rules)
                == .registrationRemoved
        )
        gate.directory.set(EventRecord(company: "acme"), for: "launch")
        #expect(gate.directory.event("launch")?.company == "acme")
        #expect(gate.ask(viewer).refusal == nil)
    }
}
