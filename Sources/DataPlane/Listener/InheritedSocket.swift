import Basics
import GatewayConfiguration
package import Transport

/// A listening socket that another process has opened and passed on.
package struct InheritedSocket: Sendable {
    /// Its address in the other process's configuration, as text.
    package let address: String
    package let descriptor: Descriptor

    package init(address: String, descriptor: Descriptor) {
        self.address = address
        self.descriptor = descriptor
    }

    /// Whether a listener with this address may use it.
    func isFor(_ wanted: ListenAddress) -> Bool { address.hasSameBytes(as: wanted.text) }
}

/// A listening socket of this process, and what it was opened for.
struct HeldSocket: Sendable {
    let address: ListenAddress
    /// Until a listener takes it.
    let descriptor: Descriptor

    /// The address with what only the socket tells, since port 0 has become another.
    var place: String {
        switch address {
        case .unix: return address.text
        case .tcp(let host, _):
            guard let port = descriptor.localPort else { return address.text }
            return ListenAddress.tcp(host: host, port: Int(port)).text
        case .systemd:
            guard let local = descriptor.localAddress else { return address.text }
            return "\(address.text) (\(local.hostText)\(local.port.map { ":\($0)" } ?? ""))"
        }
    }
}
