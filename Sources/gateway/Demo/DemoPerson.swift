/// Somebody who can sign in on the company's site.
struct DemoPerson: Sendable {
    let id: String
    let name: String
    let role: String
    /// Whether the company knows them only by a registration. Otherwise they are users of its site.
    let isGuest: Bool

    var email: String { "\(id)@acme.example" }

    static let host = DemoPerson(
        id: "grace",
        name: "Grace Hopper",
        role: "Speaker: the event lists her as a presenter",
        isGuest: false
    )

    static let all = [
        DemoPerson(id: "ada", name: "Ada Lovelace", role: "Guest: registered by name and e-mail", isGuest: true),
        DemoPerson(id: "alan", name: "Alan Turing", role: "Guest: registered by name and e-mail", isGuest: true),
        DemoPerson(id: "katherine", name: "Katherine Johnson", role: "Colleague: a user of this site", isGuest: false),
        host,
    ]
}
