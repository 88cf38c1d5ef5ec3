package import Admission
package import JOSE

/// A person who registered for an event.
package struct Registration: Sendable, Equatable {
    /// A UUID in lower case: what tokens call it.
    package let uid: String
    /// As it was entered.
    package let name: String
    /// As it was entered; compared by ``foldedIdentity(_:)``.
    package let email: String
    /// The company's own data, returned as it came.
    package let metadata: [JSONMember]
    package let joinCode: JoinCode
    package let registeredAt: Milliseconds
}

/// What became of a call of Register.
package enum RegistrationOutcome: Sendable {
    case registered(Registration, Event)
    /// The e-mail was registered before; this is that registration.
    case known(Registration, Event)
    case noEvent
}
