import Admission
import Basics

/// A stay as stored in the database: one session, or several of one viewer in close succession.
struct Stay {
    /// The name of the last session.
    var session: String
    var company = ""
    var event = ""
    var registration: String?
    var user: String
    var name: String?
    var email: String?
    var role: String
    var joinedAt: Milliseconds
    /// `nil` if still under way.
    var leftAt: Milliseconds?
    var ending: String?
    var joins = 1
    /// How many of the sessions ended because another join took the lease.
    var replaced = 0
    /// The total time between its sessions.
    var away: Milliseconds = 0
    /// Whose it is in the sums; `nil` if it is not in them yet.
    var attendee: Int64?
    /// Of its first session of which it is known.
    var source = StoredSource()

    /// Joins the stay with an earlier one of the same viewer. Both have ended.
    func following(_ earlier: Stay) -> Stay {
        guard let end = leftAt, let earlierEnd = earlier.leftAt else { return self }
        var whole = end >= earlierEnd ? self : earlier
        whole.joinedAt = min(joinedAt, earlier.joinedAt)
        whole.leftAt = max(end, earlierEnd)
        whole.joins = joins + earlier.joins
        // The session came back after a restart of the gateway.
        if session.hasSameBytes(as: earlier.session) { whole.joins -= 1 }
        whole.replaced = replaced + earlier.replaced
        whole.source = earlier.source.isKnown ? earlier.source : source
        var presence = Presence(earlier.joinedAt..<earlierEnd, away: earlier.away)
        presence.add(joinedAt..<end, away: away)
        whole.away = (whole.leftAt ?? 0) - whole.joinedAt - presence.length
        return whole
    }

    /// Fills in the folded user ids that are e-mails, for stays written by an earlier version.
    static func fillFoldedUsers(_ database: Database) throws {
        for row in try database.rows("SELECT id, user FROM stay WHERE user LIKE '%@%'") {
            let arguments: Arguments = [foldedIdentity(row[1]), row[0] as Int64]
            try database.execute("UPDATE stay SET folded_user = ? WHERE id = ?", arguments)
        }
    }

    /// Fills in the folded e-mails, for stays written by an earlier version.
    static func fillFoldedEmails(_ database: Database) throws {
        for row in try database.rows("SELECT id, email FROM stay WHERE email IS NOT NULL") {
            let arguments: Arguments = [foldedIdentity(row[1]), row[0] as Int64]
            try database.execute("UPDATE stay SET folded_email = ? WHERE id = ?", arguments)
        }
    }
}

/// Where somebody joined from, as stored: a later version may know other devices and browsers.
package struct StoredSource: Sendable, Hashable {
    package var device: String?
    package var browser: String?
    package var site: String?

    var isKnown: Bool { device != nil || site != nil }
}

extension StoredSource {
    init(_ source: ArrivalSource) {
        self.init(device: source.device?.rawValue, browser: source.browser?.rawValue, site: source.site)
    }

    init(_ row: Row) { self.init(device: row["device"], browser: row["browser"], site: row["site"]) }
}

extension Stay {
    init(_ row: Row) {
        session = row["session"]
        company = row["company"]
        event = row["event"]
        registration = row["registration"]
        user = row["user"]
        name = row["name"]
        email = row["email"]
        role = row["role"]
        joinedAt = row["joined_at"]
        leftAt = row["left_at"]
        ending = row["ending"]
        joins = row["joins"]
        replaced = row["replaced"]
        away = row["away"]
        attendee = row["attendee"]
        source = StoredSource(row)
    }

    /// A stay that begins.
    init(_ session: LiveSession) {
        let viewer = session.viewer
        self.init(
            session: session.name,
            company: viewer.company,
            event: session.event,
            registration: viewer.registration,
            user: viewer.userID,
            name: viewer.name,
            email: viewer.email,
            role: session.role.name,
            joinedAt: session.since,
            source: StoredSource(session.source)
        )
    }

    /// An open stay at the time when it ends.
    init(_ row: Row, leftAt moment: Milliseconds, _ ending: SessionEnding, role: Role) {
        self.init(row)
        leftAt = max(joinedAt, moment)
        self.ending = ending.rawValue
        self.role = role.name
        replaced = ending == .replaced ? 1 : 0
    }
}

/// How long a person was there, from stays in order of their beginning.
struct Presence {
    /// The range of the stays that touch or overlap.
    private var span: Range<Milliseconds>
    private var present: Milliseconds
    private var before: Milliseconds = 0

    init(_ span: Range<Milliseconds>, away: Milliseconds) {
        self.span = span
        present = max(span.upperBound - span.lowerBound - away, 0)
    }

    /// The time during which at least one stay was under way; a lower bound if stays with gaps overlap.
    var length: Milliseconds { before + present }

    var end: Milliseconds { span.upperBound }

    mutating func add(_ other: Range<Milliseconds>, away: Milliseconds) {
        let length = max(other.upperBound - other.lowerBound - away, 0)
        guard other.lowerBound < span.upperBound, other.upperBound > span.lowerBound else {
            before += present
            (span, present) = (other, length)
            return
        }
        let whole = min(span.lowerBound, other.lowerBound)..<max(span.upperBound, other.upperBound)
        let pauses = span.upperBound - span.lowerBound - present + away
        present = max(whole.upperBound - whole.lowerBound - pauses, present, length)
        span = whole
    }
}
