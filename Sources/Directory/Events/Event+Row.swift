package import Admission
package import Basics

/// An event with its row id.
struct Stored {
    let id: Int64
    var event: Event

    /// The company's event with this uid.
    static func event(_ uid: String, _ kind: EventKind, company: String, _ database: Database) throws -> Stored? {
        try database.row(
            "SELECT * FROM event WHERE uid = ? AND kind = ? AND company = ? AND removed_at IS NULL",
            [uid, kind.rawValue, company]
        ).map { row in Stored(id: row["id"], event: try Event(row)) }
    }
}

extension Event {
    init(_ row: Row) throws {
        uid = row["uid"]
        kind = EventKind(rawValue: row["kind"]) ?? .event
        company = row["company"]
        creator = row["creator"]
        createdAt = row["created_at"]
        fields = EventFields(
            name: row["name"],
            startsAt: row["starts_at"],
            endsAt: row["ends_at"],
            timezone: row["timezone"]
        )
        fields.picture = row["picture"]
        fields.type = EventType(rawValue: row["type"]) ?? .virtual
        fields.networkingHub = row["networking_hub"]
        fields.presenters = try JSONText.list(row["presenters"])
        fields.organizers = try JSONText.list(row["organizers"])
        fields.isRegistrationModeEnabled = row["registration_mode"]
        fields.secondJoin = (row["second_join"] as String?).flatMap(SecondJoin.init(rawValue:))
        fields.doorsOpen = row["doors_open"]
        fields.doorsClose = row["doors_close"]
        fields.metadata = try JSONText.members(row["metadata"])
        fields.extras = try JSONText.members(row["extras"])
        fields.page = try JSONText.members(row["page"])
    }

    /// The values of the columns for `fields`, in the order of `Directory.columns`.
    var columns: [(any Storable)?] {
        [
            fields.name, fields.picture, fields.startsAt, fields.endsAt, fields.timezone, fields.type.rawValue,
            fields.networkingHub, JSONText.write(fields.presenters), JSONText.write(fields.organizers),
            fields.isRegistrationModeEnabled, fields.secondJoin?.rawValue, JSONText.write(fields.metadata),
            fields.doorsOpen, fields.doorsClose, JSONText.write(fields.extras), JSONText.write(fields.page),
        ]
    }

    /// A day after the event's end. From then on its registrations are invalid. `nil` if it has no dates.
    package var closesAt: Milliseconds? { Self.closesAt(endsAt: fields.endsAt) }

    static func closesAt(endsAt: Milliseconds) -> Milliseconds? {
        hasDates(endsAt: endsAt) ? endsAt + timeAfterEnd : nil
    }

    /// Whether an event begins and ends, by its end.
    static func hasDates(endsAt: Milliseconds) -> Bool { endsAt < EventFields.always.upperBound }

    fileprivate static let timeAfterEnd: Milliseconds = 86_400_000
}

extension EventRecord {
    /// When the event ends; `nil` if that is not known.
    package var endsAt: Milliseconds? { closesAt.map { $0 - Event.timeAfterEnd } }
}

extension Doors {
    /// - Parameters:
    ///   - open: minutes before the start.
    ///   - close: minutes after the end.
    init(startsAt: Milliseconds, open: Int?, endsAt: Milliseconds, close: Int?) {
        self.init(
            opensAt: open.map { startsAt - Milliseconds($0) * 60_000 },
            closesAt: close.map { endsAt + Milliseconds($0) * 60_000 }
        )
    }
}
