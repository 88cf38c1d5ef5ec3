import Foundation
import Synchronization

/// A failed call to the operating system.
struct SystemFailure: Error, CustomStringConvertible {
    let call: String
    let number: Int32

    /// The failure in `errno`.
    init(_ call: String) {
        self.call = call
        number = errno
    }

    var description: String { "\(call): error \(number)" }
}

/// What arrived from the other end of a connection.
enum Received: Equatable {
    case bytes([UInt8])
    /// The other end has ended its sending side.
    case end
    /// The other end reset the connection.
    case reset
    /// Nothing arrived in time.
    case timeout
}

/// A blocking TCP connection on loopback on which every wait is limited.
final class Socket: Sendable {
    let descriptor: Int32
    private let isOpen = Mutex(true)

    init(adopting descriptor: Int32) {
        self.descriptor = descriptor
    }

    deinit { close() }

    /// Connects to a port of this machine.
    ///
    /// - Parameters:
    ///   - host: the last number of the loopback address that the connection comes from, 127.0.0.1 to 127.0.0.254.
    ///   - receiveBuffer: how many bytes the kernel takes for a reader that does not read.
    static func connect(port: UInt16, host: UInt8 = 1, receiveBuffer: Int32? = nil) throws -> Socket {
        let socket = Socket(adopting: try newDescriptor())
        if host != 1 {
            var source = loopback(0, host: host)
            // SAFETY: the address outlives the call, which reads as many bytes as its type has.
            let result = unsafe withUnsafePointer(to: &source) { pointer in
                unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                    unsafe systemBind(socket.descriptor, pointer, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            guard result == 0 else { throw SystemFailure("bind") }
        }
        if let receiveBuffer { socket.set(SOL_SOCKET, SO_RCVBUF, receiveBuffer) }
        var address = loopback(port)
        // SAFETY: the address outlives the call, which reads as many bytes as its type has.
        let result = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                unsafe systemConnect(socket.descriptor, pointer, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else { throw SystemFailure("connect") }
        socket.sendAtOnce()
        return socket
    }

    /// Connects to a Unix socket.
    static func connect(path: String) throws -> Socket {
        let socket = Socket(adopting: try newDescriptor(AF_UNIX))
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        // SAFETY: the name is checked to fit, with its end, into the address that it is written to.
        try unsafe withUnsafeMutableBytes(of: &address.sun_path) { name in
            guard path.utf8.count < name.count else { throw GatewayFailure(text: "\(path) is too long for a socket") }
            unsafe name.copyBytes(from: path.utf8)
        }
        // SAFETY: the address outlives the call, which reads as many bytes as its type has.
        let result = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                unsafe systemConnect(socket.descriptor, pointer, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard result == 0 else { throw SystemFailure("connect \(path)") }
        return socket
    }

    static func newDescriptor(_ family: Int32 = AF_INET) throws -> Int32 {
        let descriptor = socket(family, streamType, 0)
        guard descriptor >= 0 else { throw SystemFailure("socket") }
        // Children must not keep connections open that the test has closed.
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        return descriptor
    }

    static func loopback(_ port: UInt16, host: UInt8 = 1) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = (UInt32(0x7f00_0000) + UInt32(host)).bigEndian
        return address
    }

    /// Sends small pieces at once, so that the other end sees them as they were sent.
    func sendAtOnce() {
        set(Int32(IPPROTO_TCP), TCP_NODELAY, 1)
    }

    /// Makes closing reset the connection instead of ending it.
    func resetOnClose() {
        var value = linger(l_onoff: 1, l_linger: 0)
        // SAFETY: the value outlives the call, which reads as many bytes as its type has.
        _ = unsafe setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &value, socklen_t(MemoryLayout<linger>.size))
    }

    private func set(_ level: Int32, _ option: Int32, _ value: Int32) {
        var value = value
        // SAFETY: the value outlives the call, which reads as many bytes as its type has.
        _ = unsafe setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
    }

    /// Sends everything. Returns false if the other end takes no more.
    @discardableResult
    func send(_ bytes: [UInt8], within seconds: Double = 10) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let count = sendSome(bytes, from: sent)
            if count >= 0 {
                sent += count
            } else if errno == EAGAIN || errno == EWOULDBLOCK {
                guard wait(for: Int16(POLLOUT), within: seconds) else { return false }
            } else if errno != EINTR {
                return false
            }
        }
        return true
    }

    /// Sends what the kernel takes without waiting. Returns the number of bytes, or -1 with `errno`.
    func sendSome(_ bytes: [UInt8], from start: Int) -> Int {
        // SAFETY: the array outlives the call, which reads no more than what remains of it.
        unsafe bytes.withUnsafeBytes { buffer in
            let rest = unsafe UnsafeRawBufferPointer(rebasing: buffer[start...])
            return unsafe systemSend(
                descriptor,
                rest.baseAddress,
                rest.count,
                Int32(bitPattern: noSignal | dontWait)
            )
        }
    }

    /// Receives data as soon as some has arrived.
    func receive(upTo limit: Int = 65_536, within seconds: Double = 5) -> Received {
        guard wait(for: Int16(POLLIN), within: seconds) else { return .timeout }
        var failure: Int32 = 0
        // SAFETY: bytes that the call below did not write are not counted.
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
            // SAFETY: the call writes no more than the buffer holds, and says how much.
            let result = unsafe recv(descriptor, buffer.baseAddress, buffer.count, 0)
            if result < 0 { failure = errno }
            count = max(0, result)
        }
        if failure == EINTR { return receive(upTo: limit, within: seconds) }
        if failure != 0 { return .reset }
        return bytes.isEmpty ? .end : .bytes(bytes)
    }

    private func wait(for events: Int16, within seconds: Double) -> Bool {
        var poll = pollfd(fd: descriptor, events: events, revents: 0)
        while true {
            // SAFETY: the call reads and writes this one element.
            let result = unsafe systemPoll(&poll, 1, Int32(seconds * 1000))
            if result >= 0 { return result > 0 }
            if errno != EINTR { return true }
        }
    }

    /// Ends the sending side. We can still read.
    func finishSending() {
        _ = shutdown(descriptor, shutWrite)
    }

    func close() {
        let wasOpen = isOpen.withLock { isOpen in
            defer { isOpen = false }
            return isOpen
        }
        if wasOpen { _ = systemClose(descriptor) }
    }
}

// Names that the class hides, and constants whose type differs between systems.

let streamType = Int32(SOCK_STREAM.rawValue)
private let shutWrite = Int32(SHUT_WR)
private let noSignal = UInt32(MSG_NOSIGNAL)
private let dontWait = UInt32(MSG_DONTWAIT)

private func systemConnect(_ descriptor: Int32, _ address: UnsafePointer<sockaddr>, _ size: socklen_t) -> Int32 {
    unsafe connect(descriptor, address, size)
}

private func systemBind(_ descriptor: Int32, _ address: UnsafePointer<sockaddr>, _ size: socklen_t) -> Int32 {
    unsafe bind(descriptor, address, size)
}

private func systemSend(_ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int, _ flags: Int32) -> Int {
    unsafe send(descriptor, bytes, count, flags)
}

private func systemPoll(_ descriptors: UnsafeMutablePointer<pollfd>, _ count: nfds_t, _ timeout: Int32) -> Int32 {
    unsafe poll(descriptors, count, timeout)
}

private func systemClose(_ descriptor: Int32) -> Int32 {
    close(descriptor)
}
