import Admission
import Testing

@Suite("Role: who is host")
struct RoleTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let listed: String
        let userID: String
        let email: String?
        let role: Role
        var testDescription: String { "\(listed) lists \(userID) \(email ?? "")" }
    }

    static let cases = [
        Case(listed: "u1", userID: "u1", email: nil, role: .host),
        Case(listed: "  u1\t", userID: "u1", email: nil, role: .host),
        // User ids are compared byte for byte.
        Case(listed: "aB3xQ", userID: "Ab3Xq", email: nil, role: .attendee),
        Case(listed: "U1", userID: "u1", email: nil, role: .attendee),
        Case(listed: "ada", userID: " ada ", email: nil, role: .attendee),
        Case(listed: "jos\u{E9}", userID: "jose\u{301}", email: nil, role: .attendee),
        // An id with an @ is an e-mail.
        Case(listed: "Kim@acme.example", userID: "kim@ACME.example", email: nil, role: .host),
        Case(listed: "kim@acme.example", userID: "u1", email: "Kim@ACME.example", role: .host),
        Case(listed: "KIM@acme.example ", userID: "u1", email: " kim@acme.example", role: .host),
        Case(listed: "åsa@acme.example", userID: "u1", email: "ÅSA@acme.example", role: .host),
        Case(listed: "u2", userID: "u1", email: "kim@acme.example", role: .attendee),
        Case(listed: "u", userID: "u1", email: nil, role: .attendee),
        Case(listed: "", userID: "u1", email: "", role: .attendee),
        Case(listed: " ", userID: "u1", email: " ", role: .attendee),
        // One address in two spellings.
        Case(listed: "josé@acme.example", userID: "u1", email: "jose\u{301}@acme.example", role: .host),
        Case(listed: "JOSE\u{301}@acme.example", userID: "u1", email: "jos\u{E9}@acme.example", role: .host),
        Case(listed: "kim@münchen.example", userID: "u1", email: "kim@XN--MNCHEN-3YA.example", role: .host),
        Case(listed: "jo\u{1FEF}@acme.example", userID: "u1", email: "jo\u{1FEF}@acme.example", role: .host),
        // Form C makes it a backtick; fullwidth letters stay different outside domain names.
        Case(listed: "jo`@acme.example", userID: "u1", email: "jo\u{1FEF}@acme.example", role: .attendee),
        Case(listed: "jo`", userID: "jo\u{1FEF}", email: nil, role: .attendee),
        Case(listed: "kim@acme.example", userID: "u1", email: "\u{FF4B}im@acme.example", role: .attendee),
        Case(listed: "kim", userID: "\u{FF4B}im", email: nil, role: .attendee),
        // No mail can be sent to it, so it belongs to nobody.
        Case(listed: "kim@acme", userID: "u1", email: "kim@acme", role: .attendee),
        Case(listed: "kim@acme..example", userID: "u1", email: "kim@acme..example", role: .attendee),
        Case(listed: "kim@acme.example", userID: "u1", email: "kim@ac\u{AD}me.example", role: .attendee),
        Case(listed: "kim@acme.example", userID: "kim@ac\u{AD}me.example", email: nil, role: .attendee),
        Case(listed: "kim", userID: "u1", email: "kim", role: .attendee),
        // The Kelvin sign and the dotted capital I lower-case to ASCII letters: these are look-alikes, not the
        // presenter.
        Case(listed: "kim@acme.example", userID: "u1", email: "\u{212A}im@acme.example", role: .attendee),
        Case(listed: "i@acme.example", userID: "u1", email: "\u{130}@acme.example", role: .attendee),
    ]

    @Test(
        "A listed viewer is host: a user id byte for byte, an e-mail in its canonical form",
        arguments: cases,
        [true, false]
    )
    func listed(test: Case, asPresenter: Bool) {
        let gate = Gate()
        let record =
            asPresenter
            ? EventRecord(company: "acme", presenters: [test.listed])
            : EventRecord(company: "acme", organizers: [test.listed])
        gate.directory.set(record, for: "launch")
        for kind in [ViewerKind.embed, .registration] {
            let viewer = viewer(kind, userID: test.userID, email: test.email)
            #expect(gate.ask(viewer).admitted?.role == test.role)
        }
    }

    @Test("A change of the lists takes effect on the next request, in both directions, without a new token or session")
    func change() throws {
        let gate = Gate()
        gate.directory.set(EventRecord(company: "acme"), for: "launch")
        let viewer = viewer()
        let session = try #require(gate.session(viewer))
        #expect(gate.ask(viewer, with: session).admitted?.role == .attendee)
        gate.directory.set(EventRecord(company: "acme", presenters: ["u1"]), for: "launch")
        let raised = gate.ask(viewer, with: session).admitted
        #expect(raised?.role == .host)
        #expect(raised?.isNew == false)
        gate.directory.set(EventRecord(company: "acme", presenters: ["u2"]), for: "launch")
        #expect(gate.ask(viewer, with: session).admitted?.role == .attendee)
    }

    @Test("The role is that of the event visited, not of the token's own")
    func roleOfOtherEvent() {
        let gate = Gate()
        gate.directory.set(EventRecord(company: "acme", presenters: ["u1"]), for: "launch")
        gate.directory.set(EventRecord(company: "acme"), for: "summit")
        let viewer = viewer(.embed, eventSpecific: false)
        #expect(gate.ask(viewer).admitted?.role == .host)
        #expect(gate.ask(viewer, event: "summit").admitted?.role == .attendee)
        #expect(gate.ask(viewer, event: "summit", access: .session).admitted?.role == .attendee)
    }

    @Test("Without a directory everybody is an attendee")
    func noDirectory() {
        let gate = Gate()
        #expect(gate.ask(viewer()).admitted?.role == .attendee)
    }
}
