import Admission
import Basics
import GatewayConfiguration
import JOSE

/// The identity field lines of one event loop's sessions. Writes the lines and signs the assertion once in half a
/// minute instead of for each request.
struct IdentityCache {
    /// The lines for a session's requests and responses, ready to write.
    final class Entry {
        private let viewer: Viewer
        private let version: UInt64
        /// Field lines for the upstream.
        let lines: [UInt8]
        /// The field line for the client that says who may frame the event.
        let framePolicy: [UInt8]
        /// For the access log. Apart, because exchanges keep it until they end, which a WebSocket does late.
        let logged = LoggedSession()
        private let listing: Listing?
        private let event: String
        /// When to make the lines anew, in wall-clock milliseconds.
        private let staleAt: Int64

        fileprivate init(
            _ viewer: Viewer,
            _ admitted: Admission.Admitted,
            upstream: Int,
            site: Site,
            snapshot: Snapshot,
            now: Int64
        ) {
            self.viewer = viewer
            version = snapshot.identityVersion
            lines = IdentityCache.lines(
                viewer,
                admitted,
                audience: snapshot.upstreams[upstream].settings.name,
                site: site,
                snapshot: snapshot,
                now: now
            )
            framePolicy = snapshot.framePolicies[ExactText(viewer.company)] ?? []
            listing = admitted.listing
            event = admitted.event
            staleAt = now + IdentityCache.goodTime
        }

        fileprivate func isGood(for viewer: Viewer, _ admitted: Admission.Admitted, version: UInt64, at now: Int64)
            -> Bool
        {
            self.viewer === viewer && self.version == version && staleAt > now && listing == admitted.listing
                && event.hasSameBytes(as: admitted.event)
        }
    }

    /// An assertion is for one upstream. No other upstream may be able to present it.
    private struct Key: Hashable {
        var session: SessionID
        var upstream: Int
        func hash(into hasher: inout Hasher) { hasher.combine(session.random0) }
    }

    private var entries: [Key: Entry] = [:]
    /// The entries made before the last turn. Those still in use move to `entries`; the rest are dropped at the next.
    private var earlier: [Key: Entry] = [:]
    /// When the next turn is due, in monotonic milliseconds.
    private var turnDue: Int64 = 0
    private let capacity: Int
    /// The lifetime of an assertion in seconds.
    private static let lifetime: Int64 = 60
    /// How long an entry is used, in milliseconds.
    private static let goodTime = lifetime * 1000 / 2

    /// - Parameter capacity: the most entries before a turn, and again after it. One takes about 2 KB with its viewer.
    init(capacity: Int = 8192) { self.capacity = capacity }

    /// The number of entries.
    var count: Int { entries.count + earlier.count }

    /// Drops entries that are too old to be used, at the latest one minute after they were made: most sessions end, or
    /// ask for nothing, long before the cache is full. Call about once a second.
    ///
    /// - Parameter now: monotonic milliseconds.
    mutating func dropStale(at now: Int64) {
        guard now >= turnDue else { return }
        turnDue = now + Self.goodTime
        turn()
    }

    private mutating func turn() {
        earlier = entries
        entries = [:]
    }

    /// The entry of an admitted viewer for an upstream, given by its index.
    mutating func entry(
        _ viewer: Viewer,
        _ admitted: Admission.Admitted,
        upstream: Int,
        worker: Worker,
        snapshot: Snapshot
    ) -> Entry {
        let now = worker.clock.wall
        let key = Key(session: admitted.session, upstream: upstream)
        let version = snapshot.identityVersion
        if let entry = entries[key], entry.isGood(for: viewer, admitted, version: version, at: now) {
            return entry
        }
        if let entry = earlier.removeValue(forKey: key),
            entry.isGood(for: viewer, admitted, version: version, at: now)
        {
            insert(entry, key)
            return entry
        }
        let entry = Entry(viewer, admitted, upstream: upstream, site: worker.site, snapshot: snapshot, now: now)
        insert(entry, key)
        return entry
    }

    private mutating func insert(_ entry: Entry, _ key: Key) {
        if entries.count >= capacity { turn() }
        entries[key] = entry
    }

    private static func lines(
        _ viewer: Viewer,
        _ admitted: Admission.Admitted,
        audience: String,
        site: Site,
        snapshot: Snapshot,
        now: Int64
    ) -> [UInt8] {
        let session = admitted.session.name
        let assertion = assertion(
            viewer,
            admitted,
            audience: audience,
            session: session,
            site: site,
            snapshot: snapshot,
            now: now
        )
        let prefix = snapshot.settings.identity.headerPrefix
        var fields: [(name: String, value: String?)] = [
            ("User-Id", viewer.userID),
            ("User-Name", viewer.name),
            ("User-Email", viewer.email),
            ("User-Avatar", viewer.avatar),
            ("Role", admitted.role.name),
            ("Listed-As", admitted.listing?.name),
            ("Event", admitted.event),
            ("Company", viewer.company),
            ("Registration", viewer.registration),
            ("Session", session),
            ("Assertion", assertion),
        ]
        for field in snapshot.settings.identity.claims {
            let passed = viewer.passed.first { $0.name.hasSameBytes(as: field.claim) }
            fields.append((field.name, passed?.text))
        }
        let lines = fields.map { name, value in
            guard let value, !value.isEmpty else { return "" }
            return "\(prefix)\(name): \(fieldEncoded(value))\r\n"
        }
        // Thousands of these arrays are kept, so size each one exactly.
        return Array(lines.joined().utf8)
    }

    /// A token signed by the gateway that lets the upstream verify everything by itself.
    private static func assertion(
        _ viewer: Viewer,
        _ admitted: Admission.Admitted,
        audience: String,
        session: String,
        site: Site,
        snapshot: Snapshot,
        now: Int64
    ) -> String? {
        var claims = [
            JSONMember("iss", .string(snapshot.settings.publicURL.text)),
            JSONMember("aud", .string(audience)),
            JSONMember("sub", .string(viewer.userID)),
            JSONMember("iat", .number(Double(now / 1000))),
            JSONMember("exp", .number(Double(now / 1000 + lifetime))),
        ]
        func add(_ name: String, _ value: String?) {
            if let value, !value.isEmpty { claims.append(JSONMember(name, .string(value))) }
        }
        add("name", viewer.name)
        add("email", viewer.email)
        add("picture", viewer.avatar)
        add("role", admitted.role.name)
        add("listedAs", admitted.listing?.name)
        add("eventId", admitted.event)
        add("companyId", viewer.company)
        add("registrationId", viewer.registration)
        add("sid", session)
        let passed = viewer.passed.map { JSONMember($0.name, .string($0.text)) }
        if !passed.isEmpty { claims.append(JSONMember("claims", .object(passed))) }
        return try? Token.sign(claims, type: "assertion+jwt", with: site.assertionKey)
    }
}
