import Admission
import Basics
import Directory
import HTTPTypes

/// All calls that are served, looked up by path and method.
struct CallTable: Sendable {
    /// The result of looking up a path.
    struct Match: Sendable {
        let calls: [Call]
        /// The decoded values of the path's `{…}`.
        let parameters: [String]

        /// Finds the call for a method. HEAD uses the GET call; its body is not sent.
        func call(_ method: HTTPRequest.Method) -> Call? {
            calls.first { $0.method == method } ?? (method == .head ? calls.first { $0.method == .get } : nil)
        }

        var methods: [HTTPRequest.Method] {
            calls.flatMap { $0.method == .get ? [.get, .head] : [$0.method] }
        }
    }

    /// A segment of the paths, with the segments that may follow it.
    private struct Node {
        var literals: [ExactText: Node] = [:]
        var parameter: [Node] = []
        var calls: [Call] = []

        mutating func add(_ call: Call, _ segments: ArraySlice<Substring>) {
            guard let segment = segments.first else {
                calls.append(call)
                return
            }
            if segment.utf8.first == UInt8(ascii: "{") {
                if parameter.isEmpty { parameter.append(Node()) }
                parameter[0].add(call, segments.dropFirst())
            } else {
                literals[ExactText(String(segment)), default: Node()].add(call, segments.dropFirst())
            }
        }

        /// The path below that is fewest edits away, and how many these are. Follows only names that a misspelling may
        /// stand for, and prefers them to parameters.
        ///
        /// - Parameter spent: the edits above.
        func nearest(_ segments: ArraySlice<[UInt8]>, spent: Int) -> (path: String, edits: Int)? {
            guard let segment = segments.first else { return calls.first.map { ($0.path, spent) } }
            var best: (path: String, edits: Int)?
            for (name, node) in literals {
                guard let edits = NearestName.edits(segment, Array(name.text.utf8)) else { continue }
                guard let found = node.nearest(segments.dropFirst(), spent: spent + edits) else { continue }
                if best.map({ (found.edits, found.path) < ($0.edits, $0.path) }) ?? true { best = found }
            }
            if best == nil, let node = parameter.first {
                best = node.nearest(segments.dropFirst(), spent: spent)
            }
            return best
        }
    }

    private var root = Node()
    private let maxSegments: Int

    init(_ calls: [Call]) {
        let paths = calls.map { $0.path.split(separator: "/") }
        maxSegments = paths.map(\.count).max() ?? 0
        for (call, path) in zip(calls, paths) { root.add(call, path[...]) }
    }

    /// - Parameter path: as received, without the query.
    func match(_ path: Substring) -> Match? {
        guard path.utf8.first == UInt8(ascii: "/") else { return nil }
        var node = root
        var parameters: [String] = []
        let segments = path.utf8.dropFirst().split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        guard segments.count <= maxSegments else { return nil }
        for segment in segments {
            if let next = node.literals[ExactText(String(Substring(segment)))] {
                node = next
            } else if let next = node.parameter.first, !segment.isEmpty,
                let text = percentDecoded(Array(segment).span, plusIsSpace: false)
            {
                node = next
                parameters.append(text)
            } else {
                return nil
            }
        }
        return node.calls.isEmpty ? nil : Match(calls: node.calls, parameters: parameters)
    }

    /// The path of the call that was probably meant by a path that ``match(_:)`` does not find, with `{name}` for its
    /// parameters.
    func nearest(to path: Substring) -> String? {
        guard path.utf8.count <= Self.maxMistaken else { return nil }
        var segments = path.utf8.split(separator: UInt8(ascii: "/"))[...].map { Array($0) }
        guard segments.count < maxSegments + 2 else { return nil }
        // Base addresses with too much or too little at their end.
        let (api, version) = (Array("api".utf8), Array("v1".utf8))
        while segments.count > 1, segments[0] == api, segments[1] == api { segments.removeFirst() }
        if segments.first == api, segments.count > 1, segments[1] != version, segments[1] != Array("oauth".utf8) {
            let withVersion = [api, version] + segments[1...]
            if let found = root.nearest(withVersion[...], spent: 0) { return found.path }
        }
        return root.nearest(segments[...], spent: 0)?.path
    }

    /// The longest path for which ``nearest(to:)`` looks, in bytes.
    private static let maxMistaken = 512

    /// - Parameters:
    ///   - webhookAddresses: what webhooks may be delivered to.
    ///   - maxEmbedLifetime: of embed tokens, in seconds.
    static func calls(webhookAddresses: DeliveryAddresses, maxEmbedLifetime: Int64) -> [Call] {
        TokenCalls.calls + CompanyCalls.calls + CompanyReport.calls + PeopleCalls.calls + PlatformCalls.calls
            + EventKind.allCases.flatMap { calls(of: $0, maxEmbedLifetime: maxEmbedLifetime) }
            + WebhookCalls(addresses: webhookAddresses).calls + DocumentCalls.calls
    }

    private static func calls(of kind: EventKind, maxEmbedLifetime: Int64) -> [Call] {
        let parts: [[Call]] = [
            EventListCalls(kind: kind).calls, EventCalls(kind: kind).calls, RosterCalls(kind: kind).calls,
            EmbedCalls(kind: kind, maxLifetime: maxEmbedLifetime).calls,
            RegistrationCalls(kind: kind).calls, RegistrationListCalls(kind: kind).calls,
            AttendanceCalls(kind: kind).calls, RemovalCalls(kind: kind).calls,
        ]
        return parts.flatMap { $0 }
    }
}
