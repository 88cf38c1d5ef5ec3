import Admission
import Basics
import JOSE

/// An event whose lists contain a person.
struct Mention: Sendable {
    /// The row's id.
    let event: Int64
    /// Of the lists as they were when the person was found in them.
    let digest: [UInt8]
    /// Where the person is.
    let presenters: Set<Int>
    let organizers: Set<Int>
    /// What the person is there, in the form of ``listedIdentity(_:)``.
    let identities: Set<ExactText>
}

extension Directory {
    /// The events of a company whose lists contain a person.
    ///
    /// - Parameter folded: an e-mail in the form of ``foldedIdentity(_:)``.
    func mentions(of folded: String, company: String) async throws -> [Mention] {
        try await storage.read { database in
            let rows = try database.rows(
                """
                SELECT id, presenters, organizers FROM event
                WHERE company = ? AND (presenters <> '[]' OR organizers <> '[]') ORDER BY id
                """,
                [company]
            )
            var found: [Mention] = []
            for row in rows {
                let (presenters, organizers) = (try JSONText.list(row[1]), try JSONText.list(row[2]))
                let places = (Self.places(of: folded, in: presenters), Self.places(of: folded, in: organizers))
                guard !places.0.isEmpty || !places.1.isEmpty else { continue }
                let entries = places.0.map { presenters[$0] } + places.1.map { organizers[$0] }
                found.append(
                    Mention(
                        event: row[0],
                        digest: Self.digest(row[1], row[2]),
                        presenters: places.0,
                        organizers: places.1,
                        identities: Set(entries.map { listedIdentity(trimmed($0)) })
                    )
                )
            }
            return found
        }
    }

    /// Takes a person out of an event's lists. Returns false if they no longer contain the person.
    ///
    /// Compares e-mails only if the lists have changed since: it takes tens of milliseconds for long ones, and nobody else
    /// can write meanwhile.
    func unlist(
        _ folded: String,
        from mention: Mention,
        _ database: Database,
        _ effects: inout Writer.Effects
    ) throws -> Bool {
        let row = try database.row(
            "SELECT uid, presenters, organizers, removed_at FROM event WHERE id = ?",
            [mention.event]
        )
        guard let row else { return false }
        var (presenters, organizers) = (try JSONText.list(row[1]), try JSONText.list(row[2]))
        var (places, identities) = ((mention.presenters, mention.organizers), mention.identities)
        if Self.digest(row[1], row[2]) != mention.digest {
            places = (Self.places(of: folded, in: presenters), Self.places(of: folded, in: organizers))
            let entries = places.0.map { presenters[$0] } + places.1.map { organizers[$0] }
            identities = Set(entries.map { listedIdentity(trimmed($0)) })
        }
        guard !places.0.isEmpty || !places.1.isEmpty else { return false }
        presenters = presenters.enumerated().filter { !places.0.contains($0.offset) }.map(\.element)
        organizers = organizers.enumerated().filter { !places.1.contains($0.offset) }.map(\.element)
        try database.execute(
            "UPDATE event SET presenters = ?, organizers = ? WHERE id = ?",
            [JSONText.write(presenters), JSONText.write(organizers), mention.event]
        )
        if (row[3] as Int64?) == nil {
            let uid: String = row[0]
            effects.add(.event(uid)) { [view, identities] in
                if let record = view.event(uid) { view.set(record.without(identities), for: uid) }
            }
        }
        return true
    }

    /// Where a list contains an e-mail in the form of ``foldedIdentity(_:)``. An entry without an `@` is a user id.
    static func places(of folded: String, in list: [String]) -> Set<Int> {
        Set(
            list.indices.filter { index in
                list[index].utf8.contains(UInt8(ascii: "@"))
                    && foldedIdentity(list[index]).hasSameBytes(as: folded)
            }
        )
    }

    private static func digest(_ presenters: String, _ organizers: String) -> [UInt8] {
        SHA256.hash((Array(presenters.utf8) + [0] + Array(organizers.utf8)).span)
    }
}
