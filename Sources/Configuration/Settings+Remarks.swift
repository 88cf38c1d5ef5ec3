import Admission
import Basics
import JOSE

extension Settings {
    /// Settings that are no error but probably not meant: lines that begin with a key.
    package var remarks: [String] {
        var remarks = RouteGaps(routes: routes).belowEvents.map { "route: \($0)" }
        for (index, company) in companies.enumerated() where companies.count > 1 && company.eventIDs == nil {
            let what =
                control.enabled
                ? "it has only the events that the control API makes for it" : "its tokens open no event"
            remarks.append("company[\(index)].event_ids: left out for \(quoted(company.id)), one of several: \(what)")
        }
        for (index, company) in companies.enumerated() {
            guard let accent = company.page.accent, accent.contrast(to: .white) < 3 else { continue }
            remarks.append(
                "company[\(index)].page.accent: \(quoted(accent.text)) hardly stands out from the white page: the contrast "
                    + "is \((accent.contrast(to: .white) * 10).rounded(.down) / 10), and should be 3 or more"
            )
        }
        let standard = RetentionSettings()
        for (name, isGiven) in [
            ("stays", control.retention.stays != standard.stays),
            ("removed", control.retention.removed != standard.removed),
            ("webhooks", control.retention.webhooks != standard.webhooks),
        ] where isGiven && !control.enabled {
            remarks.append("control.retention.\(name): has no effect while control.enabled is false")
        }
        for (index, listener) in listeners.enumerated()
        where listener.proxyProtocol && !listener.address.isLoopback && limits.trustedProxies.isEmpty {
            remarks.append(
                "listener[\(index)].proxy_protocol: while limits.trusted_proxies is empty, everyone who can connect may "
                    + "claim any client's address: list the load balancers there"
            )
        }
        for (index, listener) in listeners.enumerated() {
            guard case .unix = listener.address, !listener.proxyProtocol, !limits.byAddress.isEmpty else { continue }
            remarks.append(
                "listener[\(index)].address: clients of a unix: socket have no address, so that "
                    + "\(limits.byAddress.joined(separator: ", ")) of [limits] have no effect there: set proxy_protocol = "
                    + "true if what connects can send the header"
            )
        }
        for (index, range) in limits.trustedProxies.enumerated() where range.isWide {
            remarks.append(
                "limits.trusted_proxies[\(index)]: \(quoted(range.text)) trusts very many addresses to report a client's "
                    + "address, which makes limits by address ineffective: list only the proxies"
            )
        }
        if case .template(let template) = log.lineFormat, template.hasOpenQuote {
            remarks.append(
                "log.access_format: holds an odd number of \": programs that read a value from one to the next cannot tell "
                    + "where the last one ends"
            )
        }
        return remarks + sharedSecrets + doubtfulKeys + control.remarks + tracing.remarks
    }

    /// Keys that may have signed tokens of the control API but do not say whether they did. Behind the first key, a
    /// private key has no other use, and a secret has one only if others sign with it.
    private var doubtfulKeys: [String] {
        guard control.enabled else { return [] }
        return companies.enumerated().flatMap { index, company in
            company.keyOrigins.enumerated().dropFirst().compactMap { place, origin in
                switch origin.source {
                case .privateKeyFile where origin.signedBefore == nil: break
                case .secretFile where origin.signedBefore == nil && company.issuers.isEmpty: break
                default: return nil
                }
                return
                    "company[\(index)].key[\(place)].signed_before: is not set; if this key was once the first, true "
                    + "keeps the links valid that the gateway made with it; otherwise write false"
            }
        }
    }

    /// Client secrets that occur twice: more people than necessary know them, and withdrawing one leaves the other.
    private var sharedSecrets: [String] {
        var seen: [[UInt8]: String] = [:]
        var remarks: [String] = []
        for (index, company) in companies.enumerated() {
            for (number, secret) in company.clientSecrets.enumerated() {
                let place = "company[\(index)], client secret \(number + 1) of \(quoted(company.id))"
                if let other = seen[secret.bytes] { remarks.append("\(place): the same as that of \(other)") }
                seen[secret.bytes] = seen[secret.bytes] ?? place
            }
        }
        return remarks
    }
}

extension ControlSettings {
    /// About the way to a database server.
    fileprivate var remarks: [String] {
        guard enabled, case .server(let uri) = database else { return [] }
        var remarks: [String] = []
        if uri.containsPassword {
            remarks.append(
                "control.database: contains a password, which everybody learns who sees the configuration: keep it in a "
                    + "file that only the gateway's user can read (chmod 600), named by passfile= in the URI, or in .pgpass "
                    + "of that user's home"
            )
        }
        if uri.isExposed {
            remarks.append(
                "control.database: whoever is between the gateway and the server can read and change everything: add "
                    + "sslmode=verify-full, and sslrootcert= with the authority's certificate"
            )
        }
        return remarks
    }
}

extension AddressRange {
    /// Whether it is wider than /8, the largest network that anybody operates.
    fileprivate var isWide: Bool { prefixLength < 8 }
}

extension LimitSettings {
    /// The keys that are set and judge clients by their addresses.
    fileprivate var byAddress: [String] {
        let keys: [(name: String, isSet: Bool)] = [
            ("deny", !deny.isEmpty), ("deny_file", denyFile != nil),
            ("requests_per_address", requestsPerAddress != nil),
            ("new_connections_per_address", newConnectionsPerAddress != nil),
        ]
        return keys.filter(\.isSet).map(\.name)
    }
}
