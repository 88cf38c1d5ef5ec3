package import Admission
package import Basics
import GatewayConfiguration

/// What the operator console reads and does.
extension DataPlane {
    /// Lets `console` answer requests to it.
    package func serveConsole(_ console: @escaping @Sendable (ConsoleCall) async -> ConsoleAnswer) {
        site.consoleCalls.set(console)
    }

    /// Asks every event loop, and takes no lock that a request waits for longer than usual.
    package func vitals() async -> Vitals { await site.readVitals() }

    /// Removes a person from an event, and ends the sessions that this covers.
    package func remove(
        _ person: RemovedPerson,
        from event: String,
        company: String,
        until: Milliseconds?,
        reason: String?,
        by way: InterventionWay
    ) async throws -> Removal {
        let removal = try await site.removals.remove(
            person,
            from: event,
            company: company,
            until: until,
            reason: reason
        )
        site.sendAway(removal, by: way)
        return removal
    }

    /// The removals that have not ended, earliest first.
    package func removals() async throws -> [Removal] {
        try await site.removals.removals(company: nil, event: nil)
    }

    /// Lifts a removal. Returns `nil` if no removal has this id.
    package func lift(_ id: String, by way: InterventionWay) async throws -> Removal? {
        guard let removal = try await site.removals.lift(id, company: nil, event: nil) else { return nil }
        tellLifted(removal, by: way)
        return removal
    }

    /// Takes a server out of an upstream, or lets it serve again.
    ///
    /// - Returns: false if there is no such server.
    package func drain(_ isDrained: Bool, server name: String, of upstream: String) -> Bool {
        let snapshot = site.snapshot
        let named = snapshot.upstreams.prefix(snapshot.settings.upstreams.count).first {
            $0.settings.name.hasSameBytes(as: upstream)
        }
        guard let server = named?.servers.first(where: { $0.name.hasSameBytes(as: name) }) else { return false }
        site.drain(server, of: upstream, isDrained)
        return true
    }
}
