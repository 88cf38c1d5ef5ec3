import Testing

@testable import Admission

@Suite("Time: expiry is decided on every request")
struct TimeTests {
    @Test("A token that expires ends its session, including the holder's and its open streams")
    func expiry() throws {
        for kind in [ViewerKind.embed, .registration] {
            let gate = Gate()
            let viewer = viewer(kind, expires: start / 1000 + 60)
            let session = try #require(gate.session(viewer))
            let admitted = try #require(gate.ask(viewer, with: session).admitted)
            gate.now = start + 64_999
            #expect(gate.ask(viewer, with: session).refusal == nil)
            gate.now = start + 65_000
            #expect(gate.ask(viewer, with: session).refusal == .tokenExpired)
            #expect(gate.ask(viewer, event: "summit").refusal == .tokenExpired)
            #expect(
                gate.admission.keep(admitted, viewer: viewer, address: 1, now: gate.now, rules: gate.rules)
                    == .tokenExpired
            )
        }
    }

    @Test("outlives_token: the session continues to its maximum age, but nothing joins or takes over with the token")
    func outlivesToken() throws {
        for kind in [ViewerKind.embed, .registration] {
            let gate = Gate(rules { $0.sessions.outlivesToken = true })
            let viewer = viewer(kind, expires: start / 1000 + 60)
            let session = try #require(gate.session(viewer))
            let admitted = try #require(gate.ask(viewer, with: session).admitted)
            let forged = PresentedSession(id: session.id, subject: SubjectKey(high: 1, low: 1))
            gate.now = start + 3_600_000
            #expect(gate.ask(viewer).refusal == .tokenExpired)
            #expect(gate.ask(viewer, with: forged).refusal == .tokenExpired)
            #expect(gate.ask(viewer, with: session).admitted?.session == session.id)
            gate.restart()
            #expect(gate.ask(viewer, with: session).admitted?.session == session.id)
            #expect(gate.admission.keep(admitted, viewer: viewer, address: 1, now: gate.now, rules: gate.rules) == nil)
            gate.now = start + 12 * 3_600_000
            #expect(gate.ask(viewer, with: session).refusal == .tokenExpired)
            #expect(
                gate.admission.keep(admitted, viewer: viewer, address: 1, now: gate.now, rules: gate.rules)
                    == .tokenExpired
            )
        }
    }

    @Test("outlives_token: attack: an expired token with a session that joined after the expiry")
    func expiredTokenWithOtherSession() throws {
        let gate = Gate(rules { $0.sessions.outlivesToken = true })
        let session = try #require(gate.session(viewer()))
        let expired = viewer(expires: start / 1000 - 100)
        #expect(gate.ask(expired, with: session).refusal == .tokenExpired)
        #expect(gate.ask(expired, with: session, takeOver: true).refusal == .tokenExpired)
    }

    @Test("outlives_token: a replaced session neither comes back nor takes over with the expired token")
    func outlivesTokenReplaced() throws {
        let gate = Gate(rules { $0.sessions.outlivesToken = true })
        let expiring = viewer(expires: start / 1000 + 60)
        let first = try #require(gate.session(expiring))
        let second = try #require(gate.session(viewer()))
        gate.now = start + 80_000
        #expect(gate.ask(expiring, with: first).refusal == .sessionReplaced)
        #expect(gate.ask(expiring, with: first, takeOver: true).refusal == .tokenExpired)
        #expect(gate.ask(viewer(), with: second).admitted?.isNew == false)
    }

    @Test("Before nbf it is too early; without exp it is invalid unless the operator allows it")
    func otherTimes() throws {
        let gate = Gate()
        #expect(gate.ask(viewer(notBefore: start / 1000 + 6)).refusal == .tokenNotYetValid)
        #expect(
            gate.ask(viewer(notBefore: start / 1000 + 6)) == .refuse(.tokenNotYetValid, since: nil, retryAfter: 6000)
        )
        let rows = [(start / 1000 + 600, start / 1000 + 500), (1 << 53, nil), (.max, .max)] as [(Int64, Int64?)]
        for (notBefore, expires) in rows {
            let hopeless = viewer(expires: expires, notBefore: notBefore)
            gate.rules.requireExpiry = false
            guard case .refuse(.tokenNotYetValid, nil, let wait) = gate.ask(hopeless) else {
                Issue.record("\(gate.ask(hopeless))")
                continue
            }
            #expect(wait == (expires == nil ? (1 << 53) * 1000 - start : nil))
        }
        gate.rules.requireExpiry = true
        #expect(gate.ask(viewer(notBefore: start / 1000 + 5)).refusal == nil)
        #expect(gate.ask(viewer(expires: nil)).refusal == .tokenInvalid)
        gate.rules.requireExpiry = false
        #expect(gate.ask(viewer(expires: nil)).refusal == nil)
    }

    @Test("A token from Register is valid until its event closes, whatever its exp; other tokens are not affected")
    func closing() throws {
        let gate = Gate()
        gate.directory.set(EventRecord(company: "acme", closesAt: start + 10_000), for: "launch")
        let ours = viewer(closesWithEvent: true)
        let own = viewer(registration: "r2")
        let admitted = try #require(gate.ask(ours).admitted)
        gate.now += 9999
        #expect(gate.ask(ours).refusal == nil)
        let rules = gate.rules
        #expect(gate.admission.keep(admitted, viewer: ours, address: 1, now: gate.now, rules: rules) != .tokenExpired)
        gate.now += 1
        #expect(gate.ask(ours).refusal == .tokenExpired)
        #expect(gate.admission.keep(admitted, viewer: ours, address: 1, now: gate.now, rules: rules) == .tokenExpired)
        #expect(gate.ask(own).refusal == nil)
        gate.directory.set(EventRecord(company: "acme", closesAt: start + 20_000), for: "launch")
        #expect(gate.ask(ours).refusal == nil)
    }

    @Test(
        "Embed tokens are not leased: sessions exist side by side, each recognized; with applies_to all they are leased"
    )
    func unleased() throws {
        let gate = Gate()
        let embed = viewer(.embed)
        let first = try #require(gate.session(embed))
        let second = try #require(gate.session(embed, address: 2))
        for session in [first, second, first] {
            let admitted = try #require(gate.ask(embed, with: session).admitted)
            #expect(admitted.session == session.id && !admitted.isNew)
        }
        gate.now += 12 * 3_600_000
        #expect(gate.ask(embed, with: first).admitted?.isNew == true)

        let leased = viewer(.embed, appliesTo: .all)
        let third = try #require(gate.session(leased))
        #expect(gate.ask(leased, address: 2).admitted?.replaced == third.id)
        #expect(gate.ask(viewer(.embed, userID: "u2", appliesTo: .all)).admitted?.replaced == nil)
    }

    @Test("Seconds are rounded down, before 1970 too")
    func rounding() {
        for (moment, expected) in [(0, 0), (999, 0), (1000, 1), (-1, -1), (-1000, -1), (-1001, -2)] as [(Int64, Int64)]
        {
            #expect(seconds(moment) == expected)
        }
    }
}
