import Admission
import Basics
import GRDB

/// Announcements of what an event's lists make of people.
extension Directory {
    /// Announces everyone whose role another version of the lists has changed.
    func announceRoles(
        of event: Event,
        before: EventFields,
        _ database: Database,
        _ effects: inout Writer.Effects
    ) throws {
        let after = event.fields
        guard before.presenters != after.presenters || before.organizers != after.organizers,
            !webhookIndex.webhooks(of: event.company, type: .roleChanged, event: event.uid).isEmpty
        else { return }
        let (old, new) = (Self.roles(before), Self.roles(after))
        var told: Set<ExactText> = []
        for person in after.organizers + after.presenters + before.organizers + before.presenters {
            let identity = listedIdentity(trimmed(person))
            let (role, previous) = (new[identity] ?? .attendee, old[identity] ?? .attendee)
            guard role != previous, told.insert(identity).inserted else { continue }
            let isEmail = person.utf8.contains(UInt8(ascii: "@"))
            let data = [
                JSONMember(isEmail ? "email" : "userId", .string(trimmed(person))),
                JSONMember("role", .string(role.rawValue)), JSONMember("previousRole", .string(previous.rawValue)),
            ]
            try announce(
                .roleChanged,
                company: event.company,
                event: event.uid,
                at: now,
                data,
                database,
                &effects
            )
        }
    }

    private static func roles(_ fields: EventFields) -> [ExactText: ListedRole] {
        var roles: [ExactText: ListedRole] = [:]
        for person in fields.presenters { roles[listedIdentity(trimmed(person))] = .presenter }
        for person in fields.organizers { roles[listedIdentity(trimmed(person))] = .organizer }
        return roles
    }
}
