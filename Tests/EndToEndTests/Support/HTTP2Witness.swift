import Foundation
import Synchronization
import Testing

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

/// Expects that a well-behaved client is answered without failures, and at p99 within 100 ms, or five times as long as
/// when it is quiet.
///
/// What slows others does so each time; a busy machine does not. So what took longer is tried again, twice at most.
///
/// - Parameter attempt: an attack, and the results of a witness of it.
func expectUndisturbed(
    quietSeconds: Double,
    sourceLocation: SourceLocation = #_sourceLocation,
    _ attempt: () throws -> (seconds: Double, failures: [String])
) rethrows {
    let limit = max(5 * quietSeconds, 0.1)
    var attempts: [Double] = []
    while attempts.count < 3, attempts.last.map({ $0 >= limit }) ?? true {
        let (seconds, failures) = try attempt()
        #expect(failures.isEmpty, "\(failures.prefix(3))", sourceLocation: sourceLocation)
        attempts.append(seconds)
    }
    #expect(
        attempts.contains { $0 < limit },
        "\(attempts) s, when quiet \(quietSeconds) s",
        sourceLocation: sourceLocation
    )
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
