import Admission
import Basics
import Directory
import Foundation
import HTTPTypes
import JOSE
import Logging
import NIOCore
import Synchronization

@testable import ControlPlane
@testable import GatewayConfiguration

/// A control plane with two companies, `acme` and `globex`, and its own database.
final class Service: Sendable {
    static let publicURL = "https://embed.example.com"
    /// The client secret of both companies.
    static let secret = "a secret of the client"
    /// The start of every test's clock: 2027-01-15T08:00:00Z.
    static let start: Milliseconds = 1_800_000_000_000

    let plane: ControlPlane
    let directory: Directory
    let admission: Admission
    let folder: URL
    /// What the control plane logs.
    let log: RecordedLog
    private let state: State

    /// State shared with closures that are made before the service.
    private final class State: Sendable {
        let now = Mutex(Service.start)
        let kicked = Mutex<[String]>([])
        let sentAway = Mutex<[Removal]>([])
        let lifted = Mutex<[Removal]>([])
    }

    init(_ change: (inout Settings) throws -> Void = { _ in }) throws {
        let state = State()
        self.state = state
        let log = RecordedLog()
        self.log = log
        folder = FileManager.default.temporaryDirectory.appending(path: "control-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        directory = try Directory(
            database: folder.appending(path: "gateway.sqlite").path,
            // Time passes without the clock jumping.
            uptime: { state.now.withLock { $0 } },
            clock: { state.now.withLock { $0 } }
        )
        admission = Admission(
            leases: LeaseTable(startedAt: Service.start, seed: 1, shards: 1),
            directory: directory.view
        )
        var settings = try Self.settings()
        try change(&settings)
        plane = try ControlPlane(
            settings: settings,
            tokenKey: Key.secret([UInt8](repeating: 9, count: 32), algorithm: .hs256, id: nil),
            directory: directory,
            sessions: admission.sessions,
            kick: { session in state.kicked.withLock { $0.append(session.name) } },
            sendAway: { removal in state.sentAway.withLock { $0.append(removal) } },
            tellLifted: { removal in state.lifted.withLock { $0.append(removal) } },
            webhooks: WebhookDelivery(
                directory: directory,
                client: DeliveryClient(
                    tls: Self.tls,
                    resolve: { host, port, _ in try Self.resolve(host, port: port) },
                    connectTime: Receiver.patience,
                    exchangeTime: Receiver.patience
                ),
                allowedPrivate: settings.control.webhookPrivateAddresses,
                logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
                clock: { state.now.withLock { $0 } }
            ),
            logger: Logger(label: "test") { _ in log },
            clock: { state.now.withLock { $0 } }
        )
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    /// The time of day.
    var now: Milliseconds {
        get { state.now.withLock { $0 } }
        set { state.now.withLock { $0 = newValue } }
    }

    /// The sessions that were ended.
    var kicked: [String] { state.kicked.withLock { $0 } }

    /// The removals that were lifted.
    var lifted: [Removal] { state.lifted.withLock { $0 } }

    /// The removals whose sessions were ended.
    var sentAway: [Removal] { state.sentAway.withLock { $0 } }

    private static let tls = OutgoingTLS()

    /// The addresses of names in webhooks' endpoints. Nothing is ever sent to the public ones.
    private static func resolve(_ host: String, port: Int) throws -> [NIOCore.SocketAddress] {
        let texts =
            switch host {
            case "nowhere.example": [String]()
            case "private.example": ["10.1.2.3"]
            case "mixed.example": ["198.41.0.4", "10.1.2.3"]
            case "receiver.example": ["127.0.0.1"]
            case let name where name.hasSuffix(".example"): ["198.41.0.4"]
            case let address: [address]
            }
        return try texts.map { try NIOCore.SocketAddress(ipAddress: $0, port: port) }
    }

    static func settings() throws -> Settings {
        var settings = Settings(
            publicURL: PublicURL(text: publicURL, isSecure: true, origin: publicURL),
            listeners: [],
            upstreams: [],
            routes: [],
            companies: []
        )
        for (id, fill) in [("acme", 1), ("globex", 2)] as [(String, UInt8)] {
            let key = try Key.secret([UInt8](repeating: fill, count: 32), algorithm: .hs256, id: "\(id)-key")
            var company = CompanySettings(id: id, name: "Company \(id)", keys: [key], keyOrigins: [])
            company.clientSecrets = [Secret(Array(secret.utf8))]
            company.embedOrigins = ["https://www.\(id).example"]
            settings.companies.append(company)
        }
        return settings
    }

    /// An API token of the company.
    func token(_ company: String = "acme") throws -> String {
        let tenant = try required(plane.snapshot.tenant(company))
        return try AccessToken.make(for: tenant, by: required(tenant.secrets.first), plane.snapshot, now: now)
    }

    private static let rules = {
        var rules = Admission.Rules()
        rules.events = EventOwners([("acme", ["*"].compactMap(EventOwners.Pattern.init))], hasDirectory: true)
        return rules
    }()

    /// Lets a viewer join an event, and returns the session's public name.
    func join(_ viewer: Viewer, event: String) throws -> String {
        let request = Admission.Request(access: .token, presented: nil, address: 1, now: now)
        let bytes = Array(event.utf8)
        let verdict = admission.decide(request, viewer: viewer, event: bytes.span, rules: Self.rules) {
            (SystemRandom.word(), SystemRandom.word())
        }
        guard case .admit(let admitted) = verdict else { throw Unexpected(what: "\(verdict)") }
        return admitted.session.name
    }
}

/// An unexpected state with which a test cannot continue.
struct Unexpected: Error {
    let what: String
}

func required<Value>(_ value: Value?, _ what: String = "nothing there") throws -> Value {
    guard let value else { throw Unexpected(what: what) }
    return value
}

extension CallTable {
    /// The calls with the settings that most tests have.
    static var usual: [Call] {
        calls(webhookAddresses: DeliveryAddresses(allowedPrivate: []), maxEmbedLifetime: 4 * 3600)
    }
}
