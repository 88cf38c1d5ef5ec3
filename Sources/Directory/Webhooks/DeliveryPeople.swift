import Admission
import Basics

/// The people that messages are about.
enum DeliveryPeople {
    /// The e-mail in a message's data, in the form in which e-mails are compared.
    static func foldedEmail(in data: [JSONMember]) -> String? {
        guard case .string(let email)? = data["email"] else { return nil }
        return foldedIdentity(email)
    }

    /// The user id in a message's data, in the form in which e-mails are compared, if it is an e-mail.
    static func foldedUser(in data: [JSONMember]) -> String? {
        guard case .string(let user)? = data["userId"] else { return nil }
        return foldedUser(user)
    }

    /// A user id in the form in which e-mails are compared. Returns `nil` if it is not an e-mail.
    static func foldedUser(_ user: String) -> String? {
        user.utf8.contains(UInt8(ascii: "@")) ? foldedIdentity(user) : nil
    }

    /// Deletes what tells of a person, and leaves them out of what tells of many people.
    ///
    /// - Returns: how many messages, and announcements of which there are none yet, are deleted.
    static func erase(_ folded: String, _ company: String, _ database: Database) throws -> Int {
        var count = 0
        let ofWebhooks = "webhook IN (SELECT id FROM webhook WHERE company = ?)"
        for (table, isCompanys) in [
            ("announcement", "company = ?"), ("delivery", ofWebhooks), ("past_delivery", ofWebhooks),
        ] {
            count += try database.execute(
                "DELETE FROM \(table) WHERE (folded_email = ? OR folded_user = ?) AND \(isCompanys)",
                [folded, folded, company]
            )
            try leaveOut(folded, of: table, where: isCompanys, company, database)
        }
        return count
    }

    private static func leaveOut(
        _ folded: String,
        of table: String,
        where isCompanys: String,
        _ company: String,
        _ database: Database
    ) throws {
        let rows = try database.rows(
            "SELECT id, message FROM \(table) WHERE type = 'event.ended' AND \(isCompanys)",
            [company]
        )
        for row in rows {
            var message = try JSONText.members(row[1])
            guard case .object(var data)? = message["data"], case .array(let people)? = data["participants"] else {
                continue
            }
            let others = people.filter { person in
                guard case .object(let person) = person else { return true }
                let names = [foldedEmail(in: person), foldedUser(in: person)]
                return !names.contains { $0?.hasSameBytes(as: folded) ?? false }
            }
            guard others.count < people.count else { continue }
            data = data.replacing("participants", .array(others))
            message = message.replacing("data", .object(data))
            try database.execute(
                "UPDATE \(table) SET message = ? WHERE id = ?",
                [JSONText.write(message), row[0] as Int64]
            )
        }
    }

    /// Fills in the folded user ids of messages written by an earlier version.
    static func fillUsers(_ database: Database) throws {
        let rows = try database.rows("SELECT id, message FROM delivery WHERE message LIKE '%@%'")
        for row in rows {
            guard case .object(let data)? = try? JSONText.members(row[1])["data"], let user = foldedUser(in: data)
            else {
                continue
            }
            try database.execute("UPDATE delivery SET folded_user = ? WHERE id = ?", [user, row[0] as Int64])
        }
    }

    /// Fills in the folded e-mails of messages written by an earlier version.
    static func fill(_ database: Database) throws {
        let rows = try database.rows("SELECT id, message FROM delivery")
        for row in rows {
            guard case .object(let data)? = try? JSONText.members(row[1])["data"],
                let email = foldedEmail(in: data)
            else { continue }
            try database.execute("UPDATE delivery SET folded_email = ? WHERE id = ?", [email, row[0] as Int64])
        }
    }
}

extension [JSONMember] {
    /// The members with another value for one of them.
    fileprivate func replacing(_ name: String, _ value: JSONValue) -> [JSONMember] {
        map { $0.name.hasSameBytes(as: name) ? JSONMember(name, value) : $0 }
    }
}
