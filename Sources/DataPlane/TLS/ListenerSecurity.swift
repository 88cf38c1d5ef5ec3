import GatewayConfiguration
import Synchronization
import Transport

/// The TLS contexts of all listeners, according to the configuration in effect.
final class ListenerSecurity: Sendable {
    private let contexts: Mutex<[TLSContext?]>
    private let ticketKeys: TicketKeys

    /// - Throws: an error if OpenSSL does not accept a certificate, of an upstream either.
    init(_ settings: Settings) throws(ConfigurationError) {
        ticketKeys = TicketKeys()
        contexts = Mutex(try Self.contexts(settings, ticketKeys))
    }

    /// The context for new connections of a listener; `nil` for plaintext.
    func context(_ index: Int) -> TLSContext? { contexts.withLock { $0[index] } }

    /// Replaces the certificates of the same listeners. Whether they speak TLS stays.
    func adopt(_ settings: Settings) throws(ConfigurationError) {
        let new = try Self.contexts(settings, ticketKeys)
        contexts.withLock { $0 = new }
    }

    private static func contexts(
        _ settings: Settings,
        _ ticketKeys: TicketKeys
    ) throws(ConfigurationError) -> [TLSContext?] {
        var problems: [String] = []
        var contexts: [TLSContext?] = []
        for (index, listener) in settings.listeners.enumerated() {
            guard listener.certifiedKey != nil else {
                contexts.append(nil)
                continue
            }
            do throws(TLSContext.Fault) {
                let ownKeys = listener.ticketKeys.map { TicketKeys(file: $0.bytes) }
                contexts.append(try TLSContext(listener, ticketKeys: ownKeys ?? ticketKeys))
            } catch {
                problems.append("listener[\(index)].\(error)")
            }
        }
        for (index, upstream) in settings.upstreams.enumerated() {
            guard let key = upstream.certifiedKey, let fault = TLSClientContext.fault(of: key) else { continue }
            problems.append("upstream[\(index)].certificate: OpenSSL does not accept it: \(fault)")
        }
        guard problems.isEmpty else { throw ConfigurationError(problems: problems) }
        return contexts
    }
}
