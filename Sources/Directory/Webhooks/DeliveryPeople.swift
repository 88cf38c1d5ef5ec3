import Admission
import GRDB
import JOSE

/// Whom messages tell of.
enum DeliveryPeople {
    /// The e-mail among a message's data, as e-mails are compared.
    static func foldedEmail(in data: [JSONMember]) -> String? {
        guard case .string(let email)? = data["email"] else { return nil }
        return foldedIdentity(email)
    }

    /// The user id among a message's data as e-mails are compared, where it is one.
    static func foldedUser(in data: [JSONMember]) -> String? {
        guard case .string(let user)? = data["userId"] else { return nil }
        return foldedUser(user)
    }

    /// A user id as e-mails are compared; nil where it is none.
    static func foldedUser(_ user: String) -> String? {
        user.utf8.contains(UInt8(ascii: "@")) ? foldedIdentity(user) : nil
    }

    /// Writes down whose user ids messages have that an earlier version left.
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

    /// Writes down whom the messages tell of that an earlier version left.
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
