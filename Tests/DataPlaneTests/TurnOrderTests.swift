import Testing

@testable import DataPlane

@Suite("Whose turn it is among event loops with waiting requests")
struct TurnOrderTests {
    private final class Loop {}

    private let loops = (0..<3).map { _ in Loop() }
    private var order = TurnOrder<Int>(limit: 3)

    private func id(_ number: Int) -> ObjectIdentifier { ObjectIdentifier(loops[number]) }

    private mutating func enter(_ number: Int, session: Bool = false) -> TurnOrder<Int>.Entrance? {
        order.enter(id(number), hasSession: session, as: number)
    }

    private mutating func leave(_ number: Int, session: Bool = false, first: TurnRank? = nil) {
        order.leave(id(number), hasSession: session, first: first)
    }

    @Test("Sessions come first, then who came first, and every loop counts once")
    mutating func first() throws {
        #expect(order.first(besides: nil, after: nil) == nil)
        let other = try #require(enter(2))
        _ = enter(0)
        #expect(order.first(besides: nil, after: nil)?.member == 2)
        let session = try #require(enter(1, session: true))
        #expect(order.first(besides: nil, after: nil)?.member == 1)
        #expect(order.first(besides: id(1), after: nil)?.member == 2)
        leave(1, session: true)
        #expect(order.count == 2 && order.first(besides: nil, after: nil)?.member == 2)
        #expect(enter(2, session: true) != nil)
        leave(2, session: true, first: other.rank)
        #expect(session.rank < other.rank && order.first(besides: nil, after: nil)?.rank == other.rank)
    }

    @Test("Each has its turn once, until nobody is left")
    mutating func turns() {
        for number in [2, 1, 0] { #expect(enter(number) != nil) }
        var seen: [Int] = []
        var floor: TurnRank?
        while let next = order.first(besides: nil, after: floor) {
            seen.append(next.member)
            floor = next.rank
        }
        #expect(seen == [2, 1, 0])
        #expect(order.first(besides: nil, after: .last) == nil)
    }

    @Test("A loop whose first request has had its turn is called for the next one")
    mutating func shown() throws {
        let ranks = [enter(0), enter(1), enter(0)].compactMap { $0?.rank }
        try #require(ranks.count == 3)
        order.show(id(0), ranks[2])
        #expect(order.first(besides: nil, after: nil)?.member == 1)
        #expect(order.first(besides: id(1), after: ranks[1])?.member == 0)
    }

    @Test("No more wait than may, on all loops together")
    mutating func full() {
        for number in 0..<3 { #expect(enter(number) != nil) }
        #expect(enter(0) == nil)
        leave(1)
        #expect(enter(0) != nil && enter(1) == nil)
    }

    @Test("In a full line a session takes the place of one of none, on its own loop if it can")
    mutating func ousts() {
        for number in [0, 1, 1] { _ = enter(number) }
        #expect(enter(2) == nil)
        #expect(enter(0, session: true)?.ousts == 0)
        #expect(order.hasOusted(id(0)) == true && order.hasOusted(id(1)) == false)
        #expect(enter(0, session: true)?.ousts == 1)
        #expect(enter(0, session: true)?.ousts == 1)
        // Those who are to be refused cannot be ousted once more.
        #expect(enter(0, session: true) == nil)
    }

    @Test("The place of a request that was ousted is not free when it leaves, and nobody else is refused then")
    mutating func oustedLeaves() throws {
        for number in [1, 1, 1] { _ = enter(number) }
        let session = try #require(enter(0, session: true))
        #expect(session.ousts == 1)
        // One of them is served before the loop hears that it has to refuse one.
        leave(1, first: TurnRank(hasSession: false, number: 1))
        #expect(order.hasOusted(id(1)) == false)
        #expect(enter(2) == nil)
        leave(1, first: TurnRank(hasSession: false, number: 2))
        #expect(enter(2) != nil && enter(2) == nil)
    }

    @Test("A loop stays in the order while one of its requests is being served, and counts until that has left")
    mutating func inService() {
        for _ in 0..<2 { _ = enter(1) }
        // One is being served when the other goes.
        leave(1)
        #expect(order.count == 1)
        leave(1)
        #expect(order.count == 0)
        for _ in 0..<3 { #expect(enter(0) != nil) }
        #expect(enter(0) == nil)
    }
}
