import CLinux
import GatewayConfiguration
import Transport

/// A listener could not be opened, or its socket not be given the configured owner.
package struct ListenFault: Error, CustomStringConvertible {
    /// The place of the address in the configuration.
    let place: String
    let address: ListenAddress
    let reason: String

    init(place: String, address: ListenAddress, reason: String) {
        (self.place, self.address, self.reason) = (place, address, reason)
    }

    init(place: String, address: ListenAddress, _ fault: SystemFault) {
        self.init(place: place, address: address, reason: Self.words(fault.number, address))
    }

    package var description: String { "\(place): cannot listen on \(address.text): \(reason)" }

    /// What an `errno` means for an address, and what the operator can do about it.
    static func words(_ number: CInt, _ address: ListenAddress) -> String {
        switch number {
        case EADDRINUSE: return "another program listens there"
        case EADDRNOTAVAIL: return "it is not an address of this machine"
        case ENOENT, ENOTDIR: return "no such folder"
        case ENOTSOCK, EBADF: return "the descriptor that systemd has passed is not a socket"
        case EPROTOTYPE: return "the socket that systemd has passed is not a stream: use ListenStream="
        case EINVAL:
            guard case .systemd = address else { break }
            return "the socket that systemd has passed does not listen: use Accept=no"
        case EACCES, EPERM:
            guard case .tcp(_, let port) = address, port < 1024 else { return "permission denied" }
            return """
                permission denied: ports below 1024 need root, the capability CAP_NET_BIND_SERVICE (AmbientCapabilities= \
                of the unit, or setcap cap_net_bind_service=+ep on the program), or a lower \
                net.ipv4.ip_unprivileged_port_start
                """
        default: break
        }
        // SAFETY: strerror returns a static or thread-local text, copied before the next call.
        return unsafe String(cString: strerror(number))
    }
}
