public import Basics
import CLinux
import Synchronization

/// An open descriptor in transit. Closed unless somebody takes it.
public final class Descriptor: Sendable {
    private let number: Atomic<Int32>

    public init(_ number: Int32) { self.number = Atomic(number) }

    /// Passes the descriptor to the caller, who then owns it. Call once.
    public func take() -> Int32 {
        let taken = number.exchange(-1, ordering: .relaxed)
        precondition(taken >= 0, "the descriptor was taken already")
        return taken
    }

    /// The address that a socket is bound to.
    public var localAddress: NetworkAddress? { NetworkAddress.local(of: number.load(ordering: .relaxed)) }

    /// The port that an IP socket is bound to.
    public var localPort: UInt16? { NetworkAddress.local(of: number.load(ordering: .relaxed))?.port }

    /// Another descriptor of the same open file or socket `number`.
    public static func duplicate(of number: Int32) throws(SystemFault) -> Descriptor {
        let result = gateway_duplicate(number)
        guard result >= 0 else { throw SystemFault("fcntl", Int32(-result)) }
        return Descriptor(Int32(result))
    }

    /// Calls `body` with the number, which is open for the call.
    public func withNumber<Result>(_ body: (Int32) -> Result) -> Result {
        withExtendedLifetime(self) { body(number.load(ordering: .relaxed)) }
    }

    deinit {
        let left = number.load(ordering: .relaxed)
        if left >= 0 { close(left) }
    }
}
