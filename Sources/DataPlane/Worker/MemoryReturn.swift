import CMalloc

/// Decides when memory is given back to the system: after many connections have ended.
///
/// The allocator keeps what was freed below the last piece in use, and long-lived pieces lie everywhere: after 8,000
/// handshakes that nobody finished, 400 MB stayed.
struct MemoryReturn {
    /// Fewer connections than this do not matter.
    static let leastDrop = 1000

    private var peak = 0

    /// Looks at how many connections are open; true once so many and half of all have ended.
    mutating func isDue(open: Int) -> Bool {
        peak = max(peak, open)
        guard peak - open >= Self.leastDrop, open <= peak / 2 else { return false }
        peak = open
        return true
    }

    /// Takes tens of milliseconds for hundreds of megabytes, so it is nothing for an event loop.
    static func giveBack() { gateway_malloc_trim() }
}
