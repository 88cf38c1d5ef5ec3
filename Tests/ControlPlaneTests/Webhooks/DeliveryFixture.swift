import Admission
import Basics
import Directory
import Foundation
import GatewayConfiguration
import JOSE
import Logging
import NIOCore
import Synchronization
import Testing

@testable import ControlPlane

/// A directory in its own folder, and the delivery of its messages.
final class DeliveryFixture: Sendable {
    let folder: String
    let log = RecordedLog()
    private let offset = Mutex<Int64>(0)
    private let lookUps = Mutex<[String]>([])
    private let addresses = Mutex<[String: [String]]>([:])

    init() throws {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("delivery-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        folder = url.path
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    /// The time of day, plus the offset set by the test.
    var now: Int64 { Int64(Date().timeIntervalSince1970 * 1000) + offset.withLock { $0 } }

    func advance(_ time: Int64) { offset.withLock { $0 += time } }

    /// The names that were looked up, in order.
    var lookedUp: [String] { lookUps.withLock { $0 } }

    /// Makes a name resolve to addresses; all others resolve to 127.0.0.1.
    func resolve(_ host: String, as texts: [String]) { addresses.withLock { $0[host] = texts } }

    func openDirectory() throws -> Directory {
        try Directory(database: "\(folder)/gateway.sqlite") { [self] in now }
    }

    static let loopback = ["127.0.0.0/8"]

    static func ranges(_ texts: [String]) throws -> [AddressRange] { try texts.map { try AddressRange(parsing: $0) } }

    func delivery(
        _ directory: Directory,
        allowed: [String] = loopback,
        authorities: TrustedAuthorities? = nil,
        exchangeTime: TimeAmount = Receiver.patience,
        wait: Int64 = 20
    ) throws -> WebhookDelivery {
        let resolve: @Sendable (String, Int, String) async throws -> [NIOCore.SocketAddress] = {
            [self] host, port, _ in
            lookUps.withLock { $0.append(host) }
            let texts = addresses.withLock { $0[host] } ?? ["127.0.0.1"]
            return try texts.map { try NIOCore.SocketAddress(ipAddress: $0, port: port) }
        }
        let client = DeliveryClient(
            tls: OutgoingTLS(authorities: authorities),
            resolve: resolve,
            connectTime: Receiver.patience,
            exchangeTime: exchangeTime
        )
        return WebhookDelivery(
            directory: directory,
            client: client,
            allowedPrivate: try Self.ranges(allowed),
            logger: Logger(label: "test") { [log] _ in log },
            clock: { [self] in now },
            wait: { _ in wait }
        )
    }

    /// Runs `delivery` while `body` runs.
    func running<Value: Sendable>(
        _ delivery: WebhookDelivery,
        _ body: () async throws -> Value
    ) async throws -> Value {
        let run = Task { await delivery.run() }
        defer { run.cancel() }
        let value = try await body()
        run.cancel()
        await run.value
        return value
    }

    /// The message to be sent next.
    func next(_ webhook: Webhook, _ directory: Directory) async throws -> Delivery? {
        guard case .message(let delivery) = try await directory.nextMessage(for: webhook, at: now) else { return nil }
        return delivery
    }

    func makeEvent(
        _ directory: Directory,
        _ name: String = "Launch",
        company: String = "acme"
    ) async throws -> Event {
        let fields = EventFields(name: name, startsAt: now, endsAt: now + 3_600_000, timezone: "Europe/Berlin")
        return try await directory.create(.event, fields: fields, company: company, creator: company)
    }

    func rename(_ event: Event, _ name: String, _ directory: Directory) async throws {
        _ = try await directory.update(event.uid, .event, company: "acme") { $0.name = name }
    }

    func webhook(
        _ type: WebhookType,
        _ endpoint: String,
        _ directory: Directory,
        event: String? = nil
    ) async throws -> Webhook {
        try await directory.createWebhook([type], endpoint: endpoint, event: event, company: "acme")
    }
}

extension Receiver.Request {
    func members() throws -> [JSONMember] {
        let text = Array(body.utf8)
        guard case .object(let members) = try JSONValue(parsing: text.span, limits: JSONLimits(size: 1 << 20)) else {
            throw NotAnObject()
        }
        return members
    }

    struct NotAnObject: Error {}

    /// The name of the event that the message is about.
    var eventName: String? {
        guard case .object(let data)? = try? members()["data"], case .string(let name)? = data["name"] else {
            return nil
        }
        return name
    }
}

extension AsyncStream where Element: Sendable {
    /// The next elements; fewer if they do not arrive within three minutes.
    func next(_ count: Int) async -> [Element] {
        await withTaskGroup(of: [Element]?.self) { group in
            group.addTask {
                var elements: [Element] = []
                for await element in self {
                    elements.append(element)
                    if elements.count == count { break }
                }
                return elements
            }
            group.addTask {
                try? await Task.sleep(for: .seconds(180))
                return nil
            }
            var found: [Element] = []
            for await elements in group {
                found = elements ?? []
                group.cancelAll()
                if let elements { return elements }
            }
            return found
        }
    }
}

/// A log in memory.
final class RecordedLog: LogHandler, Sendable {
    private let all = Mutex<[String]>([])
    let lines = AsyncStream.makeStream(of: String.self)

    var text: String { all.withLock { $0.joined(separator: "\n") } }

    var logLevel: Logger.Level {
        get { .trace }
        set {}
    }
    var metadata: Logger.Metadata {
        get { [:] }
        set {}
    }
    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { nil }
        set {}
    }

    func log(event: LogEvent) {
        let line = "\(event.level) \(event.message) \(event.metadata ?? [:])"
        all.withLock { $0.append(line) }
        lines.continuation.yield(line)
    }
}
