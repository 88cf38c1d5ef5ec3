import CLinux
import Synchronization

/// An open descriptor that is being passed on; closed if nobody takes it.
public final class Descriptor: Sendable {
    private let number: Atomic<Int32>

    public init(_ number: Int32) { self.number = Atomic(number) }

    /// The descriptor, which is the caller's from now on; call it once.
    public func take() -> Int32 {
        let taken = number.exchange(-1, ordering: .relaxed)
        precondition(taken >= 0, "the descriptor was taken already")
        return taken
    }

    /// The port that a socket of IP is bound to.
    public var localPort: UInt16? { NetworkAddress.local(of: number.load(ordering: .relaxed))?.port }

    deinit {
        let left = number.load(ordering: .relaxed)
        if left >= 0 { close(left) }
    }
}
