import Dispatch
import Synchronization
import TestSupport
import Testing

@testable import Transport

@Suite("Threads for calls that block")
struct BlockingThreadsTests {
    @Test(
        "As many calls as the limit block at a time, the others wait in order, and all are made",
        .timeLimit(.minutes(5))
    )
    func limit() async throws {
        let threads = BlockingThreads(name: "test", limit: 3)
        let silence = DispatchSemaphore(value: 0)
        let begun = Mutex<[Int]>([])
        for number in 0..<20 {
            threads.run {
                begun.withLock { $0.append(number) }
                silence.wait()
            }
        }
        try await waitUntil("three are under way") { begun.withLock { $0.count } == 3 }
        silence.signal()
        try await waitUntil("the next one is under way") { begun.withLock { $0.count } == 4 }
        #expect(begun.withLock { $0.last } == 3)
        for _ in 0..<20 { silence.signal() }
        try await waitUntil("all were made") { begun.withLock { $0.count } == 20 }
    }

    @Test("Attack: many calls that block for good hold up neither tasks nor Dispatch", .timeLimit(.minutes(5)))
    func others() async throws {
        let threads = BlockingThreads(name: "test", limit: 64)
        let silence = DispatchSemaphore(value: 0)
        let blocked = Atomic(0)
        for _ in 0..<64 {
            threads.run {
                blocked.add(1, ordering: .relaxed)
                silence.wait()
            }
        }
        defer { for _ in 0..<64 { silence.signal() } }
        try await waitUntil("all threads block") { blocked.load(ordering: .relaxed) == 64 }
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<100 {
                group.addTask {
                    await withCheckedContinuation { continuation in
                        DispatchQueue.global().async { continuation.resume() }
                    }
                }
            }
        }
    }
}
