package import GatewayConfiguration
import Synchronization

extension DataPlane {
    /// What a reload leaves to say.
    package struct Reloaded: Sendable {
        /// The keys that take effect at the next start, since a running process cannot change what they say.
        package var waiting: [String] = []
        /// What else the operator should know: a line each.
        package var notes: [String] = []
    }

    /// Swaps the configuration. Connections, leases and sockets stay.
    ///
    /// - Throws: when OpenSSL does not take a certificate; then everything stays as it is.
    package func reload(_ settings: Settings) async throws(ConfigurationError) -> Reloaded {
        let previous = site.snapshot
        let addsControl = settings.control.enabled && !previous.settings.control.enabled
        var reloaded = Reloaded(notes: settings.losses(since: previous.settings))
        var settings = settings
        reloaded.waiting = settings.keep(from: previous.settings)
        if addsControl {
            reloaded.notes.append("control.enabled: until then, calls of the control API are answered with 503")
        }
        try security.adopt(settings.listeners)
        for socket in settings.sockets {
            do throws(ListenFault) {
                try SocketFile.permit(socket)
            } catch {
                reloaded.notes.append("\(error)")
            }
        }
        let generation = generation.withLock { generation in
            generation += 1
            return generation
        }
        await site.adopt(Snapshot(settings: settings, generation: generation, previous: previous))
        certificatesCheckedAt.store(0, ordering: .relaxed)
        return reloaded
    }
}
