/// What happens to a join while another session holds the registration's lease.
package enum SecondJoin: String, Sendable, CaseIterable {
    case takeOver = "take_over"
    case ask
    case refuse
}

/// The tokens that leases apply to.
package enum LeaseScope: String, Sendable, CaseIterable {
    case registrations
    case all
}

/// What happens to a session's open streams when the event's lists give its viewer another role.
package enum RoleChange: String, Sendable, CaseIterable {
    /// They stay open; the upstream learns of the new role with the next request.
    case keep
    /// They end, so that the client comes back with its session and the upstream learns of the new role.
    case reconnect
}

/// The rules of sessions and leases; times in milliseconds.
package struct SessionPolicy: Sendable, Equatable {
    package var secondJoin: SecondJoin = .takeOver
    package var appliesTo: LeaseScope = .registrations
    /// A lease ends this long after its last exchange or open stream.
    package var idleTimeout: Int64 = 90_000
    /// A session that joined with a valid token lasts until `maxLifetime`, whatever the token's expiry.
    package var outlivesToken = false
    package var maxLifetime: Int64 = 12 * 3_600_000
    /// Take-overs of one registration within ten minutes before joins are refused.
    package var takeOverLimit = 6
    package var onRoleChange: RoleChange = .keep
    package init() {}
}
