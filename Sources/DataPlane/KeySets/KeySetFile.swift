import Basics
import GatewayConfiguration

/// Where fetched key sets are kept over a restart.
package struct KeySetStore: Sendable {
    /// Returns `nil` if nothing can be read.
    let load: @Sendable () -> [UInt8]?
    /// Returns before anything is made or written.
    let save: @Sendable (_ make: @escaping @Sendable () -> Content) -> Void

    /// The largest content that is read and written. A set has at most 256 KiB.
    package static let maxSize = 8 << 20

    /// What is to be kept.
    package struct Content: Sendable {
        package let bytes: [UInt8]
        /// The URLs of the sets for which there is no room.
        package let leftOut: [String]
        /// Whether it has every set of the configuration, rather than only those that could be fetched so far.
        package let areAll: Bool
    }

    package init(
        load: @escaping @Sendable () -> [UInt8]?,
        save: @escaping @Sendable (_ make: @escaping @Sendable () -> Content) -> Void
    ) {
        (self.load, self.save) = (load, save)
    }
}

/// A key set as it was fetched.
struct FetchedKeySet: Equatable {
    /// How long its keys may be used after it was fetched, in the process and from the file. In seconds.
    static let lifetime: Int64 = 86_400

    let url: KeySetURL
    /// In seconds since 1970.
    let fetchedAt: Int64
    let body: [UInt8]
}

/// The content of the file that keeps key sets, so that a start while an identity provider is down refuses nobody.
///
/// The sets stand in it as they were fetched and are judged again when they are read.
enum KeySetFile {
    /// How far a clock may have been set back, in seconds.
    private static let clockSlack: Int64 = 300

    /// The file's content, without the largest sets if it would be too large.
    ///
    /// - Parameter areAll: whether the configuration names no other sets.
    static func content(
        of sets: [FetchedKeySet],
        areAll: Bool = true,
        maxSize: Int = KeySetStore.maxSize
    ) -> KeySetStore.Content {
        let entries = sets.map { set in
            let place = set.url.issuer.map { JSONMember("issuer", .string($0)) }
            let value = JSONValue.object([
                place ?? JSONMember("url", .string(set.url.text)),
                JSONMember("fetchedAt", .number(Double(set.fetchedAt))),
                JSONMember("set", .string(String(decoding: set.body, as: UTF8.self))),
            ])
            return (url: set.url.text, bytes: value.serialized())
        }
        let (start, end) = (Array(#"{"sets":["#.utf8), Array("]}".utf8))
        var (size, leftOut) = (start.count + end.count, [String]())
        var bytes = start
        for entry in entries.sorted(by: { $0.bytes.count < $1.bytes.count }) {
            size += entry.bytes.count + 1
            guard size <= maxSize else {
                leftOut.append(entry.url)
                continue
            }
            if bytes.count > start.count { bytes.append(UInt8(ascii: ",")) }
            bytes += entry.bytes
        }
        return KeySetStore.Content(bytes: bytes + end, leftOut: leftOut, areAll: areAll)
    }

    private static func url(_ members: [JSONMember]) -> KeySetURL? {
        if case .string(let issuer)? = members["issuer"] { return try? KeySetURL(discoveryOf: issuer) }
        guard case .string(let text)? = members["url"] else { return nil }
        return try? KeySetURL(parsing: text)
    }

    /// Reads what is still good at `now` (seconds since 1970). A file that cannot be read holds nothing.
    static func read(_ bytes: [UInt8]?, at now: Int64) -> [FetchedKeySet] {
        guard let bytes, bytes.count <= KeySetStore.maxSize,
            case .object(let members)? = try? JSONValue(
                parsing: bytes.span,
                limits: JSONLimits(size: KeySetStore.maxSize)
            ),
            case .array(let values)? = members["sets"]
        else { return [] }
        return values.compactMap { value in
            guard case .object(let members) = value, let url = url(members),
                case .number(let moment)? = members["fetchedAt"],
                let fetchedAt = Int64(exactly: moment), case .string(let body)? = members["set"],
                fetchedAt >= 0, fetchedAt <= now + clockSlack, now - fetchedAt < FetchedKeySet.lifetime
            else { return nil }
            return FetchedKeySet(url: url, fetchedAt: fetchedAt, body: Array(body.utf8))
        }
    }
}
