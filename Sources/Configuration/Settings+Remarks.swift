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
        return remarks + sharedSecrets
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
