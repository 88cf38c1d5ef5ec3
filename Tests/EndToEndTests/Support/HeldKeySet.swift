import Foundation

/// A company's key set that is answered only once it may be: a start that fetches it waits meanwhile.
final class HeldKeySet: Sendable {
    private let server: RecordingUpstream
    private let isAsked = Flag()
    private let mayAnswer = Flag()

    init() throws {
        server = try RecordingUpstream { [isAsked, mayAnswer] exchange in
            isAsked.set()
            _ = eventually { mayAnswer.isSet }
            return try exchange.reply("200 OK", [], #"{"keys": []}"#)
        }
    }

    /// For ``GatewayConfiguration/company``.
    var key: String { "[[company.key]]\njwks_url = \"http://127.0.0.1:\(server.port)/keys\"" }

    /// Waits until it is fetched. Returns false if it is not.
    func awaitFetch() -> Bool { eventually { isAsked.isSet } }

    /// Call in any case: whoever fetches it must not wait until the end of the test run.
    func answer() { mayAnswer.set() }
}
