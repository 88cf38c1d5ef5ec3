import Admission
import Basics
import Foundation

// A million leases: their memory, and the time of an operation on one.
//
//     swift run -c release lease-benchmark [LEASES]

/// The resident bytes of this process; 0 if the system does not report them this way.
func residentBytes() -> Int {
    guard let status = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8) else { return 0 }
    let pages = status.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
    return pages * Int(sysconf(Int32(_SC_PAGESIZE)))
}

/// SplitMix64: the same numbers in every run.
struct Numbers {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }
}

/// Runs `body` for each lease and prints the time per call.
func measure(_ what: String, _ count: Int, _ body: (Int) -> Void) {
    let clock = ContinuousClock()
    let time = clock.measure { for number in 0..<count { body(number) } }
    let nanoseconds = Double(time.components.seconds) * 1e9 + Double(time.components.attoseconds) / 1e9
    print("\(what): \(Int(nanoseconds) / count) ns")
}

let count = CommandLine.arguments.dropFirst().first.flatMap { Int($0) } ?? 1_000_000
let start: Milliseconds = 1_700_000_000_000
var numbers = Numbers(state: 1)
let subjects = (0..<count).map { _ in SubjectKey(high: numbers.next(), low: numbers.next()) }
var sessions = [SessionID](repeating: SessionID(joinedAt: 0, random0: 0, random1: 0), count: count)
let policy = SessionPolicy()

let before = residentBytes()
let table = LeaseTable(startedAt: start, seed: 42)
measure("join, one after the other", count) { number in
    let now = start + Milliseconds(number / 20_000 * 1000)
    let random = LeaseTable.Candidate.new(UInt64(number), UInt64(1))
    if case .joined(let session, _) = table.join(subjects[number], as: random, address: 7, now: now, policy: policy) {
        sessions[number] = session
    }
}
let after = residentBytes()
print("resident: \(after - before) bytes for \(table.count) leases, \((after - before) / max(count, 1)) each")

let later = start + 60_000
// In another order than that of the joins, like requests.
let stride = 7_919
measure("resume, first time", count) { number in
    let place = number * stride % count
    _ = table.resume(
        sessions[place],
        for: subjects[place],
        mayTake: true,
        address: 7,
        now: later,
        policy: policy
    )
}
measure("renew", count) { number in
    let place = number * stride % count
    precondition(table.renew(sessions[place], for: subjects[place], address: 7, now: later, policy: policy))
}
measure("join, taking over", count) { number in
    let place = number * stride % count
    let random = LeaseTable.Candidate.new(UInt64(number), UInt64(2))
    _ = table.join(subjects[place], as: random, address: 8, now: later + 1, policy: policy)
}
let clock = ContinuousClock()
var slowest = Duration.zero
let sweep = clock.measure {
    for second in 0..<200 {
        let time = clock.measure { table.expire(now: start + Milliseconds(second * 1000), policy: policy) }
        slowest = max(slowest, time)
    }
}
print("sweep of 200 seconds: \(sweep), the slowest \(slowest); \(table.count) leases left")
