import Testing

@testable import Admission
@testable import DataPlane

@Suite("What admission decided")
struct VerdictTests {
    private static let subject = SubjectKey(high: 1, low: 2)
    private let admitted = Admission.Admitted(
        session: SessionID(joinedAt: 0, random0: 1, random1: 2),
        isNew: true,
        isPending: false,
        replaced: nil,
        listing: nil,
        subject: subject,
        key: subject,
        event: "e1"
    )

    @Test("The log names the decision, whatever ended the exchange later")
    func stays() {
        var verdict = ExchangeState.Verdict()
        #expect(verdict.decision == nil)
        verdict.admit(admitted)
        #expect(verdict.decision == .admit && verdict.admitted == admitted)
        verdict.join()
        verdict.refuse(.sessionReplaced)
        #expect(verdict.decision == .join && verdict.refusal == .sessionReplaced)
        var refused = ExchangeState.Verdict()
        refused.refuse(.tokenMissing)
        #expect(refused.decision == .refuse && refused.refusal == .tokenMissing)
    }
}
