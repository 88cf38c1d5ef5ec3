import Admission
import ArgumentParser
import Basics
import DataPlane
import GatewayConfiguration
import JOSE

/// `gateway token inspect TOKEN --config gateway.conf --event E`
struct TokenInspect: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect",
        abstract: "Show a token's content and, with a configuration, whether and why it would be refused.",
        discussion: "If the company publishes its keys (jwks_url, openid), they are fetched."
    )

    @Argument(help: "The token; by default a line from standard input.")
    var token: String?

    @Option(help: "The configuration file with the companies, keys and rules.")
    var config: String?

    @Option(help: "The event to use it for.")
    var event: String?

    private static let maxSize = 64 << 10

    func run() throws {
        guard let text = token ?? readLine() else { throw ValidationError("no token") }
        let bytes = Array(text.utf8)
        let parsed: Token
        do throws(TokenFault) {
            parsed = try Token(parsing: bytes.span, maxSize: Self.maxSize)
        } catch {
            print("not a token: \(error.code)")
            throw ExitCode(1)
        }
        var header = [JSONMember("alg", .string(parsed.algorithm.rawValue))]
        if let id = parsed.keyID { header.append(JSONMember("kid", .string(id))) }
        if let type = parsed.type { header.append(JSONMember("typ", .string(type))) }
        print("header  \(Self.text(.object(header)))")
        print("claims  \(Self.text(.object(parsed.claims.members)))")
        printTimes(parsed.validity)
        guard let config else { return }
        try judge(bytes, settings: try ConfigurationFile(path: config).loadOrExit())
    }

    private func printTimes(_ validity: Validity) {
        let now = WallClock.seconds()
        if let issued = validity.issuedAt {
            print("issued  \(WallClock.text(issued)), \(WallClock.distance(issued, now))")
        }
        if let start = validity.notBefore {
            print("from    \(WallClock.text(start)), \(WallClock.distance(start, now))")
        }
        if let end = validity.expires {
            print("expires \(WallClock.text(end)), \(WallClock.distance(end, now))")
        } else {
            print("expires never")
        }
    }

    private func judge(_ bytes: [UInt8], settings: Settings) throws {
        let viewer: Viewer
        let rules = Admission.Rules(settings)
        do throws(TokenFault) {
            viewer = try self.viewer(of: bytes, settings)
            let now = WallClock.seconds()
            try viewer.validity.check(now: now, leeway: rules.leeway, requireExpiry: rules.requireExpiry)
        } catch {
            print("refused \(Refusal(error).code): \(error.code)")
            throw ExitCode(1)
        }
        print("viewer  \(viewer.kind) of company \(viewer.company), token \(viewer.fingerprint)")
        switch TokenJudge(settings: settings).verdict(on: viewer, event: event) {
        case .accept: print("accept")
        case .acceptIf(let condition): print("accept  if \(condition)")
        case .refuse(let refusal, let reason):
            print("refused \(refusal.code): \(reason)")
            throw ExitCode(1)
        }
    }

    private func viewer(of bytes: [UInt8], _ settings: Settings) throws(TokenFault) -> Viewer {
        let authority = TokenAuthority(settings, generation: 1)
        do throws(TokenFault) {
            return try authority.viewer(for: bytes.span)
        } catch {
            guard error == .keysAwaited, let id = authority.ownCompany(of: bytes.span) else { throw error }
            let urls = settings.companies.filter { $0.id.hasSameBytes(as: id) }.flatMap(\.keySetURLs)
            guard let fetched = try? KeySetFetch.run(urls) else { throw error }
            for (url, reason) in fetched.faults { print("keys    \(url.text): \(reason)") }
            for (url, keys) in fetched.keys { print("keys    \(url.text): \(keys.count)") }
            return try TokenAuthority(settings, fetched: fetched.keys, generation: 1).viewer(for: bytes.span)
        }
    }

    private static func text(_ value: JSONValue) -> String {
        TerminalText.escaped(String(decoding: value.serialized(), as: UTF8.self))
    }
}
