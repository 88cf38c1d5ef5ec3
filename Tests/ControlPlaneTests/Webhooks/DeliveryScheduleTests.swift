import Directory
import Testing

@testable import ControlPlane

@Suite("Retries: soon at first, then hourly, for a day")
struct DeliveryScheduleTests {
    @Test("The longest wait doubles from five seconds to an hour, whatever the number of attempts")
    func longestWait() {
        let waits = (0..<12).map { DeliverySchedule.longestWait(after: $0) / 1000 }
        #expect(waits == [5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600])
        for attempts in [63, 64, 65, 1000, .max, -1] {
            #expect((5_000...3_600_000).contains(DeliverySchedule.longestWait(after: attempts)))
        }
        #expect(DeliverySchedule.longestWait(after: .max) == Directory.farthestRetry)
    }

    @Test("A wait is evenly distributed up to the longest")
    func jitter() {
        var random = Numbers(seed: 1)
        for attempts in [0, 3, 20] {
            let longest = DeliverySchedule.longestWait(after: attempts)
            let waits = (0..<4000).map { _ in DeliverySchedule.wait(after: attempts, using: &random) }
            #expect(waits.allSatisfy { (0...longest).contains($0) })
            for quarter in Int64(0)..<4 {
                let share = waits.count { $0 * 4 / (longest + 1) == quarter }
                #expect((900...1100).contains(share))
            }
        }
    }

    static let hour: Int64 = 3_600_000

    @Test(
        "A message is given up a day after it was made, if it was tried often enough by then",
        arguments: [
            (0, 0, false), (30, 23 * hour, false), (30, 24 * hour - 1, false), (30, 24 * hour, true),
            (1000, hour, false),
            // The gateway was down for a week, or the clock jumped ahead.
            (0, 7 * 24 * hour, false), (10, 7 * 24 * hour, false), (11, 7 * 24 * hour, true),
            // The message was made while the clock was ahead.
            (30, -hour, false), (0, -30 * 24 * hour, false), (30, -30 * 24 * hour, true),
        ] as [(Int, Int64, Bool)]
    )
    func givesUp(attempts: Int, age: Int64, expected: Bool) {
        let now: Int64 = 1_700_000_000_000
        #expect(DeliverySchedule.givesUp(after: attempts, createdAt: now - age, now: now) == expected)
    }

    @Test("Within a day there are always more attempts than giving up requires")
    func attempts() {
        var time: Int64 = 0
        var attempts = 0
        while time < 24 * Self.hour {
            time += DeliverySchedule.longestWait(after: attempts)
            attempts += 1
        }
        #expect(attempts > 12)
    }
}

/// SplitMix64: the same numbers in every run.
struct Numbers: RandomNumberGenerator {
    var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }
}

@Suite("Signatures of deliveries")
struct DeliverySignatureTests {
    @Test(
        "Vectors made by Python's hmac",
        arguments: [
            (
                "whsec_secret", 1_700_000_000, #"{"id":"1"}"#,
                "2fdce3d84622450ab95bc710630480e9484c3efe8046000fbbfabfb5b7ed109d"
            ),
            (
                "whsec_secret", 1_700_000_001, #"{"id":"1"}"#,
                "626d7517b59d3f9744364392efba5bd34c22c2d932b704ab7a613748a08a9b65"
            ),
            ("k", 0, "", "6b4a4b8b3c40f1e8f53a3d36682e5f99f7ad2ac1df1c93dfe336f329167641e7"),
            (
                "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", 1_763_830_277, #"{"name":"Ünal 😀"}"#,
                "8f6df7175625f16fb6e81b7a6f00f19a26645697d4c122f48d5ea58fe9e93920"
            ),
        ] as [(String, Int64, String, String)]
    )
    func vectors(secret: String, timestamp: Int64, body: String, code: String) {
        #expect(DeliverySignature.field(secret: secret, timestamp: timestamp, body: body) == "v1=\(code)")
    }
}
