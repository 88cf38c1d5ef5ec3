/// The names of the claims in tokens that others sign.
package struct ClaimNames: Sendable, Equatable {
    package var userID = "sub"
    package var name = "name"
    package var email = "email"
    package var avatar = "picture"
    package var event = "eventId"
    package var eventSpecific = "eventSpecific"
    package var company = "companyId"
    package var registration = "registrationId"
    package init() {}

    /// All names, each at a fixed position.
    package var all: [String?] { [userID, name, email, avatar, event, eventSpecific, company, registration] }
}
