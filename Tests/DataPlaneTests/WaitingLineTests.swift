import Testing

@testable import DataPlane

@Suite("Who waits for a server gets it in order")
struct WaitingLineTests {
    /// An exchange that only has a name.
    private final class Waiter: UpstreamUser {
        let name: String
        init(_ name: String) { self.name = name }

        var descriptorUse: DescriptorBudget.Use { .init(isPublic: false, address: nil) }
        var balanceKey: UInt64? { nil }
        var hasSession: Bool { false }
        var isSafe: Bool { true }
        var isForHead: Bool { false }
        func upstreamAwaited() {}
        func upstreamConnecting(_ connection: UpstreamConnection) {}
        func upstreamConnected(_ connection: UpstreamConnection) {}
        func upstreamFailed(_ fault: UpstreamFault) {}
        func upstreamBecameWritable() {}
        func interimResponse(_ bytes: Span<UInt8>) {}
        func isHandshakeAnswer(_ bytes: Span<UInt8>) -> Bool { false }
        func responseHead(_ bytes: Span<UInt8>) {}
        func responseBody(_ bytes: Span<UInt8>) {}
        func responseTrailers(_ bytes: Span<UInt8>) {}
        func responseEnded() {}
        func flushToClient() {}
        func tunnelToClient(_ bytes: Span<UInt8>) {}
        func upstreamEndedTunnel() {}
        func tunnelEnded() {}
    }

    private var line = WaitingLine()
    private var added: UInt64 = 0

    private mutating func add(_ waiter: Waiter, first: Bool = false, until: Int64 = 0) {
        let rank = TurnRank(hasSession: first, number: added)
        added += 1
        line.append(.init(exchange: waiter, tried: 0, allowsReuse: true, rank: rank, until: until))
    }

    private func name(_ place: WaitingLine.Place?) -> String? { (place?.exchange as? Waiter)?.name }

    @Test("Existing sessions come before the others, and otherwise who came first")
    mutating func order() {
        for text in ["a", "B", "c", "D", "e"] { add(Waiter(text), first: text == text.uppercased()) }
        let first = line.take(at: 0)
        #expect(name(first) == "B")
        line.putBack(first, at: 0)
        add(Waiter("F"), first: true)
        #expect(line.otherCount == 3)
        #expect(takeAll() == ["B", "D", "F", "a", "c", "e"] && line.isEmpty)
    }

    private mutating func takeAll() -> [String] {
        var names: [String] = []
        while line.rank(at: 0) != nil { names.append(name(line.take(at: 0)) ?? "") }
        return names
    }

    @Test("Any position can be taken and put back")
    mutating func putBack() {
        for text in ["a", "B", "c", "D"] { add(Waiter(text), first: text == text.uppercased()) }
        for index in 0..<4 {
            let place = line.take(at: index)
            #expect(place.rank.hasSession == (index < 2))
            line.putBack(place, at: index)
        }
        add(Waiter("E"), first: true)
        #expect(line.rank(at: 5) == nil && line.otherCount == 2)
        #expect(takeAll() == ["B", "D", "E", "a", "c"])
    }

    @Test("The last one that does not come first gives way, and no other")
    mutating func givesWay() {
        for text in ["a", "B", "c"] { add(Waiter(text), first: text == text.uppercased()) }
        #expect(name(line.takeLastOther()) == "c")
        #expect(name(line.takeLastOther()) == "a")
        #expect(line.takeLastOther() == nil && line.count == 1)
    }

    @Test("Who has waited for too long is found in both groups; who left is gone")
    mutating func ends() {
        let gone = Waiter("gone")
        add(Waiter("a"), until: 10)
        add(gone, first: true, until: 15)
        add(Waiter("B"), first: true, until: 20)
        #expect(line.nextDeadline == 10)
        #expect(name(line.takeLate(at: 9)) == nil)
        #expect(name(line.takeLate(at: 10)) == "a")
        #expect(name(line.remove(gone)) == "gone")
        #expect(line.remove(gone) == nil)
        #expect(name(line.takeLate(at: 19)) == nil && line.count == 1)
        #expect(name(line.takeLate(at: 20)) == "B")
        #expect(line.takeLate(at: 30) == nil && line.nextDeadline == nil)
    }
}
