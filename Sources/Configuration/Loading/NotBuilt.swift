/// What this version does not do yet: using it is an error, never silently without effect.
struct NotBuilt {
    /// What counts as using the feature; each element of an array is asked on its own.
    enum Use {
        case present
        case isTrue
    }

    /// The key in full, without indices.
    let key: String
    let use: Use
    let feature: String

    /// A feature that gets built leaves by its lines.
    static let features = [
        NotBuilt(key: "listener.proxy_protocol", use: .isTrue, feature: "the PROXY protocol"),
        NotBuilt(key: "upstream.health_path", use: .present, feature: "the active health check"),
        NotBuilt(key: "company.key.jwks_url", use: .present, feature: "fetching key sets"),
    ]

    static func check(_ document: DocumentValue, problems: ProblemList) {
        for feature in features {
            feature.check(document, steps: feature.key.split(separator: ".")[...], at: .root, problems: problems)
        }
    }

    private func check(_ value: DocumentValue, steps: ArraySlice<Substring>, at place: Place, problems: ProblemList) {
        switch value {
        case .array(let elements):
            for (index, element) in elements.enumerated() {
                check(element, steps: steps, at: place.index(index), problems: problems)
            }
        case .table(let members):
            guard let step = steps.first.map(String.init), let member = members[step] else { return }
            check(member, steps: steps.dropFirst(), at: place.key(step), problems: problems)
        case .string, .integer, .number, .boolean, .dateTime, .faulty:
            if steps.isEmpty, isUsed(by: value) {
                problems.report("\(feature): not built yet in this version", at: place)
            }
        }
    }

    private func isUsed(by value: DocumentValue) -> Bool {
        switch (use, value) {
        case (.present, .string): true
        case (.isTrue, .boolean(let value)): value
        default: false
        }
    }
}
