import Testing

@testable import Admission
@testable import Directory

@Suite("Unwritten changes are kept up to a limit, and dropped ones are reported")
struct AttendanceJournalTests {
    private static let event = Event(
        uid: "0b7ef9a5-3c0f-4b1e-9a55-2d5f0a5f6a01",
        kind: .event,
        company: "acme",
        creator: "acme",
        createdAt: start,
        fields: fields()
    )

    private func stay(_ number: UInt64) -> LiveSession {
        session(number, event: Self.event, userID: "u\(number)", since: start)
    }

    private func names(_ journal: AttendanceJournal) -> [String] {
        journal.changes.map { change in
            switch change {
            case .arrived(let session): "+\(session.viewer.userID)"
            case .departed(let session, _, _): "-\(session.viewer.userID)"
            }
        }
    }

    @Test("Attack: a full journal drops whole short stays, never the arrival of a long one, and counts them")
    func full() {
        var journal = AttendanceJournal(limit: 8)
        journal.add([
            .arrived(stay(1)), .arrived(stay(2)), .arrived(stay(3)), .departed(stay(2), .left, at: start + 10),
        ])
        journal.add([
            .departed(stay(3), .left, at: start + 3_600_000), .arrived(stay(4)), .arrived(stay(5)),
            .departed(stay(5), .left, at: start + 5),
        ])
        #expect(journal.takeDropped() == 0 && journal.changes.count == 8)
        journal.add([.arrived(stay(6))])
        #expect(names(journal) == ["+u1", "+u2", "+u3", "-u2", "-u3", "+u4", "+u6"])
        #expect(journal.takeDropped() == 2)
        #expect(journal.takeDropped() == 0)
        journal.add([.arrived(stay(7)), .departed(stay(1), .left, at: start + 7_200_000)])
        #expect(names(journal) == ["+u1", "+u3", "-u3", "+u4", "+u6", "+u7", "-u1"])
        #expect(journal.takeDropped() == 2)
        journal.wrote(3)
        #expect(names(journal) == ["+u4", "+u6", "+u7", "-u1"])
    }

    @Test("Without finished stays, the oldest entry is dropped")
    func oldest() {
        var journal = AttendanceJournal(limit: 16)
        journal.add((0..<17).map { .arrived(stay($0)) })
        #expect(journal.takeDropped() == 3)
        #expect(names(journal).first == "+u3" && journal.changes.count == 14)
    }

    @Test("A hundred thousand changes beyond the bound cost seconds")
    func many() {
        var journal = AttendanceJournal(limit: 20_000)
        let began = ContinuousClock.now
        for round in 0..<50 { journal.add((0..<2000).map { .arrived(stay(UInt64(round * 2000 + $0))) }) }
        #expect(journal.changes.count <= 20_000)
        #expect(journal.takeDropped() + journal.changes.count == 100_000)
        #expect(ContinuousClock.now - began < .seconds(60))
    }
}
