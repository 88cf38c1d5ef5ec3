import Admission
import Basics
import JOSE

/// SplitMix64: the same numbers in every run.
struct Numbers: RandomNumberGenerator {
    var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }

    mutating func pair() -> (UInt64, UInt64) { (next(), next()) }

    mutating func candidate() -> LeaseTable.Candidate { .new(next(), next()) }
}

/// The start of every test's clock, in milliseconds.
let start: Milliseconds = 1_700_000_000_000

func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

func rules(_ change: (inout Admission.Rules) -> Void = { _ in }) -> Admission.Rules {
    var rules = Admission.Rules()
    rules.events = EventOwners([("acme", [EventOwners.Pattern("*")!])])
    change(&rules)
    return rules
}

func policy(_ secondJoin: SecondJoin) -> SessionPolicy {
    var policy = SessionPolicy()
    policy.secondJoin = secondJoin
    return policy
}

func viewer(
    _ kind: ViewerKind = .registration,
    company: String = "acme",
    event: String? = "launch",
    eventSpecific: Bool = true,
    userID: String = "u1",
    email: String? = nil,
    registration: String = "r1",
    expires: Int64? = start / 1000 + 86_400,
    notBefore: Int64? = nil,
    appliesTo: LeaseScope = .registrations,
    closesWithEvent: Bool = false
) -> Viewer {
    Viewer(
        kind: kind,
        company: company,
        event: event,
        eventSpecific: eventSpecific,
        userID: userID,
        email: email,
        registration: kind == .registration ? registration : nil,
        validity: Validity(expires: expires, notBefore: notBefore, issuedAt: nil),
        appliesTo: appliesTo,
        closesWithEvent: closesWithEvent
    )
}

/// A gateway's admission with everything that a test needs around it.
final class Gate {
    var admission: Admission
    let directory = DirectoryView()
    var rules: Admission.Rules
    var now = start
    var numbers = Numbers(seed: 1)

    init(_ rules: Admission.Rules = AdmissionTests.rules()) {
        self.rules = rules
        admission = Admission(
            leases: LeaseTable(startedAt: start, seed: 1, shards: 1),
            directory: directory
        )
    }

    /// Forgets everything that a new process would not know.
    func restart() {
        admission = Admission(
            leases: LeaseTable(startedAt: now, seed: 1, shards: 1),
            directory: directory
        )
    }

    func ask(
        _ viewer: Viewer,
        event: String? = nil,
        access: Access = .token,
        with session: PresentedSession? = nil,
        address: UInt64 = 1,
        takeOver: Bool = false,
        purpose: Admission.Purpose? = nil
    ) -> Admission.Verdict {
        let event = event ?? viewer.event ?? ""
        let request = Admission.Request(
            access: access,
            presented: session,
            address: address,
            purpose: purpose ?? (takeOver ? .takeOver : .join),
            now: now
        )
        let eventBytes = bytes(event)
        return admission.decide(request, viewer: viewer, event: eventBytes.span, rules: rules) { numbers.pair() }
    }

    /// Asks, and returns the session that the holder would keep: a new one, or its present one.
    func session(
        _ viewer: Viewer,
        event: String? = nil,
        access: Access = .token,
        with session: PresentedSession? = nil,
        address: UInt64 = 1,
        takeOver: Bool = false
    ) -> PresentedSession? {
        let verdict = ask(
            viewer,
            event: event,
            access: access,
            with: session,
            address: address,
            takeOver: takeOver
        )
        guard case .admit(let admitted) = verdict else { return nil }
        guard admitted.isNew else { return session }
        return admitted.presented
    }
}

extension Admission.Verdict {
    var refusal: Refusal? {
        if case .refuse(let refusal, _, _) = self { refusal } else { nil }
    }

    var admitted: Admission.Admitted? {
        if case .admit(let admitted) = self { admitted } else { nil }
    }
}
