import Basics
package import GatewayConfiguration
import Synchronization

extension DataPlane {
    /// The result of a reload.
    package struct Reloaded: Sendable {
        /// The keys that take effect at the next start, since a running process cannot apply them.
        package var waiting: [String] = []
        /// Other remarks for the operator, one line each.
        package var notes: [String] = []
    }

    /// Replaces the configuration. Connections, leases and sockets stay.
    ///
    /// Waits for nothing but key sets that are new. Those in use are fetched again, but their keys are at hand.
    ///
    /// - Throws: if OpenSSL does not accept a certificate, a key set that is new could not be fetched, or the task was
    ///   cancelled. Then nothing changes but the keys of the sets in use.
    package func reload(_ settings: Settings) async throws(ConfigurationError) -> Reloaded {
        let previous = site.snapshot
        let addsControl = settings.control.enabled && !previous.settings.control.enabled
        var reloaded = Reloaded(notes: settings.losses(since: previous.settings))
        var settings = settings
        reloaded.waiting = settings.keep(from: previous.settings)
        if addsControl {
            reloaded.notes.append("control.enabled: until then, calls of the control API are answered with 503")
        }
        // First, so that nobody is without keys meanwhile.
        let urls = settings.companies.flatMap(\.keySetURLs)
        let known = Set(previous.keySetURLs)
        let new = urls.filter { !known.contains($0) }
        let faults = await fetchKeySets(urls, awaiting: new, again: true)
        defer { site.runOnFirstWorker { $0.adoptChores() } }
        guard !Task.isCancelled else { throw ConfigurationError(problems: []) }
        let missing = missingKeySets(of: settings, among: new, faults)
        guard missing.isEmpty else { throw ConfigurationError(problems: missing) }
        try security.adopt(settings)
        for socket in settings.sockets {
            do throws(ListenFault) {
                try SocketFile.permit(socket)
            } catch {
                reloaded.notes.append("\(error)")
            }
        }
        site.spans.adopt(settings.tracing)
        await site.adopt(settings)
        certificatesCheckedAt.store(0, ordering: .relaxed)
        site.reloads.withLock { $0.succeeded(at: WallClock.now()) }
        return reloaded
    }

    /// The settings in effect.
    package var settings: Settings { site.snapshot.settings }

    /// Takes certificates and keys that were read again. Open connections keep their certificates.
    ///
    /// - Parameter settings: ``settings`` with the content of other files.
    /// - Throws: if OpenSSL does not accept a certificate; see ``fault(of:)``. Then nothing changes.
    package func renew(_ settings: Settings) async throws(ConfigurationError) {
        try security.adopt(settings)
        await site.adopt(settings)
        certificatesCheckedAt.store(0, ordering: .relaxed)
    }

    /// New key sets without keys, as lines that begin with a key.
    private func missingKeySets(
        of settings: Settings,
        among new: [KeySetURL],
        _ faults: [KeySetURL: String]
    ) -> [String] {
        let fetched = site.fetchedKeySets
        return settings.companiesOfFile.enumerated().flatMap { index, company in
            company.keyOrigins.enumerated().flatMap { number, origin in
                origin.keySetURLs.filter { url in
                    (fetched[url]?.isEmpty ?? true) && new.contains(url)
                }.map { url in
                    let key = url.issuer == nil ? "jwks_url" : "openid"
                    let reason = faults[url].map { "\($0); " } ?? ""
                    return "company[\(index)].key[\(number)].\(key): \(url.text): \(reason)no key could be fetched"
                }
            }
        }
    }

    /// Shows in the metrics how many files are not used as they are now.
    package func showUnusableFiles(_ count: Int) { site.unusableFiles.store(count, ordering: .relaxed) }

    /// Counts a reload that changed nothing, because its file or certificates cannot be used.
    package func countFailedReload() { site.reloads.withLock { $0.failed() } }
}
