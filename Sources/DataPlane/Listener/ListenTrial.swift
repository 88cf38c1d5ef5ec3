package import GatewayConfiguration
import Glibc

/// Finds problems with a configuration's addresses without listening. Ignores ports in use: the process using one may
/// be this gateway.
package enum ListenTrial {
    /// The problems as lines that begin with a key.
    package static func problems(in settings: Settings) -> [String] {
        var problems: [String] = []
        for socket in settings.sockets {
            if let group = socket.group, let fault = fault(ofGroup: group) {
                problems.append("\(socket.place).group: \(fault)")
            }
            problems += problem("\(socket.place).address", socket.address)
        }
        if settings.control.enabled, let fault = SocketFile.fault(at: settings.control.socket) {
            let (key, socket) = (settings.control.socketKey, settings.control.socket)
            problems.append("\(key): cannot create the control API's socket: \(fault): \(socket)")
        }
        return problems + AddressOverlap.problems(in: settings)
    }

    private static func fault(ofGroup group: String) -> String? {
        guard let id = SocketFile.groupID(group) else {
            return "no such group: \(group); create it with groupadd, or name another"
        }
        guard SocketFile.mayGive(to: id) else {
            return "the user that the gateway runs as is not in \(group), and may not give it a file: "
                + "add the user to the group (usermod -aG), or name one of its groups"
        }
        return nil
    }

    private static func problem(_ place: String, _ address: ListenAddress) -> [String] {
        guard let reason = fault(address) else { return [] }
        return [ListenFault(place: place, address: address, reason: reason).description]
    }

    private static func fault(_ address: ListenAddress) -> String? {
        switch address {
        case .unix(let path): SocketFile.fault(at: path)
        case .tcp(let host, let port): fault(address, host: host, port: port)
        // Only the start knows what systemd passes.
        case .systemd: nil
        }
    }

    /// Binds a socket briefly.
    private static func fault(_ address: ListenAddress, host: String, port: Int) -> String? {
        do throws(BoundSocket.Fault) {
            _ = try BoundSocket(host, port: UInt16(clamping: port), reusesAddress: true)
            return nil
        } catch {
            switch error {
            case .noSuchHost: return "no such host"
            case .system(EADDRINUSE): return nil
            case .system(let number): return ListenFault.words(number, address)
            }
        }
    }
}
