import Foundation
import Synchronization

/// A listening TCP socket on loopback, on a port that the kernel chose.
final class Listener: Sendable {
    let port: UInt16
    private let socket: Socket

    /// - Parameter port: 0 for a free one.
    init(port: UInt16 = 0) throws {
        (socket, self.port) = try Self.bound(to: port)
        guard listen(socket.descriptor, 4096) == 0 else { throw SystemFailure("listen") }
    }

    private static func bound(to port: UInt16) throws -> (socket: Socket, port: UInt16) {
        let descriptor = try Socket.newDescriptor()
        let socket = Socket(adopting: descriptor)
        var reuse: Int32 = 1
        // SAFETY: the value outlives the call, which reads as many bytes as its type has.
        _ = unsafe setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &reuse, socklen_t(MemoryLayout<Int32>.size))
        var address = Socket.loopback(port)
        // SAFETY: the address outlives both calls, which touch as many bytes as its type has.
        return try unsafe withUnsafeMutablePointer(to: &address) { pointer in
            try unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                var size = socklen_t(MemoryLayout<sockaddr_in>.size)
                guard unsafe bind(descriptor, pointer, size) == 0 else { throw SystemFailure("bind") }
                guard unsafe getsockname(descriptor, pointer, &size) == 0 else { throw SystemFailure("getsockname") }
            }
            return unsafe (socket, UInt16(bigEndian: pointer.pointee.sin_port))
        }
    }

    /// The next connection; `nil` once the listener is closed.
    func accept() -> Socket? {
        while true {
            let descriptor = systemAccept(socket.descriptor)
            if descriptor >= 0 {
                _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
                let accepted = Socket(adopting: descriptor)
                accepted.sendAtOnce()
                return accepted
            }
            guard errno == EINTR || errno == ECONNABORTED else { return nil }
        }
    }

    /// Ends ``accept()`` and frees the port.
    func close() {
        _ = shutdown(socket.descriptor, Int32(SHUT_RDWR))
        socket.close()
    }

    /// Ports that nobody else gets while this process lives, for servers that permit the reuse of addresses.
    ///
    /// A socket stays bound to each of them without listening. The kernel then gives the port to nobody who asks for
    /// any port, whether to listen or to connect, but lets a server with `SO_REUSEADDR` have it (socket(7)).
    static func freePorts(_ count: Int) throws -> [UInt16] {
        let reservations = try (0..<count).map { _ in try bound(to: 0) }
        reserved.withLock { $0 += reservations.map(\.socket) }
        return reservations.map(\.port)
    }

    private static let reserved = Mutex<[Socket]>([])
}

private func systemAccept(_ descriptor: Int32) -> Int32 {
    accept(descriptor, nil, nil)
}
