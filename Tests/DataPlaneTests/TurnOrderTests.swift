import Testing

@testable import DataPlane

@Suite("Whose turn it is among event loops with waiting requests")
struct TurnOrderTests {
    private final class Loop {}

    private let loops = (0..<3).map { _ in Loop() }
    private var order = TurnOrder<Int>()

    private func id(_ number: Int) -> ObjectIdentifier { ObjectIdentifier(loops[number]) }

    private mutating func enter(_ number: Int, _ rank: TurnRank?, others: Int = 0) {
        order.enter(id(number), rank, others: others, as: number)
    }

    private static func rank(_ hasSession: Bool, _ until: Int64) -> TurnRank {
        TurnRank(hasSession: hasSession, until: until)
    }

    @Test("Sessions come first, then who came first, and every loop counts once")
    mutating func first() {
        #expect(order.first(besides: nil, after: nil) == nil)
        enter(0, Self.rank(false, 1))
        enter(1, Self.rank(true, 9))
        enter(2, Self.rank(true, 5))
        #expect(order.first(besides: nil, after: nil)?.member == 2)
        #expect(order.first(besides: id(2), after: nil)?.member == 1)
        enter(2, Self.rank(false, 0))
        #expect(order.count == 3 && order.first(besides: nil, after: nil)?.member == 1)
        enter(1, nil)
        enter(1, nil)
        #expect(order.count == 2 && order.first(besides: nil, after: nil)?.member == 2)
    }

    @Test("Each has its turn once, until nobody is left")
    mutating func turns() {
        enter(0, Self.rank(false, 1))
        enter(1, Self.rank(true, 9))
        enter(2, Self.rank(true, 5))
        var seen: [Int] = []
        var floor: TurnRank?
        while let next = order.first(besides: nil, after: floor) {
            seen.append(next.member)
            floor = next.rank
        }
        #expect(seen == [2, 1, 0])
        #expect(order.first(besides: nil, after: .last) == nil)
    }

    @Test("A request that gives way is found on another loop only, and not twice")
    mutating func givesWay() {
        enter(0, Self.rank(false, 1), others: 2)
        enter(1, Self.rank(true, 9))
        #expect(order.takeOther(besides: id(0)) == nil)
        #expect(order.takeOther(besides: id(1)) == 0)
        #expect(order.takeOther(besides: id(1)) == 0)
        #expect(order.takeOther(besides: id(1)) == nil)
    }
}
