public import Basics
public import CLinux

/// The system calls that move bytes. Event loops and sockets make them through this class, so that tests can make them
/// fail.
///
/// Each method returns the call's result, or minus `errno`. Each loop has its own instance.
open class Kernel {
    public init() {}

    /// Waits for events.
    ///
    /// - Parameter milliseconds: the longest wait; -1 for no limit.
    open func wait(_ epoll: Int32, _ events: UnsafeMutableBufferPointer<epoll_event>, milliseconds: Int32) -> Int {
        // SAFETY: the call writes at most as many events as the buffer holds.
        unsafe gateway_epoll_wait(epoll, events.baseAddress, Int32(events.count), milliseconds)
    }

    open func receive(_ socket: Int32, into memory: UnsafeMutableRawBufferPointer) -> Int {
        // SAFETY: the call writes at most as many bytes as the buffer holds.
        unsafe gateway_receive(socket, memory.baseAddress, memory.count)
    }

    /// Sends some of `bytes`.
    ///
    /// - Parameter more: the kernel may wait for further bytes before it fills a segment.
    open func send(_ socket: Int32, _ bytes: UnsafeRawBufferPointer, more: Bool) -> Int {
        // SAFETY: the call reads as many bytes as the buffer holds.
        unsafe gateway_send(socket, bytes.baseAddress, bytes.count, more ? 1 : 0)
    }

    /// Sends some of `first`, then of `second`.
    open func send(_ socket: Int32, _ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer) -> Int {
        // SAFETY: the call reads as many bytes as the buffers hold.
        unsafe gateway_send_two(socket, first.baseAddress, first.count, second.baseAddress, second.count)
    }

    /// Accepts a connection from a listening socket's backlog: returns a non-blocking descriptor, and sets the peer's
    /// address.
    open func accept(_ listener: Int32, from address: inout NetworkAddress?) -> Int {
        var storage = sockaddr_storage()
        var length: socklen_t = 0
        // SAFETY: the call writes to two locals.
        let result = unsafe gateway_accept(listener, &storage, &length)
        if result >= 0 { address = NetworkAddress(storage, length: Int(length)) }
        return result
    }

    /// A new non-blocking socket for stream connections.
    open func socket(_ family: Int32) -> Int { gateway_socket(family) }

    open func connect(_ socket: Int32, to address: NetworkAddress) -> Int {
        // SAFETY: the call reads the address while it is alive.
        unsafe address.withSystemAddress { unsafe gateway_connect(socket, $0, $1) }
    }

    /// A clock in milliseconds that never goes back.
    open func monotonic() -> Int64 { MonotonicClock.now() }
}
