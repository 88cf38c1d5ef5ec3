import Admission
import Basics
import GRDB

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

    /// Fills in the folded user ids of messages written by an earlier version.
    static func fillUsers(_ database: Database) throws {
        let update = try database.makeStatement(sql: "UPDATE delivery SET folded_user = ? WHERE id = ?")
        let rows = try Row.fetchCursor(database, sql: "SELECT id, message FROM delivery WHERE message LIKE '%@%'")
        while let row = try rows.next() {
            guard case .object(let data)? = try? JSONText.members(row[1])["data"], let user = foldedUser(in: data)
            else {
                continue
            }
            try update.execute(arguments: [user, row[0] as Int64])
        }
    }

    /// Fills in the folded e-mails of messages written by an earlier version.
    static func fill(_ database: Database) throws {
        let update = try database.makeStatement(sql: "UPDATE delivery SET folded_email = ? WHERE id = ?")
        let rows = try Row.fetchCursor(database, sql: "SELECT id, message FROM delivery")
        while let row = try rows.next() {
            guard case .object(let data)? = try? JSONText.members(row[1])["data"],
                let email = foldedEmail(in: data)
            else { continue }
            try update.execute(arguments: [email, row[0] as Int64])
        }
    }
}
