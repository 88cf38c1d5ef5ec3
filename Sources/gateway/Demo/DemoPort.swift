import Glibc

/// The port of a server of the demo, on 127.0.0.1.
struct DemoPort {
    let number: Int
    /// Whether it differs from the usual one, because another program has that.
    let isOther: Bool

    /// - Parameters:
    ///   - wanted: what the user asked for, which is taken as it is. 0 stands for any free one, `nil` for the usual one.
    ///   - usual: if another program has it, any free one.
    ///   - other: a port of the demo that it must not be.
    init(_ wanted: Int?, usual: Int, not other: Int? = nil) throws {
        if let wanted, wanted != 0 {
            guard wanted != other else { throw Taken(port: wanted, by: "the demo's portal") }
            guard Self.free(wanted) != nil else { throw Taken(port: wanted, by: "another program") }
            (number, isOther) = (wanted, false)
        } else if wanted == nil, usual != other, let free = Self.free(usual) {
            (number, isOther) = (free, false)
        } else {
            guard let free = Self.free(0) else { throw NoneFree() }
            (number, isOther) = (free, wanted == nil)
        }
    }

    private struct Taken: Error, CustomStringConvertible {
        let port: Int
        let by: String
        var description: String {
            "port \(port) of 127.0.0.1 is taken by \(by): choose another one, or leave the option out"
        }
    }

    private struct NoneFree: Error, CustomStringConvertible {
        let description = "no port on 127.0.0.1 is free"
    }

    /// The port if nothing listens there; of 0, any free one.
    private static func free(_ port: Int) -> Int? {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        // Connections of an earlier run that have ended do not count.
        var reuse: Int32 = 1
        // SAFETY: here and below, the call reads or writes this one value, whose size it is told.
        _ = unsafe setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &reuse, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isFree = unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                unsafe bind(descriptor, pointer, size) == 0 && getsockname(descriptor, pointer, &size) == 0
            }
        }
        return isFree ? Int(in_port_t(bigEndian: address.sin_port)) : nil
    }
}
