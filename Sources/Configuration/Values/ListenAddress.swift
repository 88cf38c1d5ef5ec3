/// Where a listener gets its socket from.
package enum ListenAddress: Sendable, Equatable {
    case tcp(host: String, port: Int)
    case unix(path: String)
    /// From systemd, which has opened it: all sockets with this `FileDescriptorName`
    /// ([systemd.socket(5)](https://www.freedesktop.org/software/systemd/man/latest/systemd.socket.html)).
    case systemd(name: String)

    package init(_ address: SocketAddress) {
        switch address {
        case .tcp(let host, let port): self = .tcp(host: host, port: port)
        case .unix(let path): self = .unix(path: path)
        }
    }

    /// Reads the address of a socket, or `systemd:NAME`.
    init(parsing text: String) throws(ValueFault) {
        guard text.hasPrefix("systemd:") else {
            self.init(try SocketAddress(parsing: text))
            return
        }
        let name = String(text.dropFirst(8))
        // As sd_listen_fds_with_names(3) defines names.
        guard (1...255).contains(name.utf8.count),
            name.utf8.allSatisfy({ (0x20...0x7e).contains($0) && $0 != UInt8(ascii: ":") })
        else {
            throw ValueFault("\(quoted(text)): systemd: needs the FileDescriptorName of a .socket unit")
        }
        self = .systemd(name: name)
    }

    /// The address of the socket; `nil` if systemd knows it.
    package var socket: SocketAddress? {
        switch self {
        case .tcp(let host, let port): .tcp(host: host, port: port)
        case .unix(let path): .unix(path: path)
        case .systemd: nil
        }
    }

    /// The address in the form of the configuration.
    package var text: String {
        switch self {
        case .systemd(let name): "systemd:\(name)"
        case .tcp, .unix: socket?.text ?? ""
        }
    }

    /// Whether it can be reached only from this machine, as far as known.
    package var isLoopback: Bool { socket?.isLoopback ?? false }

    /// Whether both are the same, however hosts are spelt. Port 0 is a new port each time.
    func isSame(as other: ListenAddress) -> Bool {
        guard let socket, let otherSocket = other.socket else { return self == other }
        return socket.isSame(as: otherSocket)
    }
}
