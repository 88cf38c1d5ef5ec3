package import Admission
package import Basics

/// A person who registered for an event.
package struct Registration: Sendable, Equatable {
    /// A UUID in lower case, used in tokens.
    package let uid: String
    /// As entered.
    package var name: String
    /// As entered; compared by ``foldedIdentity(_:)``.
    package var email: String
    /// The company's own data, returned unchanged.
    package var metadata: [JSONMember]
    package let joinCode: JoinCode
    package let registeredAt: Milliseconds
    /// When it was deleted; `nil` if it is valid.
    package var removedAt: Milliseconds?

    /// What the data plane keeps of it.
    package func person(at event: String) -> RegisteredPerson {
        RegisteredPerson(event: event, registration: uid, name: name, email: email, registeredAt: registeredAt)
    }
}

/// A person to register.
package struct NewRegistration: Sendable {
    package var name: String
    package var email: String
    /// The company's own data, returned unchanged.
    package var metadata: [JSONMember]?
    /// Whether a registration that the e-mail has already gets the name, and the metadata if there is any.
    package var changesKnown: Bool

    package init(name: String, email: String, metadata: [JSONMember]? = nil, changesKnown: Bool = false) {
        self.name = name
        self.email = email
        self.metadata = metadata
        self.changesKnown = changesKnown
    }
}

/// What names a valid registration of an event.
package enum RegistrationName: Sendable {
    /// Its ``Registration/uid``.
    case id(String)
    case email(String)
}

/// What to change in a registration; `nil` leaves a member as it is.
package struct RegistrationChanges: Sendable {
    package var name: String?
    package var email: String?
    package var metadata: [JSONMember]?

    package init(name: String? = nil, email: String? = nil, metadata: [JSONMember]? = nil) {
        self.name = name
        self.email = email
        self.metadata = metadata
    }
}

/// What can be changed in a registration.
package enum RegistrationMember: String, Sendable, CaseIterable {
    case name
    case email
    case metadata
}

/// The result of a Register call.
package enum RegistrationOutcome: Sendable {
    case registered(Registration, Event)
    /// The e-mail was already registered, with this registration, in which these members were changed.
    case known(Registration, Event, changed: [RegistrationMember])
    case noEvent
}

/// The result of registering several people.
package enum BulkOutcome: Sendable {
    /// One outcome for each person, in their order.
    case done([RegistrationOutcome])
    /// Nothing was done, since the people with these indexes are registered already.
    case known([Int])
    case noEvent
}

/// The result of changing a registration.
package enum ChangeOutcome: Sendable {
    /// The registration with the changes, and what was not the same before.
    case changed(Registration, Event, [RegistrationMember])
    /// The registration with this ``Registration/uid`` has the e-mail.
    case taken(String)
    /// There is no such registration.
    case none
}
