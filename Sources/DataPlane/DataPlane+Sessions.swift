package import Admission
import Basics

/// Actions on sessions that do not come from their viewers.
extension DataPlane {
    /// The sessions that are under way.
    package var sessions: LiveSessions { site.admission.sessions }

    /// Ends a session for good. Its viewer may join with another one, unless a removal prevents it.
    ///
    /// - Throws: an error if that could not be stored. The session has ended anyway.
    package func kick(_ session: LiveSession, by way: InterventionWay) async throws {
        try await site.kick([session], by: way)
    }

    /// Shows what `reader` returns in metrics.
    package func showMetrics(ofControl reader: @escaping @Sendable () async -> ControlReading) {
        site.controlReader.set(reader)
    }

    /// Stores removals in the directory instead of in memory.
    package func keepRemovals(in keeper: any RemovalKeeper) { site.removals = keeper }

    /// Ends the sessions that a removal covers. Once it is lifted, they may come back.
    package func sendAway(_ removal: Removal, by way: InterventionWay) { site.sendAway(removal, by: way) }

    /// Logs that a removal was lifted.
    package func tellLifted(_ removal: Removal, by way: InterventionWay) {
        Intervention(way: way, logger: site.logger).lifted(removal)
    }

    /// Ends the sessions in an event that was deleted.
    package func remove(event: String, company: String) {
        site.end(sessions.list(company: company, event: event), .removed, reason: .registrationRemoved)
    }

    /// Ends the session of a registration that was deleted.
    package func remove(registration subject: SubjectKey) {
        guard let session = site.admission.end(holderOf: subject, .removed, now: WallClock.now()) else { return }
        site.end(session, reason: .registrationRemoved)
    }

    /// Ends a company's sessions whose viewers have this e-mail, in the form of ``foldedIdentity(_:)``, as e-mail or as
    /// user id.
    package func remove(person email: String, company: String) {
        // E-mails need not be compared earlier: meanwhile nobody could join.
        let all = sessions.all { $0.company.hasSameBytes(as: company) }
        let theirs = all.filter { session in
            [session.viewer.email, session.viewer.userID].contains { text in
                text.map { foldedIdentity($0).hasSameBytes(as: email) } ?? false
            }
        }
        site.end(theirs, .removed, reason: .registrationRemoved)
    }

    /// Ends the sessions that a removal covers which another gateway has made and logged.
    package func end(_ removal: Removal) { site.end(removal) }

    /// Ends a session that another gateway has ended for good.
    package func end(_ ended: EndedSession) {
        site.end(sessions.all { $0.id.random0 == ended.bits }, .ended, reason: .viewerRemoved)
    }

    /// Ends all sessions that the directory bars by now.
    package func endBarred() {
        let now = WallClock.now()
        let barred = sessions.all { site.directory.bars($0.id, $0, at: now) }
        site.end(barred, .ended, mayReturn: true, reason: .viewerRemoved)
    }
}
