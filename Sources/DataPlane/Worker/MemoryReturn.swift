import CMalloc

/// Decides when to return memory to the system: after many connections have ended.
///
/// The allocator keeps freed memory below the last block in use, and long-lived blocks are everywhere. After 8,000
/// unfinished handshakes, 400 MB stayed allocated.
struct MemoryReturn {
    /// Smaller drops do not matter.
    static let leastDrop = 1000

    /// The most connections since memory was last returned.
    private var peak = 0
    /// The number of the call before.
    private var previous = 0
    /// Whether memory was returned while connections were still ending.
    private var isFalling = false

    /// Takes the number of open connections. Returns true once at least ``leastDrop`` and half of the peak have ended, and
    /// again when no more of them end, for the rest.
    mutating func isDue(open: Int) -> Bool {
        defer { previous = open }
        peak = max(peak, open)
        if peak - open >= Self.leastDrop, open <= peak / 2 {
            peak = open
            isFalling = true
            return true
        }
        guard isFalling, open >= previous else { return false }
        isFalling = false
        defer { peak = open }
        return open < peak
    }

    /// Returns memory. Takes tens of milliseconds for hundreds of megabytes, so do not call it on an event loop.
    static func giveBack() { gateway_malloc_trim() }
}
