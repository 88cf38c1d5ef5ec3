import Basics
import Testing

@testable import Admission

@Suite("Who owns the events that the directory does not know")
struct EventOwnerTests {
    private static let uuid = "0f1e2d3c-4b5a-4697-8877-66554433221a"

    /// Spellings of `uuid` that some UUID parser accepts.
    static let respellings = [
        "0F1E2D3C-4B5A-4697-8877-66554433221A", "0f1e2d3c-4b5a-4697-8877-66554433221A",
        "0f1e2d3c4b5a4697887766554433221a", "0F1E2D3C4B5A4697887766554433221A", "{\(uuid)}", "(\(uuid))",
        "{0f1e2d3c4b5a4697887766554433221a}", "urn:uuid:\(uuid)", "URN:UUID:\(uuid)", "urn:uuid:{\(uuid)}",
        "uuid:\(uuid)", "0f1e-2d3c-4b5a-4697-8877-6655-4433-221a", "0f1e2d3c-4b5a4697-88776655-4433221a",
        "-\(uuid)-", "f1e2d3c-4b5a-4697-8877-66554433221a", "00f1e2d3c-4b5a-4697-8877-66554433221a", "1-1-1-1-1",
        "{0x0f1e2d3c,0x4b5a,0x4697,{0x88,0x77,0x66,0x55,0x44,0x33,0x22,0x1a}}", " \(uuid)", "\(uuid) ", "\t\(uuid)",
        "\u{a0}\(uuid)\u{feff}", "\"\(uuid)\"", "x\(uuid)x", "\(uuid).json", "\(uuid)!", "%7B\(uuid)%7D",
        "%257B\(uuid)%257D", "%30f1e2d3c-4b5a-4697-8877-66554433221a", "+f1e2d3c-4b5a-4697-8877-66554433221a",
        "_f1e2d3c4b5a4697887766554433221a", "0xe2d3c04b5a4697887766554433221a",
        "\u{ff10}f1e2d3c-4b5a-4697-8877-66554433221a",
        "0\u{ff46}1e2d3c-4b5a-4697-8877-66554433221a", "\u{660}f1e2d3c4b5a4697887766554433221a",
        "0f1e2d3c\u{2010}4b5a\u{2010}4697\u{2010}8877\u{2010}66554433221a",
        // As read by collations and compatibility forms, and by Python as a line separator.
        "0f1\u{113}2d3c-4b5a-4697-8877-66554433221a", "0f1e\u{301}2d3c-4b5a-4697-8877-66554433221a",
        "0f1e\u{34f}2d3c-4b5a-4697-8877-66554433221a", "0f1e2d3c-4b5a-4697-8877-66554433221\u{fe0f}a",
        "0f\u{b9}e2d3c-4b5a-4697-8877-66554433221a", "0\u{1d41f}1e2d3c-4b5a-4697-8877-66554433221a",
        "{\u{2028}f1e2d3c4b5a4697887766554433221a}",
    ]

    @Test(
        "An id that some parser reads as a UUID is distinguished from the directory's own spelling",
        arguments: respellings
    )
    func respelled(id: String) {
        #expect(UUIDText.isRespelled(id))
    }

    @Test(
        "The directory's own spelling, and texts that are not UUIDs, are not respellings",
        arguments: [
            uuid, "", "-", "launch", "e1", "2027-01-15", "2027-01-15T10:00", "acme-\(uuid)", "room/\(uuid)", "a-b-c-d",
            "a-b-c-d-e-f", "1-1-1--1", "0f1e2d3c4b5a4697887766554433221", "0f1e2d3c4b5a4697887766554433221a0",
            "0g1e2d3c-4b5a-4697-8877-66554433221a", "%", "%7", "%zz", "été", "spring-launch-in-the-old-town",
        ]
    )
    func otherIDs(id: String) {
        #expect(!UUIDText.isRespelled(id))
    }

    private func owners(hasDirectory: Bool = true, _ patterns: (String, [String])...) -> EventOwners {
        EventOwners(
            patterns.map { ($0.0, $0.1.compactMap(EventOwners.Pattern.init)) },
            hasDirectory: hasDirectory
        )
    }

    private func opens(_ owners: EventOwners, _ company: String, _ event: String) -> Bool {
        let gate = Gate()
        gate.rules.events = owners
        let viewer = viewer(.embed, company: company, event: event)
        let verdict = gate.ask(viewer)
        guard let admitted = verdict.admitted else {
            #expect(verdict.refusal == .wrongEvent)
            #expect(gate.ask(viewer, access: .session).refusal == .wrongEvent)
            return false
        }
        let (admission, rules) = (gate.admission, gate.rules)
        #expect(admission.keep(admitted, viewer: viewer, address: 1, now: gate.now, rules: rules) == nil)
        return true
    }

    @Test("An event without an owner belongs to nobody: no token opens it")
    func nobodys() {
        #expect(!opens(owners(), "acme", "launch"))
        #expect(!opens(owners(("globex", ["*"])), "acme", "launch"))
    }

    @Test("A pattern is an id or a prefix of ids; the owner is found in the longest list")
    func patterns() {
        let many = (0..<500).map { "room-\($0)!" }
        let owners = owners(("acme", ["launch", "acme-*"] + many), ("globex", ["globex-*", "launch2", "z*"]))
        for (company, event) in [
            ("acme", "launch"), ("acme", "acme-"), ("acme", "acme-1"), ("acme", "room-499!"), ("globex", "globex-x"),
            ("globex", "launch2"), ("globex", "z"), ("globex", "zzz"),
        ] {
            #expect(opens(owners, company, event), "\(event) of \(company)")
            #expect(!opens(owners, company == "acme" ? "globex" : "acme", event), "\(event) of \(company)")
        }
        for event in ["launc", "launch3", "acme", "ACME-1", "room-499", "globex", "y", "a", "~"] {
            #expect(!opens(owners, "acme", event) && !opens(owners, "globex", event), "\(event)")
        }
    }

    @Test(
        "With a directory, a UUID in another spelling belongs to nobody, whatever the patterns say",
        arguments: respellings
    )
    func respelledIsNobodys(id: String) {
        #expect(!opens(owners(("acme", ["*"])), "acme", id))
        #expect(opens(owners(hasDirectory: false, ("acme", ["*"])), "acme", id))
        #expect(opens(owners(("acme", ["*"])), "acme", Self.uuid))
    }

    @Test("An event in the directory belongs to its company, whatever the patterns say")
    func known() {
        let gate = Gate()
        gate.rules.events = owners(("acme", ["*"]))
        gate.directory.set(EventRecord(company: "globex"), for: Self.uuid)
        #expect(gate.ask(viewer(.embed, company: "acme", event: Self.uuid)).refusal == .wrongEvent)
        #expect(gate.ask(viewer(.embed, company: "globex", event: Self.uuid)).refusal == nil)
    }

    @Test("An open stream ends when a reload assigns its event to another company")
    func openStream() throws {
        let gate = Gate()
        let viewer = viewer(.embed, eventSpecific: false)
        let admitted = try #require(gate.ask(viewer).admitted)
        gate.rules.events = owners(("acme", ["other"]), ("globex", ["launch"]))
        let refusal = gate.admission.keep(admitted, viewer: viewer, address: 1, now: gate.now, rules: gate.rules)
        #expect(refusal == .wrongEvent)
        #expect(gate.ask(viewer).refusal == .wrongEvent)
    }

    @Test("A session without an event stays open")
    func noEvent() throws {
        let gate = Gate()
        gate.rules.events = owners()
        let viewer = viewer(.embed, event: nil, eventSpecific: false)
        let admitted = try #require(gate.ask(viewer, access: .session).admitted)
        let refusal = gate.admission.keep(admitted, viewer: viewer, address: 1, now: gate.now, rules: gate.rules)
        #expect(refusal == nil)
    }

    @Test("Patterns overlap if one id matches both")
    func overlap() throws {
        func pattern(_ text: String) throws -> EventOwners.Pattern { try #require(EventOwners.Pattern(text)) }
        for (a, b, isSo) in [
            ("*", "x", true), ("*", "*", true), ("a*", "ab", true), ("a*", "ab*", true), ("a*", "a", true),
            ("a", "a", true),
            ("a", "ab", false), ("a", "ab*", false), ("a*", "b*", false), ("a*", "A*", false),
        ] {
            #expect(try pattern(a).overlaps(try pattern(b)) == isSo, "\(a) \(b)")
            #expect(try pattern(b).overlaps(try pattern(a)) == isSo, "\(b) \(a)")
        }
        #expect(EventOwners.Pattern("a*b") == nil)
        #expect(EventOwners.Pattern("**") == nil)
    }
}
