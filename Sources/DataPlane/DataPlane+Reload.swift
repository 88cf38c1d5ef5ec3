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

    /// Fetches the key sets of a configuration before it is adopted, so that nobody is without keys then.
    ///
    /// Waits for nothing but sets that are new. They are kept until ``endReload()``. Those in use are fetched again, but
    /// their keys are at hand. Meanwhile other changes can take effect.
    ///
    /// - Parameter again: false if this reload has fetched key sets already.
    /// - Throws: if a key set that is new could not be fetched, or the task was cancelled.
    package func prepareReload(_ settings: Settings, again: Bool) async throws(ConfigurationError) {
        let urls = settings.companies.flatMap(\.keySetURLs)
        let known = Set(site.snapshot.keySetURLs)
        let new = urls.filter { !known.contains($0) }
        let faults = await fetchKeySets(trying: urls, awaiting: new, again: again)
        guard !Task.isCancelled else { throw ConfigurationError(problems: []) }
        let missing = missingKeySets(of: settings, among: new, faults)
        guard missing.isEmpty else { throw ConfigurationError(problems: missing) }
    }

    /// Replaces the configuration. Connections, leases and sockets stay.
    ///
    /// - Parameter decide: returns what takes the place of the settings in effect, which nobody else replaces meanwhile;
    ///   `nil` if what was prepared is out of date.
    /// - Returns: `nil` if it is. Then nothing changes.
    /// - Throws: if OpenSSL does not accept a certificate. Then nothing changes.
    package func reload(_ decide: () -> Settings?) async throws(ConfigurationError) -> Reloaded? {
        var (adopted, reloaded): (Settings?, Reloaded) = (nil, Reloaded())
        try await site.adopt { running throws(ConfigurationError) in
            guard var settings = decide() else { return nil }
            let addsControl = settings.control.enabled && !running.control.enabled
            reloaded.notes = settings.losses(since: running)
            reloaded.waiting = settings.keep(from: running)
            if addsControl {
                reloaded.notes.append("control.enabled: until then, calls of the control API are answered with 503")
            }
            try security.adopt(settings)
            adopted = settings
            return settings
        }
        guard let adopted else { return nil }
        for socket in adopted.sockets {
            do throws(ListenFault) {
                try SocketFile.permit(socket)
            } catch {
                reloaded.notes.append("\(error)")
            }
        }
        site.spans.adopt(adopted.tracing)
        certificatesCheckedAt.store(0, ordering: .relaxed)
        let waiting = reloaded.waiting.map(adopted.naming)
        site.reloads.withLock { $0.succeeded(at: WallClock.now(), waiting: waiting) }
        return reloaded
    }

    /// Call once a reload has ended, whatever became of it.
    package func endReload() { site.runOnFirstWorker { $0.adoptChores(endsTrial: true) } }

    /// The settings in effect.
    package var settings: Settings { site.snapshot.settings }

    /// Takes certificates and keys that were read again. Open connections keep their certificates.
    ///
    /// - Parameter decide: returns the settings in effect with the content of other files; `nil` if that is out of date.
    /// - Returns: false if it is. Then nothing changes.
    /// - Throws: if OpenSSL does not accept a certificate; see ``fault(of:)``. Then nothing changes.
    package func renew(_ decide: () -> Settings?) async throws(ConfigurationError) -> Bool {
        var isAdopted = false
        try await site.adopt { _ throws(ConfigurationError) in
            guard let settings = decide() else { return nil }
            try security.adopt(settings)
            isAdopted = true
            return settings
        }
        if isAdopted { certificatesCheckedAt.store(0, ordering: .relaxed) }
        return isAdopted
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

    /// Shows in the metrics and in the console which files are not used as they are now.
    package func showUnusableFiles(_ files: Vitals.UnusableFiles) { site.unusableFiles.withLock { $0 = files } }

    /// Counts a reload that changed nothing, because its file or certificates cannot be used.
    ///
    /// - Parameter problems: why, one line each, as the log has them.
    package func countFailedReload(_ problems: [String]) {
        site.reloads.withLock { $0.failed(at: WallClock.now(), problems) }
    }
}
