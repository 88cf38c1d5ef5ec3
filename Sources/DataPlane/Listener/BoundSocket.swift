import CLinux
import Transport

/// A socket that is bound as long as it is held, and does not listen: for asking the system what a listener could do.
final class BoundSocket {
    enum Fault: Error, Equatable {
        case noSuchHost
        /// The system's number.
        case system(CInt)
    }

    private let descriptor: Descriptor

    /// - Parameters:
    ///   - port: 0: one that the system chooses.
    ///   - reusesAddress: as listeners do, whose port may have connections left of one before.
    init(_ host: String, port: UInt16, reusesAddress: Bool = false) throws(Fault) {
        guard case .found(let addresses) = Resolver.askSystem(host, port), let address = addresses.first else {
            throw .noSuchHost
        }
        var options: [(level: Int32, option: Int32, value: Int32)] = []
        if reusesAddress { options.append((SOL_SOCKET, SO_REUSEADDR, 1)) }
        // As listeners are: those of IPv6 take IPv4 too.
        if address.family == AF_INET6 { options.append((Int32(IPPROTO_IPV6), IPV6_V6ONLY, 0)) }
        do throws(SystemFault) {
            descriptor = try Listener.bind(address, options: options)
        } catch {
            throw .system(error.number)
        }
    }

    /// Nil where the system does not say.
    var port: UInt16? { descriptor.localPort }
}
