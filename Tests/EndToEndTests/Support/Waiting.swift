import Foundation
import Synchronization

/// Seconds that never go back.
func monotonic() -> Double { ProcessInfo.processInfo.systemUptime }

/// Polls until the condition holds. Returns false if the time is up; the limit is generous for a busy machine.
func eventually(within seconds: Double = 20, _ isSo: () throws -> Bool) rethrows -> Bool {
    let end = monotonic() + seconds
    while true {
        if try isSo() { return true }
        if monotonic() > end { return false }
        usleep(2000)
    }
}

/// Runs `body` with 0, 1, … on as many threads, and waits for all of them.
func inParallel(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
    let group = DispatchGroup()
    for index in 0..<count {
        group.enter()
        let thread = Thread {
            body(index)
            group.leave()
        }
        thread.stackSize = 1 << 19
        thread.start()
    }
    group.wait()
}

/// Whether something has happened yet.
final class Flag: Sendable {
    private let value = Mutex(false)

    var isSet: Bool { value.withLock { $0 } }

    func set() { value.withLock { $0 = true } }
}

/// How often something has happened.
final class Counter: Sendable {
    private let value = Mutex(0)

    var count: Int { value.withLock { $0 } }

    func add() { value.withLock { $0 += 1 } }
}
