import Basics
import CLinux

/// A connection between two processes on this machine over a Unix socket. It carries messages, and with them copies of
/// descriptors ([unix(7)](https://man7.org/linux/man-pages/man7/unix.7.html), `SCM_RIGHTS`).
///
/// Its calls wait for the peer, so they must not be made on an event loop unless their time limit is short. One thread
/// at a time may send, and one receive.
public final class LocalChannel: Sendable {
    /// What a message is about, its content, and the descriptors that came with it.
    public struct Message: Sendable {
        public let kind: UInt8
        public let bytes: [UInt8]
        public let descriptors: [Descriptor]
    }

    /// Why nothing more can be exchanged.
    public enum Fault: Error, Equatable, CustomStringConvertible {
        /// The peer has closed the connection, or has ended.
        case closed
        case timedOut
        /// The peer announced a message that is larger than the caller accepts.
        case tooLarge
        case system(SystemFault)

        public var description: String {
            switch self {
            case .closed: "it closed the connection"
            case .timedOut: "it does not answer in time"
            case .tooLarge: "it sent too much"
            case .system(let fault): fault.description
            }
        }
    }

    /// The most descriptors of one message.
    public static let maxDescriptors = Int(GATEWAY_MAX_DESCRIPTORS)
    /// Kind, number of descriptors, and the content's length in four bytes, big-endian.
    private static let headSize = 6

    private let socket: Descriptor

    /// - Parameter socket: a connected, non-blocking Unix socket.
    public init(_ socket: Descriptor) { self.socket = socket }

    /// Connects to the process that listens on a socket file.
    public init(path: String) throws(SystemFault) {
        guard path.utf8.count <= NetworkAddress.maxPath else { throw SystemFault("connect", ENAMETOOLONG) }
        let result = gateway_socket(AF_UNIX)
        guard result >= 0 else { throw SystemFault("socket", Int32(-result)) }
        socket = Descriptor(Int32(result))
        // SAFETY: the address is alive during the call.
        let connected = unsafe NetworkAddress.unix(path: path).withSystemAddress { address, length in
            socket.withNumber { unsafe gateway_connect($0, address, length) }
        }
        guard connected >= 0 else { throw SystemFault("connect", Int32(-connected)) }
    }

    /// A channel of this process, and the socket that is its other end, for another process.
    public static func open() throws(SystemFault) -> (LocalChannel, Descriptor) {
        var ends: [Int32] = [-1, -1]
        // SAFETY: the call writes both elements.
        let result = unsafe ends.withUnsafeMutableBufferPointer { unsafe gateway_socket_pair($0.baseAddress) }
        guard result >= 0 else { throw SystemFault("socketpair", Int32(-result)) }
        return (LocalChannel(Descriptor(ends[0])), Descriptor(ends[1]))
    }

    /// The peer's process and user, as the kernel knows them.
    public var peer: (process: Int32, user: UInt32)? {
        var (process, user): (Int32, UInt32) = (0, 0)
        // SAFETY: the call writes two locals.
        return socket.withNumber { unsafe gateway_peer($0, &process, &user) } >= 0 ? (process, user) : nil
    }

    /// Whether the peer runs as this process's user.
    public var isOfSameUser: Bool { peer.map { $0.user == geteuid() } ?? false }

    /// Ends the receiving. Whoever waits for a message gets ``Fault/closed`` instead, and the peer cannot send any more.
    public func stopReceiving() { _ = socket.withNumber { shutdown($0, Int32(SHUT_RD)) } }

    /// Ends the connection in both directions, at once for whoever waits on either side.
    public func end() { _ = socket.withNumber { shutdown($0, Int32(SHUT_RDWR)) } }

    /// Sends a message.
    ///
    /// - Parameters:
    ///   - descriptors: those that the peer gets copies of, at most ``maxDescriptors``.
    ///   - time: how long the peer may take to read it, in milliseconds.
    public func send(
        _ kind: UInt8,
        _ bytes: [UInt8] = [],
        descriptors: [Descriptor] = [],
        within time: Int64
    ) throws(Fault) {
        precondition(bytes.count <= Int(UInt32.max) && descriptors.count <= Self.maxDescriptors)
        let deadline = MonotonicClock.now() + time
        var message = [kind, UInt8(descriptors.count)]
        for shift in [24, 16, 8, 0] { message.append(UInt8(truncatingIfNeeded: bytes.count >> shift)) }
        message += bytes
        var numbers = descriptors.map { descriptor in descriptor.withNumber { $0 } }
        var start = 0
        while start < message.count {
            // SAFETY: the call reads the arrays' own bytes.
            let sent = unsafe message[start...].withUnsafeBytes { rest in
                unsafe numbers.withUnsafeBufferPointer { numbers in
                    socket.withNumber {
                        unsafe gateway_send_descriptors(
                            $0,
                            rest.baseAddress,
                            rest.count,
                            numbers.baseAddress,
                            numbers.count
                        )
                    }
                }
            }
            if sent < 0 {
                try wait(for: Int16(POLLOUT), after: sent, "sendmsg", until: deadline)
            } else {
                start += sent
                numbers = []
            }
        }
        withExtendedLifetime(descriptors) {}
    }

    /// Receives the next message.
    ///
    /// - Parameters:
    ///   - limit: the most bytes of content.
    ///   - time: how long it may take to arrive, in milliseconds.
    public func receive(atMost limit: Int, within time: Int64) throws(Fault) -> Message {
        let deadline = MonotonicClock.now() + time
        var descriptors: [Descriptor] = []
        let head = try receive(count: Self.headSize, &descriptors, until: deadline)
        let count = head[2...].reduce(0) { $0 << 8 | Int($1) }
        guard count <= limit else { throw .tooLarge }
        let bytes = try receive(count: count, &descriptors, until: deadline)
        // Some were lost: this process has no room for them.
        guard descriptors.count == Int(head[1]) else { throw .system(SystemFault("recvmsg", EMFILE)) }
        return Message(kind: head[0], bytes: bytes, descriptors: descriptors)
    }

    private func receive(
        count: Int,
        _ descriptors: inout [Descriptor],
        until deadline: Int64
    ) throws(Fault) -> [UInt8] {
        // Grows with what arrives, not with what is announced.
        var (bytes, piece): ([UInt8], [UInt8]) = ([], [UInt8](repeating: 0, count: min(count, Self.pieceSize)))
        var numbers = [Int32](repeating: -1, count: Self.maxDescriptors)
        while bytes.count < count {
            var number = 0
            let wanted = min(count - bytes.count, piece.count)
            // SAFETY: the call writes at most as many bytes as wanted and as many descriptors as there is room for.
            let received = unsafe piece.withUnsafeMutableBytes { piece in
                unsafe numbers.withUnsafeMutableBufferPointer { numbers in
                    socket.withNumber {
                        unsafe gateway_receive_descriptors($0, piece.baseAddress, wanted, numbers.baseAddress, &number)
                    }
                }
            }
            descriptors += numbers.prefix(number).map { Descriptor($0) }
            guard received != 0 else { throw .closed }
            guard received > 0 else {
                try wait(for: Int16(POLLIN), after: received, "recvmsg", until: deadline)
                continue
            }
            bytes += piece.prefix(received)
        }
        return bytes
    }

    private static let pieceSize = 64 << 10

    /// Waits until a failed call may succeed.
    private func wait(for readiness: Int16, after result: Int, _ call: String, until deadline: Int64) throws(Fault) {
        switch Int32(-result) {
        case EINTR: return
        case EAGAIN: break
        case EPIPE, ECONNRESET: throw .closed
        case let number: throw .system(SystemFault(call, number))
        }
        let left = deadline - MonotonicClock.now()
        guard left > 0 else { throw .timedOut }
        _ = socket.withNumber { gateway_poll($0, readiness, Int32(clamping: left)) }
    }
}
