package import Logging
import Synchronization

/// What a reload changes of the operator's log.
package final class OperatorLogMode: Sendable {
    /// An index into the levels, from the least urgent on.
    private let levelIndex: Atomic<Int>
    private let json: Atomic<Bool>

    package init(level: Logger.Level, isJSON: Bool) {
        levelIndex = Atomic(Self.index(of: level))
        json = Atomic(isJSON)
    }

    /// Messages that are less urgent are left out.
    package var level: Logger.Level { Logger.Level.allCases[levelIndex.load(ordering: .relaxed)] }
    package var isJSON: Bool { json.load(ordering: .relaxed) }

    package func adopt(level: Logger.Level, isJSON: Bool) {
        levelIndex.store(Self.index(of: level), ordering: .relaxed)
        json.store(isJSON, ordering: .relaxed)
    }

    private static func index(of level: Logger.Level) -> Int { Logger.Level.allCases.firstIndex(of: level) ?? 0 }
}
