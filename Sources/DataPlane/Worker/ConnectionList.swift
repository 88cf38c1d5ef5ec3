/// Open connections of one event loop, each with a slot of its own. Finds one that may make room for another.
struct ConnectionList<Element> {
    private(set) var elements: ContiguousArray<Element?> = []
    private var freeSlots: ContiguousArray<Int> = []
    /// The slot that was last looked at for an idle connection.
    private var hand = 0

    /// How many are looked at for an idle one, so that making room stays cheap.
    private static var sample: Int { 256 }

    /// Adds a connection, and returns its slot.
    mutating func add(_ element: Element) -> Int {
        guard let slot = freeSlots.popLast() else {
            elements.append(element)
            return elements.count - 1
        }
        elements[slot] = element
        return slot
    }

    mutating func remove(slot: Int) {
        elements[slot] = nil
        freeSlots.append(slot)
    }

    /// The one that will be missed least, among some that have been idle for long enough. Continues with others at the
    /// next call.
    ///
    /// - Parameters:
    ///   - now: monotonic milliseconds.
    ///   - idleness: of a connection; `nil` if it is busy.
    mutating func leastMissed(at now: Int64, _ idleness: (Element) -> Idleness?) -> (Element, Idleness)? {
        var least: (Element, Idleness)?
        for _ in 0..<min(elements.count, Self.sample) {
            hand = hand + 1 < elements.count ? hand + 1 : 0
            guard let element = elements[hand], let idleness = idleness(element), idleness.isOver(at: now) else {
                continue
            }
            if least.map({ idleness < $0.1 }) ?? true { least = (element, idleness) }
        }
        return least
    }
}
