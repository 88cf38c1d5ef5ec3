import Basics
import Directory

/// What an endpoint answered: the part that matters.
struct DeliveryAnswer: Sendable, Equatable {
    let status: UInt
    /// The value of `Retry-After`.
    var retryAfter: String?

    /// Only 2xx says that a message has arrived. Redirects are not followed.
    var hasArrived: Bool { (200..<300).contains(status) }
    /// Whether the endpoint wants no more messages, ever.
    var isGone: Bool { status == 410 }

    /// How long the endpoint asks to be left alone, at most as long as retries may be apart. Returns `nil` if it does
    /// not ask ([RFC 9110 section 10.2.3](https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3)).
    func rest(now: Milliseconds) -> Milliseconds? {
        guard !hasArrived, let text = retryAfter else { return nil }
        if !text.isEmpty, text.utf8.allSatisfy({ $0.isDigit }) {
            // A number too large for its type is bounded as well.
            let seconds = Milliseconds(text) ?? Directory.farthestRetry
            return min(seconds, Directory.farthestRetry / 1000) * 1000
        }
        return Self.moment(text).map { min(max(0, $0 - now), Directory.farthestRetry) }
    }

    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ].map { Array($0.utf8) }

    /// Reads a date such as `Sun, 06 Nov 1994 08:49:37 GMT`
    /// ([RFC 9110 section 5.6.7](https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7)).
    private static func moment(_ text: String) -> Milliseconds? {
        let parts = text.utf8.split(separator: UInt8(ascii: " ")).map(Array.init)
        guard parts.count == 6, let month = months.firstIndex(of: parts[2]) else { return nil }
        let (day, year, time) = (parts[1], parts[3], parts[4])
        let number = month + 1
        let date = "\(String(decoding: year, as: UTF8.self))-\(number < 10 ? "0" : "")\(number)-"
        return RFC3339.parse(
            date + "\(String(decoding: day, as: UTF8.self))T\(String(decoding: time, as: UTF8.self))Z"
        )
    }
}
