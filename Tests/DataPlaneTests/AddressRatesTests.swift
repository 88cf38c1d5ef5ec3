import GatewayConfiguration
import Testing

@testable import DataPlane

@Suite("Rates by client address")
struct AddressRatesTests {
    private func limit(_ rate: String, burst: Int? = nil) throws -> RateLimit {
        RateLimit(rate: try EventRate(parsing: rate), burst: burst)
    }

    @Test("A burst passes at once, then one per interval, and a pause fills the bucket again")
    func course() throws {
        let (rates, limit) = (AddressRates(), try limit("10/s", burst: 5))
        for _ in 0..<5 { #expect(rates.take(1, limit, at: 1000) == nil) }
        #expect(rates.take(1, limit, at: 1000) == 100)
        #expect(rates.take(1, limit, at: 1050) == 50)
        #expect(rates.take(1, limit, at: 1100) == nil)
        #expect(rates.take(1, limit, at: 1100) == 100)
        // Refusals cost nothing.
        #expect(rates.take(1, limit, at: 1200) == nil)
        for _ in 0..<5 { #expect(rates.take(1, limit, at: 9000) == nil) }
        #expect(rates.take(1, limit, at: 9000) != nil)
        // Others have buckets of their own, and the unknown address has none.
        #expect(rates.take(2, limit, at: 9000) == nil)
        for _ in 0..<100 { #expect(rates.take(0, limit, at: 9000) == nil) }
    }

    @Test("Over a long time exactly the rate passes", arguments: ["1/s", "7/s", "1000/s", "30/m"])
    func average(rate: String) throws {
        let (rates, limit) = (AddressRates(), try limit(rate, burst: 3))
        var passed = 0
        for now in stride(from: 0 as Int64, to: 120_000, by: 1) where rates.take(1, limit, at: now) == nil {
            passed += 1
        }
        let wanted = limit.rate.count * 120_000 / Int(limit.rate.period)
        #expect((wanted...wanted + 3).contains(passed), "\(passed)")
    }

    @Test("A smaller limit after a reload does not hold anyone up longer than its own bucket")
    func smaller() throws {
        let rates = AddressRates()
        for _ in 0..<1000 { _ = rates.take(1, try limit("1/m", burst: 1000), at: 0) }
        let small = try limit("10/s", burst: 2)
        let wait = try #require(rates.take(1, small, at: 0))
        #expect(wait <= 100)
        #expect(rates.take(1, small, at: wait) == nil)
    }

    @Test("Attack: addresses in any number take bounded memory")
    func memory() throws {
        let (rates, limit) = (AddressRates(), try limit("1/m"))
        var address: UInt64 = 1
        for _ in 0..<600_000 {
            address = address &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            _ = rates.take(address, limit, at: 0)
        }
        #expect(rates.count <= 64 * 4096)
    }
}
