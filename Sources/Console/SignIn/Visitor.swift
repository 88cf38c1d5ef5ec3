/// What somebody who has signed in may do.
enum ConsoleRole: String, Sendable {
    /// Look.
    case reader
    /// Look and act.
    case `operator`
}

/// Somebody who has signed in.
struct Visitor: Sendable {
    let role: ConsoleRole
    /// What their forms carry, so that only pages of the console can act for them.
    let formKey: String

    var mayAct: Bool { role == .operator }
}
