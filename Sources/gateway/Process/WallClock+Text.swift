import Basics
import Glibc

extension WallClock {
    /// Seconds since 1970.
    static func seconds() -> Int64 { Int64(time(nil)) }

    /// `2026-11-22T16:51:17.000Z`
    static func text(_ seconds: Int64) -> String { Timestamp.text(seconds * 1000) }

    /// `in 3 h` or `5 min ago`.
    static func distance(_ moment: Int64, _ now: Int64) -> String {
        let seconds = abs(moment - now)
        let text =
            switch seconds {
            case ..<120: "\(seconds) s"
            case ..<7200: "\(seconds / 60) min"
            case ..<172_800: "\(seconds / 3600) h"
            default: "\(seconds / 86400) days"
            }
        return moment >= now ? "in \(text)" : "\(text) ago"
    }
}
