import TestSupport
import Testing

@testable import Transport

@Suite("Timers and deadlines")
struct TimerTests {
    @Test("A heap returns its actions in order, whatever was added and cancelled in between", arguments: 0..<50)
    func heapAgainstModel(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var heap = TimerHeap()
        var model: [(time: Int64, number: Int, id: TimerHeap.ID)] = []
        var ran: [Int] = []
        var expected: [Int] = []
        var now: Int64 = 0
        for number in 0..<400 {
            switch random.next() % 8 {
            case 0..<4:
                let time = now + Int64(random.next() % 50)
                model.append((time, number, heap.add(at: time) { ran.append(number) }))
            case 4..<6 where !model.isEmpty:
                let entry = model.remove(at: Int(random.next() % UInt64(model.count)))
                heap.cancel(entry.id)
                heap.cancel(entry.id)
            default:
                now += Int64(random.next() % 20)
                while let action = heap.takeDue(at: now, upTo: heap.newest) { action() }
                let due = model.filter { $0.time <= now }.sorted { ($0.time, $0.number) < ($1.time, $1.number) }
                expected += due.map(\.number)
                model.removeAll { $0.time <= now }
            }
            #expect(ran == expected)
            #expect(heap.isEmpty == model.isEmpty)
            #expect(heap.earliest ?? .max <= model.map(\.time).min() ?? .max)
        }
    }

    @Test("Timers that are constantly made and cancelled take bounded memory")
    func cancelledTimersGo() {
        var heap = TimerHeap()
        for _ in 0..<10_000 { heap.cancel(heap.add(at: 1_000_000) {}) }
        #expect(heap.entryCount < 200)
    }

    @Test(
        "A table reports each deadline once, not early and no more than a tick late",
        arguments: 0..<20
    )
    func tableAgainstModel(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var table = DeadlineTable(origin: 10_000)
        var model: [Int: Int64] = [:]
        var now: Int64 = 10_000
        for _ in 0..<400 {
            let slot = Int(random.next() % 20)
            switch random.next() % 4 {
            case 0, 1:
                let time = now + Int64(random.next() % 3_000)
                table.set(slot, at: time)
                model[slot] = time
            case 2:
                table.clear(slot)
                model[slot] = nil
            default:
                now += Int64(random.next() % 300)
                if let earliest = table.earliest {
                    // Nothing is late if the array is not scanned.
                    #expect(earliest - DeadlineTable.tick <= model.values.min() ?? .max)
                }
                var due: ContiguousArray<Int> = []
                table.findDue(at: now, into: &due)
                for slot in due {
                    let isDue = table.takeDue(slot, at: now)
                    #expect(isDue)
                    #expect(model.removeValue(forKey: slot) ?? .max <= now)
                }
                #expect(model.values.allSatisfy { $0 > now - DeadlineTable.tick })
            }
        }
    }

    @Test("A deadline beyond the table's range is far away, and not never or at once")
    func farDeadline() {
        var table = DeadlineTable(origin: 0)
        table.set(3, at: .max / 2)
        #expect(table.earliest ?? 0 > 1 << 38)
        var due: ContiguousArray<Int> = []
        table.findDue(at: 1 << 30, into: &due)
        #expect(due.isEmpty)
    }
}
