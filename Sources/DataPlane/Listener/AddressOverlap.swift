import Basics
import GatewayConfiguration
import Glibc

/// Finds addresses in a configuration that one process cannot listen at together.
enum AddressOverlap {
    private struct Place {
        let key: String
        let address: GatewayConfiguration.SocketAddress
    }

    /// The problems as lines that begin with a key.
    static func problems(in settings: Settings) -> [String] {
        var places = settings.sockets.compactMap { socket in
            socket.address.socket.map { Place(key: "\(socket.place).address", address: $0) }
        }
        if settings.control.enabled {
            let address = GatewayConfiguration.SocketAddress.unix(path: settings.control.socket)
            places.insert(Place(key: settings.control.socketKey, address: address), at: 0)
        }
        var problems: [String] = []
        for (index, place) in places.enumerated() {
            for other in places[..<index] {
                guard let fault = fault(place.address, other.address) else { continue }
                problems.append(
                    "\(place.key): \(place.address.text) \(fault) of \(other.key): only one of them can listen; "
                        + "take one away, or give it an address of its own"
                )
                break
            }
        }
        return problems
    }

    private static func fault(
        _ address: GatewayConfiguration.SocketAddress,
        _ other: GatewayConfiguration.SocketAddress
    ) -> String? {
        switch (address, other) {
        case (.unix(let path), .unix(let otherPath)):
            FilePath.identity(of: path).hasSameBytes(as: FilePath.identity(of: otherPath))
                ? "is the same socket as \(other.text)" : nil
        // Port 0 is a new port each time.
        case (.tcp(let host, let port), .tcp(let otherHost, let otherPort)) where port == otherPort && port != 0:
            collide(host, otherHost) ? "overlaps with \(other.text)" : nil
        default: nil
        }
    }

    /// How many ports are tried, since any of them may be in use by another program.
    private static let attempts = 3

    /// Whether the system refuses a port at one host while it is taken at another. Uses ports chosen by the system: the
    /// configured one may be in use, or privileged.
    private static func collide(_ host: String, _ other: String) -> Bool {
        for _ in 0..<attempts {
            guard let first = try? BoundSocket(host, port: 0), let port = first.port else { return false }
            // Keep the first bound while the other is tried.
            guard withExtendedLifetime(first, { isTaken(other, port) }) else { return false }
        }
        return true
    }

    private static func isTaken(_ host: String, _ port: UInt16) -> Bool {
        do throws(BoundSocket.Fault) {
            _ = try BoundSocket(host, port: port)
            return false
        } catch {
            return error == .system(EADDRINUSE)
        }
    }
}
