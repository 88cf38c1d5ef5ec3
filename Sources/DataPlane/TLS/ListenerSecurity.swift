import GatewayConfiguration
import Synchronization

/// The TLS contexts of all listeners, according to the configuration in effect.
final class ListenerSecurity: Sendable {
    private let contexts: Mutex<[TLSContext?]>
    private let ticketKeys: TicketKeys

    init(_ listeners: [ListenerSettings]) throws(ConfigurationError) {
        ticketKeys = TicketKeys()
        contexts = Mutex(try Self.contexts(listeners, ticketKeys))
    }

    /// The context for new connections of a listener; `nil` for plaintext.
    func context(_ index: Int) -> TLSContext? { contexts.withLock { $0[index] } }

    /// Replaces the certificates of the same listeners. Whether they speak TLS stays.
    func adopt(_ listeners: [ListenerSettings]) throws(ConfigurationError) {
        let new = try Self.contexts(listeners, ticketKeys)
        contexts.withLock { $0 = new }
    }

    private static func contexts(
        _ listeners: [ListenerSettings],
        _ ticketKeys: TicketKeys
    ) throws(ConfigurationError) -> [TLSContext?] {
        var problems: [String] = []
        var contexts: [TLSContext?] = []
        for (index, listener) in listeners.enumerated() {
            guard listener.certifiedKey != nil else {
                contexts.append(nil)
                continue
            }
            do throws(TLSContext.Fault) {
                contexts.append(try TLSContext(listener, ticketKeys: ticketKeys))
            } catch {
                problems.append("listener[\(index)].\(error)")
            }
        }
        guard problems.isEmpty else { throw ConfigurationError(problems: problems) }
        return contexts
    }
}
