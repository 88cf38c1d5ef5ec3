import Basics
import Dispatch
import NIOCore
import Transport

/// Looks up the addresses of a host with the system's resolver.
enum AddressResolver {
    struct NoSuchHost: Error, CustomStringConvertible {
        let description: String
    }

    /// The system's call blocks a thread while it waits for a name server. The queue creates threads as needed.
    private static let queue = DispatchQueue(label: "webhook-addresses", attributes: .concurrent)

    static func addresses(of host: String, port: Int) async throws -> [SocketAddress] {
        try await withCheckedThrowingContinuation { continuation in
            queue.async { continuation.resume(with: Result { try lookUp(host, port: port) }) }
        }
    }

    private static func lookUp(_ host: String, port: Int) throws -> [SocketAddress] {
        switch Resolver.askSystem(host, UInt16(clamping: port)) {
        case .found(let addresses): try addresses.map { try SocketAddress(ipAddress: $0.hostText, port: port) }
        case .failed(let reason): throw NoSuchHost(description: reason)
        }
    }
}
