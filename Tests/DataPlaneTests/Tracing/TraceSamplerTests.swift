import GatewayConfiguration
import Testing

@testable import DataPlane

@Suite("Which traces are recorded")
struct TraceSamplerTests {
    private func sampler(_ share: Double) -> TraceSampler {
        var settings = TracingSettings()
        settings.sample = share
        return TraceSampler(settings)
    }

    @Test(
        "A share by the lower half of the trace's id, so that services agree and a greater share has all of a smaller one"
    )
    func share() {
        #expect(sampler(1).samples(.max) && sampler(1).samples(0))
        #expect(!sampler(0).samples(0))
        #expect(sampler(0.5).samples(0x7fff_ffff_ffff_ffff) && !sampler(0.5).samples(0x8000_0000_0000_0000))
        #expect(sampler(0.25).samples(0x3fff_ffff_ffff_ffff) && !sampler(0.25).samples(0x4000_0000_0000_0000))
        var random = RandomSource()
        var counts = [0, 0]
        for _ in 0..<20_000 {
            let id = random.next()
            let isIn = [sampler(0.1).samples(id), sampler(0.3).samples(id)]
            #expect(!isIn[0] || isIn[1])
            for index in 0..<2 where isIn[index] { counts[index] += 1 }
        }
        // Ten standard deviations.
        #expect((1576...2424).contains(counts[0]) && (5352...6648).contains(counts[1]), "\(counts)")
    }

    /// What becomes of a request with this `traceparent`.
    private func decide(
        _ parent: String?,
        share: Double,
        heedsParent: Bool = true
    ) throws -> (id: RequestID, written: String) {
        var random = RandomSource()
        var id = RequestID()
        let line = parent.map { "traceparent: \($0)\r\n" } ?? ""
        try withView(request("X-Request-Id: mine\r\n" + line)) { id.read($0, &random) }
        id.decide(sampler(share), heedsParent: heedsParent)
        var buffer = ByteBuffer()
        _ = buffer.write(atMost: 500) { head in id.writeFields(to: &head) }
        return (id, text(buffer.contents))
    }

    private static let trace = "0af7651916cd43dd8448eb211c80319c"
    private static let span = "b7ad6b7169203331"

    @Test("The parent decides, in both directions; its other flags do not")
    func parent() throws {
        for (flags, isSampled) in [
            ("00", false), ("01", true), ("02", false), ("03", true), ("ff", true), ("fe", false),
        ] {
            for share in [0.0, 1.0] {
                let (id, written) = try decide("00-\(Self.trace)-\(Self.span)-\(flags)", share: share)
                #expect(id.isSampled == isSampled && id.parent == 0xb7ad_6b71_6920_3331, "\(flags)")
                #expect(id.keepsTrace == !isSampled)
                guard isSampled else { continue }
                let own = try #require(
                    written.wholeMatch(of: /traceparent: 00-([0-9a-f]{32})-([0-9a-f]{16})-0([0-9a-f])\r\n/)
                )
                #expect(own.1 == Self.trace && own.2 != Self.span)
                // Only the flags that mean something.
                #expect(own.3 == (flags == "01" ? "1" : "3"))
            }
        }
    }

    @Test("Without a parent, or one that counts, the share decides")
    func own() throws {
        #expect(try decide(nil, share: 1).id.isSampled && !decide(nil, share: 0).id.isSampled)
        #expect(try decide(nil, share: 1).written.hasSuffix("-01\r\n"))
        #expect(try decide(nil, share: 0).written.hasSuffix("-00\r\n"))
        let parent = "00-\(Self.trace)-\(Self.span)-"
        let ignored = try decide(parent + "00", share: 1, heedsParent: false)
        #expect(ignored.id.isSampled && ignored.written.contains("00-\(Self.trace)-"))
        #expect(!ignored.written.contains(Self.span))
        // The upstream must not take the client's decision for ours.
        let refused = try decide(parent + "01", share: 0, heedsParent: false)
        #expect(!refused.id.isSampled && refused.written.hasSuffix("-00\r\n"))
        #expect(refused.written.contains("00-\(Self.trace)-") && !refused.written.contains(Self.span))
        let unsampled = try decide(parent + "00", share: 0, heedsParent: false)
        #expect(unsampled.id.keepsTrace && unsampled.written.isEmpty)
    }

    @Test("The next request on the same exchange begins without a decision")
    func next() throws {
        var (id, _) = try decide("00-\(Self.trace)-\(Self.span)-01", share: 1)
        var random = RandomSource()
        try withView(request()) { id.read($0, &random) }
        #expect(!id.isSampled && id.parent == 0)
    }
}
