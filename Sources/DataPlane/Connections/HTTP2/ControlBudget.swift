/// Limits the frames of a client that cost the gateway work without bringing a request closer to its answer.
///
/// This stops floods of resets (CVE-2023-44487), of frames that provoke resets (CVE-2025-8671), and of SETTINGS, PING,
/// empty DATA and CONTINUATION frames (CVE-2019-9512 to 9518, CVE-2024-28182).
struct ControlBudget {
    private var left = capacity
    private var refilledAt: Int64

    static let capacity = 2000
    /// Per second.
    static let refill = 100

    /// - Parameter now: monotonic milliseconds.
    init(at now: Int64) { refilledAt = now }

    /// Spends `cost`. Returns false if too little is left.
    mutating func spend(_ cost: Int, at now: Int64) -> Bool {
        guard cost > 0 else { return true }
        let earned = Int((now - refilledAt) * Int64(Self.refill) / 1000)
        if earned > 0 {
            left = min(left + earned, Self.capacity)
            refilledAt += Int64(earned * 1000 / Self.refill)
        }
        guard left >= cost else { return false }
        left -= cost
        return true
    }

    /// Gives back what a client may legitimately spend on bytes that it was sent: it reopens its window for them.
    mutating func earn(_ amount: Int) { left = min(left + amount, Self.capacity) }
}
