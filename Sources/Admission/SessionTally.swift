/// How many sessions have begun, and how many have ended in each way.
package struct SessionTally: Sendable, Equatable {
    /// Those that joined or came back.
    package private(set) var begun = 0
    private var endings = [Int](repeating: 0, count: SessionEnding.allCases.count)

    package init() {}

    package func ended(_ ending: SessionEnding) -> Int { endings[Self.position(of: ending)] }

    mutating func count(_ change: SessionChange) {
        switch change {
        case .arrived: begun += 1
        case .departed(_, let ending, _): endings[Self.position(of: ending)] += 1
        }
    }

    mutating func add(_ other: SessionTally) {
        begun += other.begun
        for index in endings.indices { endings[index] += other.endings[index] }
    }

    private static func position(of ending: SessionEnding) -> Int {
        switch ending {
        case .left: 0
        case .lapsed: 1
        case .replaced: 2
        case .ended: 3
        case .removed: 4
        case .stopped: 5
        }
    }
}
