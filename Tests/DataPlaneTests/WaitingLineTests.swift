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

    private mutating func add(_ waiter: Waiter, first: Bool = false, until: Int64 = 0) {
        line.append(.init(exchange: waiter, tried: 0, allowsReuse: true, comesFirst: first, until: until))
    }

    private func name(_ place: WaitingLine.Place?) -> String? { (place?.exchange as? Waiter)?.name }

    @Test("Existing sessions come before the others, and otherwise who came first")
    mutating func order() {
        for text in ["a", "B", "c", "D", "e"] { add(Waiter(text), first: text == text.uppercased()) }
        let first = line.takeFirst()
        #expect(name(first) == "B")
        if let first { line.putBack(first) }
        add(Waiter("F"), first: true)
        var names: [String] = []
        while let place = line.takeFirst() { names.append(name(place) ?? "") }
        #expect(names == ["B", "D", "F", "a", "c", "e"] && line.isEmpty)
    }

    @Test("Who was put back comes before others of the same kind, and after those that come first")
    mutating func putBack() {
        add(Waiter("a"))
        add(Waiter("b"))
        if let place = line.takeFirst() {
            add(Waiter("C"), first: true)
            line.putBack(place)
        }
        #expect(name(line.takeFirst()) == "C")
        #expect(name(line.takeFirst()) == "a")
        #expect(name(line.takeFirst()) == "b")
    }

    @Test("Who has waited for too long is found in both groups; who left is gone")
    mutating func ends() {
        let gone = Waiter("gone")
        add(Waiter("a"), until: 10)
        add(gone, first: true, until: 15)
        add(Waiter("B"), first: true, until: 20)
        #expect(name(line.takeLate(at: 9)) == nil)
        #expect(name(line.takeLate(at: 10)) == "a")
        #expect(line.remove(gone) == true)
        #expect(line.remove(gone) == false)
        #expect(name(line.takeLate(at: 19)) == nil && line.count == 1)
        #expect(name(line.takeLate(at: 20)) == "B")
        #expect(line.takeLate(at: 30) == nil)
    }
}
