import GatewayConfiguration
import Synchronization

/// When each key set was last fetched, so that every event loop can tell whether a token's unknown key may be in a set
/// that is worth waiting for.
///
/// Strangers can name any key. They cause one fetch of a set in ``interval`` at most; in between, an unknown key is
/// refused at once.
final class MissedKeys: Sendable {
    private struct Fetch {
        /// In monotonic milliseconds.
        var beganAt: Int64
        var isUnderWay: Bool
        /// Whether the loop that fetches knows that a key was missed since.
        var isAsked: Bool
    }

    /// What to do about a token with an unknown key.
    struct Outlook: Equatable {
        /// Whether a fetch is under way, or due.
        var mayWait: Bool
        /// The sets that the loop that fetches must be told of.
        var asksFor: [KeySetURL]
    }

    private let fetches = Mutex<[KeySetURL: Fetch]>([:])

    /// The least time from one fetch to one for the sake of an unknown key, in milliseconds.
    static let interval: Int64 = 30_000

    /// Notes that a key was missed that one of these sets may have.
    ///
    /// - Parameter now: monotonic milliseconds.
    func miss(_ urls: [KeySetURL], at now: Int64) -> Outlook {
        fetches.withLock { fetches in
            var outlook = Outlook(mayWait: false, asksFor: [])
            for url in urls {
                guard var fetch = fetches[url] else { continue }
                if fetch.isUnderWay {
                    outlook.mayWait = true
                    continue
                }
                let isDue = now - fetch.beganAt >= Self.interval
                if isDue { outlook.mayWait = true }
                guard isDue || !fetch.isAsked else { continue }
                outlook.asksFor.append(url)
                (fetch.isUnderWay, fetch.isAsked) = (isDue, true)
                fetches[url] = fetch
            }
            return outlook
        }
    }

    /// A set is to be fetched when it is its turn, which comes sooner if a request waits for it.
    func wanted(_ url: KeySetURL, at now: Int64) {
        let fetch = Fetch(beganAt: now - Self.interval, isUnderWay: false, isAsked: false)
        fetches.withLock { fetches in if fetches[url] == nil { fetches[url] = fetch } }
    }

    func began(_ url: KeySetURL, at now: Int64) {
        fetches.withLock { $0[url] = Fetch(beganAt: now, isUnderWay: true, isAsked: false) }
    }

    /// A fetch has ended, and every event loop has or gets its keys.
    func ended(_ url: KeySetURL) { fetches.withLock { $0[url]?.isUnderWay = false } }

    /// Forgets a set that is no longer fetched.
    func forget(_ url: KeySetURL) { fetches.withLock { $0[url] = nil } }
}
