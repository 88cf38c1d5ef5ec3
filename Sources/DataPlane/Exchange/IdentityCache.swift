import Admission
import GatewayConfiguration
import JOSE

/// The identity field lines of the sessions that one event loop serves, so that the lines are written, and the assertion
/// signed, once in half a minute and not once a request.
struct IdentityCache {
    /// What a session's requests and responses carry, as it is written.
    final class Entry {
        private let viewer: Viewer
        private let generation: UInt64
        /// Field lines for the upstream.
        let lines: [UInt8]
        /// The field line for the client that says who may frame the event.
        let framePolicy: [UInt8]
        private let listing: Listing?
        private let event: String
        /// Wall-clock milliseconds after which the lines are made anew.
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
            generation = snapshot.authority.generation
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
            staleAt = now + IdentityCache.lifetime * 1000 / 2
        }

        fileprivate func isGood(for viewer: Viewer, _ admitted: Admission.Admitted, generation: UInt64, at now: Int64)
            -> Bool
        {
            self.viewer === viewer && self.generation == generation && staleAt > now && listing == admitted.listing
                && event.hasSameBytes(as: admitted.event)
        }
    }

    /// An assertion is for one upstream: another one must not be able to show it as its own.
    private struct Key: Hashable {
        var session: SessionID
        var upstream: Int
        func hash(into hasher: inout Hasher) { hasher.combine(session.random0) }
    }

    private var entries: [Key: Entry] = [:]
    /// The entries before those: what is still in use moves over, the rest is forgotten.
    private var earlier: [Key: Entry] = [:]
    private static let capacity = 8192
    /// Lifetime of an assertion in seconds.
    private static let lifetime: Int64 = 60

    /// The entry of an admitted viewer towards an upstream, by its index.
    mutating func entry(
        _ viewer: Viewer,
        _ admitted: Admission.Admitted,
        upstream: Int,
        worker: Worker,
        snapshot: Snapshot
    ) -> Entry {
        let now = worker.clock.wall
        let key = Key(session: admitted.session, upstream: upstream)
        let generation = snapshot.authority.generation
        if let entry = entries[key], entry.isGood(for: viewer, admitted, generation: generation, at: now) {
            return entry
        }
        if let entry = earlier.removeValue(forKey: key),
            entry.isGood(for: viewer, admitted, generation: generation, at: now)
        {
            insert(entry, key)
            return entry
        }
        let entry = Entry(viewer, admitted, upstream: upstream, site: worker.site, snapshot: snapshot, now: now)
        insert(entry, key)
        return entry
    }

    private mutating func insert(_ entry: Entry, _ key: Key) {
        if entries.count >= Self.capacity {
            earlier = entries
            entries = [:]
        }
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
        // Thousands of them are kept: the array is as large as they are, and no larger.
        return Array(lines.joined().utf8)
    }

    /// A token of ours that lets the upstream check all of it by itself.
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
