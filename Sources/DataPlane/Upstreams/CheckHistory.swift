/// What the checks of one server have found.
///
/// The first check decides at once. Afterwards a server must fail, or do well, several times in a row.
struct CheckHistory {
    private let rise: Int
    private let fall: Int
    /// `nil` before the first check.
    private var isWell: Bool?
    /// Results in a row that contradict `isWell`.
    private var contradictions = 0

    init(rise: Int, fall: Int) { (self.rise, self.fall) = (rise, fall) }

    /// Adds the result of a check. Returns whether that decides, in the way of this result: anew, or once more that the
    /// server is not well, since the reason may be another.
    mutating func add(isGood: Bool) -> Bool {
        guard let isWell else {
            self.isWell = isGood
            return true
        }
        guard isGood != isWell else {
            contradictions = 0
            return !isGood
        }
        contradictions += 1
        guard contradictions >= (isGood ? rise : fall) else { return false }
        self.isWell = isGood
        contradictions = 0
        return true
    }
}
