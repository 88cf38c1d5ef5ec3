package import Admission
import JOSE

/// What happens to sessions that does not come from their viewers.
extension DataPlane {
    /// The sessions that are under way.
    package var sessions: LiveSessions { site.admission.sessions }

    /// Ends a session for good. Its viewer may join with another one, unless a removal keeps them out.
    ///
    /// - Throws: it is over, and that could not be kept.
    package func kick(_ session: LiveSession, by way: InterventionWay) async throws {
        try await site.kick([session], by: way)
    }

    /// Has removals kept in the directory instead of in memory.
    package func keepRemovals(in keeper: any RemovalKeeper) { site.removals = keeper }

    /// Ends the sessions that a removal is about. When it is lifted, they may come back.
    package func sendAway(_ removal: Removal, by way: InterventionWay) { site.sendAway(removal, by: way) }

    /// Says that a removal was lifted.
    package func tellLifted(_ removal: Removal, by way: InterventionWay) {
        Intervention(way: way, logger: site.logger).lifted(removal)
    }

    /// Sends away whoever is in an event that was deleted.
    package func remove(event: String, company: String) {
        site.end(sessions.list(company: company, event: event), .removed, reason: .registrationRemoved)
    }

    /// Sends away who has a registration that was deleted.
    package func remove(registration subject: SubjectKey) {
        guard let session = site.admission.end(holderOf: subject, .removed, now: Clock().wall) else { return }
        site.end(session, reason: .registrationRemoved)
    }

    /// Sends away whoever of a company has an e-mail, as ``foldedIdentity(_:)`` has it, or has it for a user id.
    package func remove(person email: String, company: String) {
        // Compared only then: meanwhile nobody could join.
        let all = sessions.all { $0.company.hasSameBytes(as: company) }
        let theirs = all.filter { session in
            [session.viewer.email, session.viewer.userID].contains { text in
                text.map { foldedIdentity($0).hasSameBytes(as: email) } ?? false
            }
        }
        site.end(theirs, .removed, reason: .registrationRemoved)
    }
}
