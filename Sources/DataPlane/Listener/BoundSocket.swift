import Basics
import CLinux
import Transport

/// A socket that is bound while it is held, and does not listen. Used to find out what a listener could do.
final class BoundSocket {
    enum Fault: Error, Equatable {
        case noSuchHost
        /// The `errno`.
        case system(CInt)
    }

    private let descriptor: Descriptor

    /// - Parameters:
    ///   - port: 0 for one chosen by the system.
    ///   - reusesAddress: as for listeners, whose port may have connections left from an earlier process.
    init(_ host: String, port: UInt16, reusesAddress: Bool = false) throws(Fault) {
        guard case .found(let addresses) = Resolver.askSystem(host, port), let address = addresses.first else {
            throw .noSuchHost
        }
        var options: [(level: Int32, option: Int32, value: Int32)] = []
        if reusesAddress { options.append((SOL_SOCKET, SO_REUSEADDR, 1)) }
        // As for listeners: IPv6 sockets also accept IPv4.
        if address.family == AF_INET6 { options.append((Int32(IPPROTO_IPV6), IPV6_V6ONLY, 0)) }
        do throws(SystemFault) {
            descriptor = try Listener.bind(address, options: options)
        } catch {
            throw .system(error.number)
        }
    }

    /// `nil` if the system does not tell it.
    var port: UInt16? { descriptor.localPort }
}
