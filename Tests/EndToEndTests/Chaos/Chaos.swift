import Foundation
import TestSupport
import Testing

/// Something that goes wrong around the gateway, and what shows of it: to the client, in the log and in the metrics.
struct Chaos: Sendable, CustomStringConvertible {
    /// What goes wrong.
    let name: String
    /// The path of the client's request.
    var path = "/public/chaos"
    /// What the client gets: a status, with the code of the problem or with the text; or what was cut, and where.
    let client: String
    /// The members of its line in the access log that give reasons; `nil` if there can be no line.
    let log: String?
    /// A part of what the gateway's own messages say, if this is a matter for the operator.
    var message: String?
    /// By how much the counters of trouble grow, by their name and their labels. All others must not.
    let metrics: [String: Double]
    /// Those that may grow by more, since the gateway tries again by itself.
    var atLeast: Set<String> = []
    /// What the gateway needs for it.
    var adjust: @Sendable (inout GatewayConfiguration) throws -> Void = { _ in }
    /// How the upstream answers, by path, already when the gateway starts. Others are echoed.
    var scripts: [String: RecordingUpstream.Script] = [:]
    /// Lets it happen to a client. Returns what the client gets, once the trouble is over.
    let act: @Sendable (ChaosSite) throws -> String

    var description: String { name }

    /// Whether the counters have grown as they should.
    func expects(_ troubles: [String: Double]) -> Bool {
        troubles.keys == metrics.keys
            && metrics.allSatisfy { name, growth in
                atLeast.contains(name) ? troubles[name] ?? 0 >= growth : troubles[name] == growth
            }
    }
}

/// A gateway in trouble.
final class ChaosSite: Sendable {
    let site: Site
    /// An upstream that has no part in it, at `/well/`.
    let well: RecordingUpstream
    /// The path of the client's request.
    let path: String
    private let before: MetricsText

    var gateway: Gateway { site.gateway }
    var port: UInt16 { site.port }

    init(_ chaos: Chaos) throws {
        let well = try RecordingUpstream()
        self.well = well
        path = chaos.path
        let scripts = chaos.scripts
        site = try Site({
            $0.more = Self.wellTables(well.port)
            try chaos.adjust(&$0)
        }) { exchange in
            if let script = scripts[String(exchange.request.target.prefix { $0 != "?" })] {
                return try script(exchange)
            }
            return try exchange.echo()
        }
        before = try site.gateway.metrics()
    }

    private static func wellTables(_ port: UInt16) -> String {
        """
        [[upstream]]
        name = "well"
        servers = ["127.0.0.1:\(port)"]
        [[route]]
        path = "/well/**"
        upstream = "well"
        access = "public"
        """
    }

    /// Lets the gateway load another configuration.
    func reload(_ adjust: (inout GatewayConfiguration) -> Void = { _ in }) throws {
        try gateway.rewrite(
            site.configuration {
                $0.more = Self.wellTables(well.port)
                adjust(&$0)
            }
        )
        gateway.reload()
    }

    // MARK: What shows

    /// What a client of its own gets for a request.
    func request(
        _ path: String? = nil,
        method: String = "GET",
        fields: [String] = [],
        body: [UInt8] = [],
        within seconds: Double = 20
    ) throws -> String {
        let client = try Client(port: port)
        var lines = ["\(method) \(path ?? self.path) HTTP/1.1", "Host: localhost"] + fields
        if !body.isEmpty { lines.append("Content-Length: \(body.count)") }
        client.send(Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8) + body)
        return try Self.answer(on: client, within: seconds)
    }

    /// Reads an answer and says what it is.
    static func answer(on client: Client, within seconds: Double = 20) throws -> String {
        do {
            return try text(of: client.response(within: seconds))
        } catch MessageFault.truncated {
            return "cut after \(client.reader.buffer.count) bytes of the body"
        }
    }

    static func text(of answer: Response) throws -> String {
        guard answer["Content-Type"]?.contains("json") == true else { return "\(answer.status) \(answer.text)" }
        return try "\(answer.status) \(answer.json()["code"]?.text ?? "")"
    }

    /// The reasons in the last line of the access log for the client's path; empty if there is no line.
    func reasons() -> String {
        let line = gateway.log.split(separator: "\n").last { $0.contains("\"path\":\"\(path)\"") } ?? ""
        let entry = (try? JSONSerialization.jsonObject(with: Data(line.utf8))) as? [String: Any] ?? [:]
        let members = ["status", "verdict", "refusal", "fault", "cut"]
        return members.compactMap { name in entry[name].map { "\(name)=\($0)" } }.joined(separator: " ")
    }

    /// The growth of the counters of trouble, as `name label=value`.
    func troubles() throws -> [String: Double] {
        let present = try gateway.metrics()
        var troubles: [String: Double] = [:]
        for family in Self.families {
            for (labels, growth) in present.growth(of: "gateway_\(family)_total", since: before) {
                // The other upstream is well.
                let words = labels.filter { $0.key != "upstream" }.sorted { $0.key < $1.key }
                troubles[([family] + words.map { "\($0.key)=\($0.value)" }).joined(separator: " "), default: 0] +=
                    growth
            }
        }
        return troubles
    }

    private static let families = [
        "upstream_faults", "upstream_retries", "upstream_retries_withheld", "refusals", "requests_cut", "requests_shed",
        "requests_limited", "connections_refused", "database_commit_failures",
    ]
}
