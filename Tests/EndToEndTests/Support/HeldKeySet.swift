import Basics
import Foundation
import JOSE

/// A company's key set that is answered only once it may be: a start or a reload that fetches it waits meanwhile.
final class HeldKeySet: Sendable {
    private let server: RecordingUpstream
    private let isAsked = Flag()
    private let mayAnswer = Flag()

    /// - Parameter key: the set's only key. Then a fetch is held for less than the time after which the gateway gives it
    ///   up. Without one, a reload that names the set is refused.
    init(_ key: Key? = nil) throws {
        let set = JSONValue.object([JSONMember("keys", .array([key?.publicJWK].compactMap { $0 }))])
        let text = String(decoding: set.serialized(), as: UTF8.self)
        let holdTime = key == nil ? 20 : 2.5
        server = try RecordingUpstream { [isAsked, mayAnswer] exchange in
            isAsked.set()
            _ = eventually(within: holdTime) { mayAnswer.isSet }
            return try exchange.reply("200 OK", [], text)
        }
    }

    /// A key for ``GatewayConfiguration/company``.
    var key: String { Self.key("http://127.0.0.1:\(server.port)/keys") }

    /// The same for many sets: 32 are fetched at once, so that they hold a reload for 25 seconds.
    var keys: String {
        (0..<320).map { Self.key("http://127.0.0.1:\(server.port)/keys/\($0)") }.joined(separator: "\n")
    }

    private static func key(_ url: String) -> String { "[[company.key]]\njwks_url = \"\(url)\"" }

    /// Waits until it is fetched. Returns false if it is not.
    func awaitFetch() -> Bool { eventually { isAsked.isSet } }

    /// Call in any case: whoever fetches it must not wait until the end of the test run.
    func answer() { mayAnswer.set() }
}
