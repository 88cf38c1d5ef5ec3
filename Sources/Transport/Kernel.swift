public import CLinux

/// The system calls on the way of a byte: an event loop and its sockets make them through here, so that tests can make
/// them fail.
///
/// Each returns what the call returns, or minus `errno`. Every loop has an instance of its own.
open class Kernel {
    public init() {}

    /// Waits for events.
    ///
    /// - Parameter milliseconds: at most this long; -1 for as long as it takes.
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

    /// Sends some of `first`, and of `second` behind it.
    open func send(_ socket: Int32, _ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer) -> Int {
        // SAFETY: the call reads as many bytes as the buffers hold.
        unsafe gateway_send_two(socket, first.baseAddress, first.count, second.baseAddress, second.count)
    }

    /// Takes a connection from a listening socket's backlog: a non-blocking descriptor, and its peer's address.
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

    /// Milliseconds of a clock that never goes back. It may be a few milliseconds late: asking for the kernel's last tick
    /// costs a fraction of reading the hardware.
    open func monotonic() -> Int64 { gateway_clock(CLOCK_MONOTONIC_COARSE) / 1_000_000 }
}
