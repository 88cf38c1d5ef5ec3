import Basics
import Testing

@testable import Admission

@Suite("Leases shared by several gateways: every order of events")
struct SharedLeaseTests {
    /// Visits every state that can be reached, breadth first. Returns how many there are, and the steps to the first that
    /// breaks a promise, or from which time cannot go on.
    private func explore(_ setting: World.Setting) -> (states: Int, flaw: String?) {
        let first = World(setting)
        var worlds = [first]
        var places = [Coder(first).code: 0]
        /// How each state was reached at first, and from which others it can be.
        var origins: [(from: Int, step: World.Step)?] = [nil]
        var sources: [[Int]] = [[]]
        var ticking: [Int] = []
        func story(to place: Int, _ last: [World.Step] = []) -> String {
            var (steps, place) = (last, place)
            while let (from, step) = origins[place] {
                steps.append(step)
                place = from
            }
            return first.story(of: steps.reversed())
        }
        var next = 0
        while next < worlds.count {
            guard worlds.count < 100_000 else { return (worlds.count, "too many states") }
            let world = worlds[next]
            for step in world.steps {
                var after = world
                after.take(step)
                if let flaw = after.flaw { return (worlds.count, "\(flaw):\n" + story(to: next, [step])) }
                if case .tick = step { ticking.append(next) }
                let code = Coder(after).code
                if let place = places[code] {
                    sources[place].append(next)
                } else {
                    places[code] = worlds.count
                    worlds.append(after)
                    origins.append((next, step))
                    sources.append([next])
                }
            }
            next += 1
        }
        var goesOn = [Bool](repeating: false, count: worlds.count)
        while let place = ticking.popLast() {
            if goesOn[place] { continue }
            goesOn[place] = true
            ticking += sources[place]
        }
        let stuck = goesOn.firstIndex(of: false)
        return (worlds.count, stuck.map { "time stands still:\n" + story(to: $0) })
    }

    /// Times in ticks of a second. The node renews after one, so that a lost renewal is one too many.
    private func setting(_ loss: World.Loss, _ secondJoin: SecondJoin, _ onStoreLoss: StoreLoss) -> World.Setting {
        var setting = World.Setting()
        setting.loss = loss
        setting.policy.secondJoin = secondJoin
        setting.policy.idleTimeout = 2000
        setting.sharing.onStoreLoss = onStoreLoss
        setting.sharing.trial = 2000
        setting.sharing.grace = 3000
        setting.sharing.freshness = 1000
        return setting
    }

    private func check(_ setting: World.Setting, isBetween bounds: ClosedRange<Int>) {
        let (states, flaw) = explore(setting)
        #expect(flaw == nil)
        #expect(bounds.contains(states), "the model has changed: \(states) states")
    }

    private static let storeLosses: [World.Loss] = [.answer, .table, .cut, .away]

    @Test(
        "Two joins, whatever is lost: 77,000 states",
        arguments: World.Loss.allCases,
        [SecondJoin.takeOver, .refuse]
    )
    func joins(_ loss: World.Loss, _ secondJoin: SecondJoin) {
        check(setting(loss, secondJoin, .refuse), isBetween: 200...10_000)
    }

    @Test(
        "Two joins that are let in while the store is away: 52,000 states",
        arguments: storeLosses,
        [SecondJoin.takeOver, .refuse]
    )
    func joinsWithoutStore(_ loss: World.Loss, _ secondJoin: SecondJoin) {
        check(setting(loss, secondJoin, .admit), isBetween: 2000...20_000)
    }

    @Test("A viewer who is alone comes back, at any node: 25,000 states", arguments: World.Loss.allCases)
    func alone(_ loss: World.Loss) {
        var setting = setting(loss, .takeOver, .refuse)
        setting.viewers = 1
        setting.returns = 2
        check(setting, isBetween: 200...10_000)
    }

    @Test("A viewer who is alone comes back while the store is away: 34,000 states", arguments: storeLosses)
    func aloneWithoutStore(_ loss: World.Loss) {
        var setting = setting(loss, .takeOver, .admit)
        setting.viewers = 1
        setting.returns = 2
        check(setting, isBetween: 2000...20_000)
    }

    @Test(
        "Two joins, and one comes back, at any node: 59,000 states",
        arguments: [World.Loss.nothing, .notice, .death, .pause],
        [SecondJoin.takeOver, .refuse]
    )
    func returns(_ loss: World.Loss, _ secondJoin: SecondJoin) {
        var setting = setting(loss, secondJoin, .refuse)
        setting.returns = 1
        check(setting, isBetween: 1000...40_000)
    }

    @Test(
        "Two joins, and one leaves: 42,000 states",
        arguments: [World.Loss.nothing, .answer, .notice, .death, .table, .cut]
    )
    func leaves(_ loss: World.Loss) {
        var setting = setting(loss, .refuse, .refuse)
        setting.leaves = 1
        check(setting, isBetween: 1000...30_000)
    }

    @Test("Two joins at three nodes: 12,000 states", arguments: [World.Loss.nothing, .notice, .death])
    func threeNodes(_ loss: World.Loss) {
        var setting = setting(loss, .takeOver, .refuse)
        setting.nodes = 3
        check(setting, isBetween: 2000...10_000)
    }
}
