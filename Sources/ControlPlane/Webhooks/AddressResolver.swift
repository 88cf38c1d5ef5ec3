import Basics
import HTTPTypes
import NIOCore
import Transport

/// Looks up the addresses of webhooks' hosts with the system's resolver.
///
/// The system's call blocks a thread for as long as a name server stays silent, and companies choose the names. So it
/// has threads of its own, of which a company gets a few, and companies take turns.
final class AddressResolver: Sendable {
    struct NoSuchHost: Error, CustomStringConvertible {
        let description: String
    }

    /// All webhooks' names share these threads.
    static let system = AddressResolver()

    private static let maxThreads = 32
    private static let threadsPerCompany = 4

    private let threads = BlockingThreads(name: "webhook names", limit: maxThreads)
    private let turns = CallQuota(
        perCompany: threadsPerCompany,
        total: maxThreads,
        waiting: 256,
        // Less than a company's call waits for the whole look-up.
        patience: .seconds(4)
    )
    private let lookUp: @Sendable (String, UInt16) -> Resolver.Outcome

    /// - Parameter lookUp: blocks until it has the answer.
    init(lookUp: @escaping @Sendable (String, UInt16) -> Resolver.Outcome = Resolver.askSystem) {
        self.lookUp = lookUp
    }

    /// The addresses of `host`, which is a name or an address.
    ///
    /// - Throws: ``NoSuchHost``; ``DeliveryFault/namesWait(isOwn:)`` if other look-ups take too long.
    func addresses(of host: String, port: Int, for company: String) async throws -> [SocketAddress] {
        if NetworkAddress(ip: host, port: 0) != nil { return [try SocketAddress(ipAddress: host, port: port)] }
        let turn: CallQuota.Place
        do throws(Fault) {
            turn = try await turns.enter(company)
        } catch {
            throw DeliveryFault.namesWait(isOwn: error.status == .tooManyRequests)
        }
        // The thread is blocked even if nobody waits for the answer any more.
        defer { turn.leave() }
        // Whoever asked may have given up meanwhile.
        try Task.checkCancellation()
        let outcome = await withCheckedContinuation { continuation in
            threads.run { [lookUp] in continuation.resume(returning: lookUp(host, UInt16(clamping: port))) }
        }
        switch outcome {
        case .found(let addresses): return try addresses.map { try SocketAddress(ipAddress: $0.hostText, port: port) }
        case .failed(let reason): throw NoSuchHost(description: reason)
        }
    }
}
