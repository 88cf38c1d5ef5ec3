package import GatewayConfiguration

/// The routes of a configuration, most specific first.
package struct RouteTable: Sendable {
    /// The route of a path, and the segment that names its event.
    package struct Match: Sendable, Equatable {
        package var route: Int
        package var event: Range<Int>?
    }

    /// How to read a path: literally, or like an upstream that ignores case, marks and widths, cuts `;` parameters, and
    /// trims.
    private enum Reading {
        case exact, lenient
    }

    private struct Entry: Sendable {
        enum Part: Sendable {
            case literal([UInt8])
            case event
        }
        var index: Int
        var parts: [Part]
        var takesRest: Bool
    }

    private let entries: [Entry]
    /// Whether some route's literal has upper-case letters, so that case alone can distinguish readings.
    private let hasUpperCase: Bool

    package init(_ routes: [RouteSettings]) {
        entries = routes.enumerated().map { index, route in
            Entry(
                index: index,
                parts: route.path.segments.map { segment in
                    switch segment {
                    case .literal(let text): .literal(Array(text.utf8))
                    case .event: .event
                    }
                },
                takesRest: route.path.takesRest
            )
        }.sorted(by: Self.isMoreSpecific)
        hasUpperCase = routes.contains { route in route.path.text.utf8.contains { ($0 &- 0x41) < 26 } }
    }

    /// Orders by specificity: a literal, then `{event}`, then the rest; of two equal ones, the longer first.
    private static func isMoreSpecific(_ left: Entry, _ right: Entry) -> Bool {
        for (a, b) in zip(left.parts, right.parts) {
            switch (a, b) {
            case (.literal, .event): return true
            case (.event, .literal): return false
            default: continue
            }
        }
        if left.parts.count != right.parts.count { return left.parts.count > right.parts.count }
        return !left.takesRest && right.takesRest
    }

    /// The route of a judged target; `nil` if no route takes it.
    ///
    /// Throws for a path that an upstream could read as one of another route or event.
    package func match(_ bytes: Span<UInt8>, _ target: borrowing RequestTarget) throws(HeadFault) -> Match? {
        let exact = match(bytes, target, .exact)
        if target.hasReadings || hasUpperCase {
            guard match(bytes, target, .lenient) == exact else { throw .breaks(.path) }
        }
        return exact
    }

    private func match(_ bytes: Span<UInt8>, _ target: borrowing RequestTarget, _ reading: Reading) -> Match? {
        let segments = reading == .exact ? target.segments : target.lenientSegments
        let count = segments.count
        entry: for position in entries.indices {
            let entry = entries[position]
            guard count == entry.parts.count || (entry.takesRest && count > entry.parts.count) else { continue }
            var event: Range<Int>?
            for index in entry.parts.indices {
                switch entry.parts[index] {
                case .literal(let literal):
                    let isSame =
                        reading == .exact
                        ? bytes.decodes(segments[index], to: literal)
                        : LenientText.reads(bytes, segments[index], as: literal)
                    guard isSame else { continue entry }
                case .event:
                    event = segments[index]
                }
            }
            return Match(route: entry.index, event: event)
        }
        return nil
    }
}
