package import Admission
package import Basics
package import DataPlane
package import GatewayConfiguration

/// The gateway as the console reads and changes it.
package protocol Overseen: Sendable {
    var settings: Settings { get }
    func vitals() async -> Vitals

    /// See ``LiveSessions/latest(_:before:where:)``.
    func latestSessions(
        _ count: Int,
        before bound: SessionID?,
        where isIncluded: (LiveSession) -> Bool
    ) async -> (sessions: [LiveSession], total: Int)

    /// How many sessions are under way.
    var sessionCount: Int { get }

    /// The session with this public name.
    func session(named name: String) async -> LiveSession?

    /// Ends a session for good. Its viewer may join with another one.
    func kick(_ session: LiveSession) async throws

    /// Removes a person from an event, and ends the sessions that this covers.
    func remove(
        _ person: RemovedPerson,
        from event: String,
        company: String,
        until: Milliseconds?,
        reason: String?
    ) async throws -> Removal

    /// The removals that have not ended, earliest first.
    func removals() async throws -> [Removal]

    /// Lifts a removal. Returns `nil` if no removal has this id.
    func lift(_ id: String) async throws -> Removal?

    /// Answers a call of the operator API about companies. Returns `nil` while there is no database of companies.
    func operate(_ call: OperatorCall) async -> OperatorAnswer?

    /// Takes a server out of an upstream, or lets it serve again. Returns false if there is none.
    func drain(_ isDrained: Bool, server: String, of upstream: String) -> Bool
}

extension DataPlane: Overseen {
    package func latestSessions(
        _ count: Int,
        before bound: SessionID?,
        where isIncluded: (LiveSession) -> Bool
    ) async -> (sessions: [LiveSession], total: Int) {
        sessions.latest(count, before: bound, where: isIncluded)
    }

    package var sessionCount: Int { sessions.count }

    package func session(named name: String) async -> LiveSession? { sessions.session(named: name) }

    package func kick(_ session: LiveSession) async throws { try await kick(session, by: .console) }

    package func remove(
        _ person: RemovedPerson,
        from event: String,
        company: String,
        until: Milliseconds?,
        reason: String?
    ) async throws -> Removal {
        try await remove(person, from: event, company: company, until: until, reason: reason, by: .console)
    }

    package func lift(_ id: String) async throws -> Removal? { try await lift(id, by: .console) }
}
