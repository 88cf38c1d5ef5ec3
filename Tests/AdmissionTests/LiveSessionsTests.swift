import Testing

@testable import Admission

@Suite("Live sessions: who is there, and what happened to whom")
struct LiveSessionsTests {
    let directory = DirectoryView()
    let sessions: LiveSessions

    init() { sessions = LiveSessions(directory: directory) }

    private func session(
        _ number: UInt64,
        company: String = "acme",
        event: String = "launch",
        userID: String = "u1",
        joinedAt: Milliseconds = start
    ) -> LiveSession {
        let viewer = viewer(.embed, company: company, event: event, userID: userID)
        return LiveSession(
            id: SessionID(joinedAt: joinedAt, random0: number, random1: number &* 0x9E37_79B9_7F4A_7C15),
            key: viewer.subject,
            viewer: viewer,
            event: event,
            role: .attendee,
            since: joinedAt
        )
    }

    private func words(_ changes: [SessionChange]) -> [String] {
        changes.map { change in
            switch change {
            case .arrived(let session): "arrived \(session.id.random0)"
            case .departed(let session, let ending, let moment):
                "departed \(session.id.random0) \(ending.rawValue) \(moment - start)"
            }
        }
    }

    @Test("a list holds the sessions of a company's event, earliest first")
    func list() {
        for number in (UInt64(1)...200).reversed() {
            sessions.arrived(session(number, joinedAt: start + Int64(number)))
        }
        sessions.arrived(session(500, company: "globex"))
        sessions.arrived(session(501, event: "other"))
        sessions.arrived(session(502, event: "Launch"))
        #expect(sessions.list(company: "acme", event: "launch").map(\.id.random0) == Array(1...200))
        #expect(sessions.list(company: "globex", event: "launch").map(\.id.random0) == [500])
        #expect(sessions.list(company: "globex", event: "other").isEmpty)
        #expect(sessions.count == 203)
        #expect(sessions.all { $0.company == "acme" }.count == 202)
        sessions.departed(session(7, joinedAt: start + 7).id, .left, at: start)
        #expect(sessions.count == 202)
        #expect(!sessions.list(company: "acme", event: "launch").contains { $0.id.random0 == 7 })
    }

    @Test("ids that look the same and are other octets are other events")
    func octets() {
        sessions.arrived(session(1, event: "\u{E9}"))
        #expect(sessions.list(company: "acme", event: "e\u{301}").isEmpty)
        #expect(sessions.list(company: "acme", event: "\u{E9}").count == 1)
    }

    @Test("what happens is told once, in order, and only to who has asked for it to be kept")
    func changes() {
        sessions.arrived(session(1))
        #expect(sessions.takeChanges().isEmpty)
        sessions.keepChanges()
        #expect(sessions.takeChanges().isEmpty)
        let (two, three) = (session(2), session(3))
        sessions.arrived(two)
        sessions.arrived(two)
        sessions.arrived(three)
        sessions.departed(two.id, .replaced, at: start + 5)
        sessions.departed(two.id, .left, at: start + 6)
        sessions.departed(session(9).id, .left, at: start + 6)
        sessions.arrived(two)
        #expect(
            words(sessions.takeChanges()) == ["arrived 2", "arrived 3", "departed 2 replaced 5", "arrived 2"]
        )
        #expect(sessions.takeChanges().isEmpty)
        // Who was there before it was asked for still departs.
        sessions.departed(session(1).id, .lapsed, at: start + 7)
        #expect(words(sessions.takeChanges()) == ["departed 1 lapsed 7"])
    }

    @Test("a list shows the role that the event gives now")
    func roles() {
        sessions.arrived(session(1, userID: "Kim"))
        func roles() -> [Role] { sessions.list(company: "acme", event: "launch").map(\.role) }
        #expect(roles() == [.attendee])
        directory.set(EventRecord(company: "acme", organizers: ["kim"]), for: "launch")
        #expect(roles() == [.host])
        directory.set(EventRecord(company: "acme"), for: "launch")
        #expect(roles() == [.attendee])
    }

    @Test("many at once: every arrival and departure is told, each session's in order")
    func concurrently() async {
        sessions.keepChanges()
        let sessions = sessions
        await withTaskGroup(of: Void.self) { group in
            for worker in 0..<8 {
                let own = (0..<500).map { session(UInt64(worker * 1000 + $0 + 1)) }
                group.addTask {
                    for session in own {
                        sessions.arrived(session)
                        sessions.departed(session.id, .left, at: start)
                    }
                }
            }
        }
        var state: [SessionID: Int] = [:]
        for change in sessions.takeChanges() {
            switch change {
            case .arrived(let session):
                #expect(state[session.id] == nil)
                state[session.id] = 1
            case .departed(let session, _, _):
                #expect(state[session.id] == 1)
                state[session.id] = 2
            }
        }
        #expect(state.count == 4000 && state.values.allSatisfy { $0 == 2 })
        #expect(sessions.count == 0)
    }
}
