import Basics

/// What webhooks are told of a change.
struct Announcement {
    let company: String
    let event: String
    let type: String
    /// The message as a JSON object without its `id`, of which each webhook's has its own.
    let message: String
    let createdAt: Milliseconds
    /// Whom it tells of: see ``DeliveryPeople``.
    let foldedEmail: String?
    let foldedUser: String?

    /// - Parameter id: a UUID.
    func message(id: String) -> String { "{\"id\":\"\(id)\",\(message.dropFirst())" }

    // MARK: Those that wait to become messages

    /// Whether a company has some, which are to become messages before others.
    static func waits(of company: String, _ database: Database) throws -> Bool {
        try database.value("SELECT EXISTS (SELECT 1 FROM announcement WHERE company = ?)", [company]) ?? false
    }

    func insert(_ database: Database) throws {
        try database.execute(
            """
            INSERT INTO announcement (company, event, type, message, created_at, folded_email, folded_user)
            VALUES (?, ?, ?, ?, ?, ?, ?)
            """,
            [company, event, type, message, createdAt, foldedEmail, foldedUser]
        )
    }
}

extension Announcement {
    init(_ row: Row) {
        company = row["company"]
        event = row["event"]
        type = row["type"]
        message = row["message"]
        createdAt = row["created_at"]
        foldedEmail = row["folded_email"]
        foldedUser = row["folded_user"]
    }
}
