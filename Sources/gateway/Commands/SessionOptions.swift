import ArgumentParser
import Basics
import DataPlane

/// The options that select sessions for a command.
struct SessionOptions: ParsableArguments {
    @Option(help: "Of this company only.")
    var company: String?

    @Option(help: "In this event only.")
    var event: String?

    @Option(help: "Of this user id only.")
    var user: String?

    @Option(help: "Of this e-mail only.")
    var email: String?

    @Option(help: "Of this registration only.")
    var registration: String?

    /// The query members for the admin listener.
    var members: [(name: String, value: String)] {
        [("company", company), ("event", event), ("user", user), ("email", email), ("registration", registration)]
            .compactMap { name, value in value.map { (name, $0) } }
    }

    /// `/sessions` or another path, with a query.
    static func target(_ members: [(name: String, value: String)], path: String = "/sessions") -> String {
        guard !members.isEmpty else { return path }
        return path + "?" + members.map { "\($0.name)=\(percentEncoded($0.value))" }.joined(separator: "&")
    }
}

/// A gateway's answer about its sessions.
struct SessionList {
    let total: Int
    let sessions: [[String: String]]

    /// Returns `nil` if the value has another form.
    init?(_ value: JSONValue) {
        guard case .object(let members) = value, case .number(let total)? = members["total"],
            case .array(let values)? = members["sessions"]
        else { return nil }
        self.total = Int(total)
        sessions = values.compactMap { value in
            guard case .object(let members) = value else { return nil }
            var session: [String: String] = [:]
            for member in members {
                if case .string(let text) = member.value { session[member.name] = text }
            }
            return session
        }
    }

    /// A table for people, with one line per session and without control characters.
    var table: String {
        let columns = ["session", "joinedAt", "event", "role", "userId", "name", "email"]
        let rest = total > sessions.count ? "\n… of \(total) sessions in all; --limit shows more" : ""
        return TextTable.text(columns, sessions.map { session in columns.map { session[$0] ?? "-" } }) + rest
    }
}
