import Glibc
import Synchronization

/// Signals that arrive while the process starts, which would end it: kept until it can act on them.
enum EarlySignals {
    /// Keeps SIGHUP and SIGUSR1, and ignores SIGUSR2, from now on. Call before anything that takes time.
    static func keep() {
        // Made now, since a signal handler must not.
        arrived.store(0, ordering: .relaxed)
        for number in [SIGHUP, SIGUSR1] { _ = signal(number, note) }
        _ = signal(SIGUSR2, SIG_IGN)
    }

    /// Whether a signal was kept. Call once others handle it.
    static func hasArrived(_ number: CInt) -> Bool { arrived.load(ordering: .relaxed) & bit(number) != 0 }
}

/// The signals that have arrived, as bits.
private let arrived = Atomic<UInt64>(0)

private func bit(_ number: CInt) -> UInt64 { 1 << UInt64(number) }

/// A signal handler: does nothing but set a bit.
private func note(_ number: CInt) { arrived.bitwiseOr(bit(number), ordering: .relaxed) }
