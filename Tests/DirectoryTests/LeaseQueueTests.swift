import Basics
import Testing

@testable import Admission
@testable import Directory

@Suite("The queue of claims")
struct LeaseQueueTests {
    private func request(_ number: Int, renews: Bool = false) -> LeaseRequest {
        let session = SessionID(joinedAt: 1, random0: 2, random1: UInt64(number))
        let claim = SharedLease.Claim(
            node: 1,
            basis: renews ? SharedLease.Holding(session: session, generation: 1) : nil,
            session: session,
            state: .held,
            lasting: 1000,
            takeOvers: 0,
            windowAge: 0,
            address: 0
        )
        return LeaseRequest(key: SubjectKey(high: 0, low: UInt64(number)), number: UInt64(number), claim: claim)
    }

    private func requests(_ numbers: Range<Int>, renew: Bool = false) -> [LeaseRequest] {
        numbers.map { request($0, renews: renew) }
    }

    private func open(patience: Milliseconds = 2000) -> LeaseQueue {
        var queue = LeaseQueue(patience: patience)
        queue.didListen()
        queue.didConnect()
        return queue
    }

    /// Such as `claim 0..<2`.
    private func words(_ step: LeaseQueue.Step) -> String {
        func range(_ waiting: [LeaseQueue.Waiting]) -> String {
            "\(waiting.first?.request.number ?? 0)..<\((waiting.last?.request.number ?? 0) + 1)"
        }
        return switch step {
        case .connect: "connect"
        case .claim(let batch): "claim \(range(batch))"
        case .renew(let batch): "renew \(range(batch))"
        case .refuse(let late): "refuse \(range(late))"
        case .rest: "rest"
        case .end: "end"
        }
    }

    @Test("Nothing waits unless the table can be asked, and nothing is claimed by a node that would not hear")
    func away() {
        var queue = LeaseQueue(patience: 2000)
        queue.didConnect()
        #expect(queue.add(requests(0..<2), at: 0).count == 2 && words(queue.next(at: 0)) == "rest")
        queue.didListen()
        #expect(queue.add(requests(0..<2), at: 0).count == 2 && words(queue.next(at: 0)) == "connect")
        queue.didConnect()
        #expect(queue.add(requests(0..<2), at: 0).isEmpty && queue.didDisconnect().count == 2)
        #expect(words(queue.next(at: 0)) == "connect")
        queue.didConnect()
        #expect(queue.add(requests(0..<2), at: 0).isEmpty && queue.didGoDeaf().count == 2)
        #expect(queue.didDisconnect().isEmpty && words(queue.next(at: 0)) == "rest")
        queue.didListen()
        queue.didConnect()
        #expect(queue.add(requests(0..<2), at: 0).isEmpty && queue.end().count == 2)
        queue.didListen()
        queue.didConnect()
        #expect(queue.add(requests(0..<2), at: 0).count == 2 && words(queue.next(at: 0)) == "end")
    }

    @Test("Claims and renewals take turns, each in order and so many at once")
    func turns() {
        var queue = open()
        _ = queue.add(requests(0..<300), at: 0)
        _ = queue.add(requests(1000..<8000, renew: true), at: 0)
        _ = queue.add([request(300, renews: true)], at: 0)
        let steps = (0..<5).map { _ in words(queue.next(at: 0)) }
        #expect(steps == ["claim 0..<256", "renew 1000..<6000", "claim 256..<301", "renew 6000..<8000", "rest"])
    }

    @Test("There is room for so many claims and so many renewals; further ones are refused")
    func full() {
        var queue = open()
        #expect(queue.add(requests(0..<LeaseQueue.limit + 5), at: 0).map(\.number) == (0..<5).map { 65_536 + $0 })
        #expect(queue.add(requests(0..<LeaseQueue.limit + 5, renew: true), at: 0).count == 5)
        #expect(queue.add([request(0)], at: 0).count == 1)
        _ = queue.next(at: 0)
        #expect(queue.add([request(0)], at: 0).isEmpty)
    }

    @Test("What has waited for too long is refused, and what is sent once more keeps its time and its place")
    func late() {
        var queue = open()
        _ = queue.add(requests(0..<3), at: 0)
        guard case .claim(let batch) = queue.next(at: 100) else {
            Issue.record("nothing is sent")
            return
        }
        #expect(batch.map(\.deadline) == [2000, 2000, 2000])
        _ = queue.add(requests(3..<5), at: 1000)
        #expect(queue.putBack(Array(batch.dropFirst())).isEmpty)
        #expect(words(queue.next(at: 1501)) == "refuse 1..<3" && words(queue.next(at: 1501)) == "claim 3..<5")
        _ = queue.didDisconnect()
        #expect(queue.putBack(batch).count == 3)
    }
}
