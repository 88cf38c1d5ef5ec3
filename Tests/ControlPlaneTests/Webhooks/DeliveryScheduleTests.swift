import Basics
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
        #expect(DeliverySchedule.givesUp(after: attempts, queuedAt: now - age, now: now) == expected)
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
    @Test("The vector of Standard Webhooks, alone and beside that of another key")
    func vector() throws {
        let secret = try #require(WebhookSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"))
        let id = "msg_p5jXN8AQM9LWM0D4loKWxJek"
        let body = #"{"test": 2432232314}"#
        func field(_ keys: [[UInt8]]) -> String {
            DeliverySignature.field(keys: keys, id: id, timestamp: 1_614_265_330, body: body)
        }
        let expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        #expect(field([secret.key]) == expected)
        let other = WebhookSecret.random()
        #expect(field([other.key, secret.key]) == "\(field([other.key])) \(expected)")
    }

    @Test("Secrets are whsec_ and the Base64 form of 32 random bytes, which are the key")
    func secrets() throws {
        let secret = WebhookSecret.random()
        #expect(secret.key.count == 32 && secret != .random())
        #expect(secret.text.hasPrefix("whsec_") && WebhookSecret(secret.text) == secret)
        for text in ["", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_MfKQ9r8", "whsec_-fKQ"] {
            #expect(WebhookSecret(text) == nil)
        }
    }
}

@Suite("What endpoints answer")
struct DeliveryAnswerTests {
    /// Sun, 06 Nov 1994 08:49:37 GMT.
    private static let now: Milliseconds = 784_111_777_000

    @Test(
        "Retry-After in seconds and as a date, bounded",
        arguments: [
            ("0", 0), ("120", 120_000), ("3600", 3_600_000), ("3601", 3_600_000),
            ("99999999999999999999999", 3_600_000), ("Sun, 06 Nov 1994 08:50:37 GMT", 60_000),
            ("Sun, 06 Nov 1994 08:48:37 GMT", 0), ("Sun, 06 Nov 2094 08:48:37 GMT", 3_600_000), ("", nil),
            ("-1", nil), ("1.5", nil), ("soon", nil), ("Sun, 06 Foo 1994 08:49:37 GMT", nil),
        ] as [(String, Milliseconds?)]
    )
    func rest(text: String, rest: Milliseconds?) {
        #expect(DeliveryAnswer(status: 429, retryAfter: text).rest(now: Self.now) == rest)
        #expect(DeliveryAnswer(status: 200, retryAfter: text).rest(now: Self.now) == nil)
    }
}
