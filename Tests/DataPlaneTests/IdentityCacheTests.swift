import JOSE
import TestSupport
import Testing
import Transport

@testable import Admission
@testable import DataPlane

@Suite("Cached identity lines")
struct IdentityCacheTests {
    private let fixture: WorkerFixture
    private let viewer = Viewer(
        kind: .registration,
        company: "acme",
        event: "e1",
        eventSpecific: true,
        userID: "ada",
        registration: "r1",
        validity: Validity(expires: nil, notBefore: nil, issuedAt: nil)
    )

    init() throws {
        fixture = try WorkerFixture()
        fixture.kernel.clock = 0
        fixture.run()
        fixture.worker.start()
    }

    private func entry(_ number: UInt64) -> IdentityCache.Entry {
        let admitted = Admission.Admitted(
            session: SessionID(joinedAt: 0, random0: number, random1: 0),
            isNew: false,
            isPending: false,
            replaced: nil,
            listing: nil,
            subject: viewer.subject,
            key: viewer.subject,
            event: "e1"
        )
        let worker = fixture.worker
        return worker.identities.entry(viewer, admitted, upstream: 0, worker: worker, snapshot: worker.snapshot)
    }

    /// Lets the loop tick for as long as this.
    private func wait(seconds: Int64) {
        for _ in 0..<seconds * 10 {
            fixture.kernel.clock = (fixture.kernel.clock ?? 0) + 100
            fixture.loop.turn(waitingAtMost: 0)
        }
    }

    @Test("Lines of sessions that ask for nothing more are dropped within a minute")
    func sessionsThatAreGone() {
        for number in 0..<100 { _ = entry(UInt64(number)) }
        wait(seconds: 20)
        #expect(fixture.worker.identities.count == 100)
        wait(seconds: 41)
        #expect(fixture.worker.identities.count == 0)
    }

    @Test("Lines are made once while a session asks, across a turn too")
    func sessionInUse() {
        wait(seconds: 10)
        let first = entry(1)
        wait(seconds: 25)
        #expect(entry(1) === first)
        #expect(fixture.worker.identities.count == 1)
        wait(seconds: 25)
        #expect(entry(1) === first)
    }

    @Test("However many sessions ask within half a minute, the number of entries is bounded")
    func manySessions() {
        fixture.worker.identities = IdentityCache(capacity: 50)
        for number in 0..<500 { _ = entry(UInt64(number)) }
        #expect((50...100).contains(fixture.worker.identities.count))
    }
}
