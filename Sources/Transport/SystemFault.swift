import CLinux

/// A system call failed.
public struct SystemFault: Error, Equatable, CustomStringConvertible {
    /// The call's name, such as `bind`.
    public let call: String
    /// Its `errno`.
    public let number: Int32

    public init(_ call: String, _ number: Int32) { (self.call, self.number) = (call, number) }

    /// Whether the system ran out of descriptors or memory, which says nothing about the peer.
    public var isShortage: Bool { Self.isShortage(number) }

    public static func isShortage(_ number: Int32) -> Bool {
        number == EMFILE || number == ENFILE || number == ENOBUFS || number == ENOMEM
    }

    /// The `errno` in words.
    public var reason: String {
        // SAFETY: strerror returns a static or thread-local text, which is copied before the next call.
        unsafe String(cString: strerror(number))
    }

    public var description: String { "\(call): \(reason)" }
}
