import Admission
import JOSE

extension Settings {
    /// What is no error, but hardly meant: each a line that begins with a key.
    package var remarks: [String] {
        var remarks = RouteGaps(routes: routes).belowEvents.map { "route: \($0)" }
        for (index, company) in companies.enumerated() where companies.count > 1 && company.eventIDs == nil {
            let what =
                control.enabled
                ? "it has only the events that the control API makes for it" : "its tokens open no event"
            remarks.append("company[\(index)].event_ids: left out for \(quoted(company.id)), one of several: \(what)")
        }
        let standard = RetentionSettings()
        for (name, isGiven) in [
            ("stays", control.retention.stays != standard.stays),
            ("removed", control.retention.removed != standard.removed),
            ("webhooks", control.retention.webhooks != standard.webhooks),
        ] where isGiven && !control.enabled {
            remarks.append("control.retention.\(name): has no effect while control.enabled is false")
        }
        for (index, range) in limits.trustedProxies.enumerated() where range.isWide {
            remarks.append(
                "limits.trusted_proxies[\(index)]: \(quoted(range.text)) trusts very many to say which address a client "
                    + "has, so that limits by address hold nobody: list the proxies alone"
            )
        }
        return remarks + sharedSecrets + doubtfulKeys
    }

    /// Keys that may have signed tokens of the control API, and do not say whether they did: a private key is of no other
    /// use behind the first, and a secret is of none but where others sign with it.
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
                    "company[\(index)].key[\(place)].signed_before: is left out; if this key was the first once, true "
                    + "keeps the links good that the gateway made with it, else write false"
            }
        }
    }

    /// What a reload of these settings ends that the operator may not have meant: a line each.
    ///
    /// - Parameter running: the settings in effect until now.
    package func losses(since running: Settings) -> [String] {
        companies.compactMap { company in
            guard let before = running.companies.first(where: { $0.id == company.id }),
                let key = Company(before).signingKey,
                !Company(company).ownKeys.contains(where: { $0.thumbprint == key.thumbprint })
            else { return nil }
            let name = key.id.map { " \(quoted($0))" } ?? ""
            return "company \(quoted(company.id)): another key signs now, and the one before\(name) is not listed with "
                + "signed_before = true: every embed and join link that the gateway made with it has ended"
        }
    }

    /// A client secret that stands in two places is known to more than it should be, and taken away in one only.
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

extension AddressRange {
    /// Whether it is wider than /8, the largest network that anybody runs.
    fileprivate var isWide: Bool { prefixLength < 8 }
}
