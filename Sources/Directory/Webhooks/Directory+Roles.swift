import Admission
import Basics

/// Announcements of what an event's lists make of people.
extension Directory {
    /// What to announce of everyone whose role another version of the lists changes.
    func roleChanges(of event: Event, before: EventFields) -> [[JSONMember]] {
        let after = event.fields
        guard before.presenters != after.presenters || before.organizers != after.organizers,
            !webhookIndex.webhooks(of: event.company, type: .roleChanged, event: event.uid).isEmpty
        else { return [] }
        let (old, new) = (Self.roles(before), Self.roles(after))
        var told: Set<ExactText> = []
        return (after.organizers + after.presenters + before.organizers + before.presenters).compactMap { person in
            let identity = listedIdentity(trimmed(person))
            let (role, previous) = (new[identity] ?? .attendee, old[identity] ?? .attendee)
            guard role != previous, told.insert(identity).inserted else { return nil }
            let isEmail = person.utf8.contains(UInt8(ascii: "@"))
            return [
                JSONMember(isEmail ? "email" : "userId", .string(trimmed(person))),
                JSONMember("role", .string(role.rawValue)), JSONMember("previousRole", .string(previous.rawValue)),
            ]
        }
    }

    private static func roles(_ fields: EventFields) -> [ExactText: ListedRole] {
        var roles: [ExactText: ListedRole] = [:]
        for person in fields.presenters { roles[listedIdentity(trimmed(person))] = .presenter }
        for person in fields.organizers { roles[listedIdentity(trimmed(person))] = .organizer }
        return roles
    }
}
