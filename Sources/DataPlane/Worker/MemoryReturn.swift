import CMalloc

/// Decides when to return memory to the system: after many connections have ended.
///
/// The allocator keeps freed memory below the last block in use, and long-lived blocks are everywhere. After 8,000
/// unfinished handshakes, 400 MB stayed allocated.
struct MemoryReturn {
    /// Smaller drops do not matter.
    static let leastDrop = 1000

    private var peak = 0

    /// Takes the number of open connections. Returns true once at least ``leastDrop`` and half of the peak have ended.
    mutating func isDue(open: Int) -> Bool {
        peak = max(peak, open)
        guard peak - open >= Self.leastDrop, open <= peak / 2 else { return false }
        peak = open
        return true
    }

    /// Returns memory. Takes tens of milliseconds for hundreds of megabytes, so do not call it on an event loop.
    static func giveBack() { gateway_malloc_trim() }
}
