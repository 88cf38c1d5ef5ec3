package import Admission
package import Basics

/// A person who registered for an event.
package struct Registration: Sendable, Equatable {
    /// A UUID in lower case, used in tokens.
    package let uid: String
    /// As entered.
    package let name: String
    /// As entered; compared by ``foldedIdentity(_:)``.
    package let email: String
    /// The company's own data, returned unchanged.
    package let metadata: [JSONMember]
    package let joinCode: JoinCode
    package let registeredAt: Milliseconds
}

/// The result of a Register call.
package enum RegistrationOutcome: Sendable {
    case registered(Registration, Event)
    /// The e-mail was already registered, with this registration.
    case known(Registration, Event)
    case noEvent
}
