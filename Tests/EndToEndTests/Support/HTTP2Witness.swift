import Foundation
import Synchronization

/// A well-behaved client that sends requests repeatedly on its own connection, and records how long each answer took.
final class HTTP2Witness: Sendable {
    private struct Record {
        var seconds: [Double] = []
        var failures: [String] = []
    }

    private let record = Mutex(Record())
    private let isOver = Flag()
    private let hasEnded = Flag()

    init(port: UInt16) {
        let thread = Thread { [self] in
            defer { hasEnded.set() }
            do {
                let client = try HTTP2Client.connected(port: port)
                while !isOver.isSet {
                    let start = monotonic()
                    let status = try client.exchange("/public/good").status
                    record.withLock { record in
                        record.seconds.append(monotonic() - start)
                        if status != 200 { record.failures.append("answered \(status)") }
                    }
                    usleep(4000)
                }
            } catch {
                record.withLock { $0.failures.append("\(error)") }
            }
        }
        thread.stackSize = 1 << 19
        thread.start()
    }

    /// Waits until it has had this many more answers.
    func wait(for count: Int) {
        let before = record.withLock { $0.seconds.count }
        _ = eventually(within: 10) { hasEnded.isSet || record.withLock { $0.seconds.count } >= before + count }
    }

    /// Its results: the time within which 99 of 100 answers arrived, and what went wrong.
    func end() -> (seconds: Double, failures: [String]) {
        isOver.set()
        _ = eventually(within: 10) { hasEnded.isSet }
        return record.withLock { record in
            let sorted = record.seconds.sorted()
            guard !sorted.isEmpty else { return (.infinity, record.failures + ["never answered"]) }
            return (sorted[min(sorted.count - 1, sorted.count * 99 / 100)], record.failures)
        }
    }
}

extension HTTP2Client {
    /// Sends batch after batch and reads what arrives between them, until all are sent or the gateway has had enough.
    func flood(_ count: Int, _ batch: (Int) -> [UInt8]) {
        for index in 0..<count {
            guard !isEnded, failure == nil, transport.send(batch(index), within: 2) else { return }
            wait(within: 0.0005) { false }
        }
    }

    /// Sends batch after batch and never reads, until the gateway takes no more.
    func floodBlindly(_ count: Int, _ batch: (Int) -> [UInt8]) {
        for index in 0..<count {
            guard transport.send(batch(index), within: 0.5) else { return }
        }
    }
}
