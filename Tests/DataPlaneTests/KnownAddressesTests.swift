import Basics
import Synchronization
import TestSupport
import Testing
import Transport

@testable import DataPlane

@Suite("The addresses of a server's name")
struct KnownAddressesTests {
    private static let first: [NetworkAddress] = [.v4([10, 0, 0, 1], port: 80)]
    private static let second: [NetworkAddress] = [.v4([10, 0, 0, 2], port: 80)]

    @Test("They are used for the interval, then still used while one connection asks again")
    func interval() {
        var known = KnownAddresses(interval: 1000)
        #expect(known.advice(at: 0) == .resolve)
        #expect(known.learn(.found(Self.first), at: 0) == Self.first)
        #expect(known.advice(at: 999) == .use(Self.first))
        #expect(known.advice(at: 1000) == .useAndResolve(Self.first))
        #expect(known.advice(at: 1000) == .use(Self.first))
        #expect(known.learn(.found(Self.second), at: 1001) == Self.second)
        #expect(known.advice(at: 2000) == .use(Self.second))
        #expect(known.advice(at: 2001) == .useAndResolve(Self.second))
    }

    @Test("While name servers fail, the last addresses stay, and they are asked again in each interval")
    func failing() {
        var known = KnownAddresses(interval: 1000)
        #expect(known.learn(.failed("no"), at: 0) == [])
        #expect(known.advice(at: 0) == .resolve && known.fault == "no")
        #expect(known.learn(.found(Self.first), at: 0) == Self.first)
        #expect(known.fault == nil)
        for now in [1000, 2000, 3000] as [Int64] {
            #expect(known.advice(at: now) == .useAndResolve(Self.first))
            #expect(known.learn(.failed("again"), at: now) == Self.first)
            #expect(known.fault == "again")
        }
    }

    @Test("If no connection can be made, the next one asks again")
    func doubt() {
        var known = KnownAddresses(interval: 1000)
        _ = known.learn(.found(Self.first), at: 0)
        known.doubt()
        #expect(known.advice(at: 10) == .useAndResolve(Self.first))
    }

    @Test("Without an interval, each connection asks, and uses the last addresses only if that fails")
    func noInterval() {
        var known = KnownAddresses(interval: 0)
        _ = known.learn(.found(Self.first), at: 0)
        #expect(known.advice(at: 0) == .resolve)
        #expect(known.learn(.failed("no"), at: 0) == Self.first)
    }
}
