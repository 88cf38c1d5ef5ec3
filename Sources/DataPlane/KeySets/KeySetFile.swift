import Basics
import GatewayConfiguration

/// Where fetched key sets are kept over a restart.
package struct KeySetStore: Sendable {
    /// Returns `nil` if nothing can be read.
    let load: @Sendable () -> [UInt8]?
    /// Returns before anything is written.
    let save: @Sendable ([UInt8]) -> Void

    /// The largest content that is read. A set has at most 256 KiB.
    package static let maxSize = 8 << 20

    package init(load: @escaping @Sendable () -> [UInt8]?, save: @escaping @Sendable ([UInt8]) -> Void) {
        (self.load, self.save) = (load, save)
    }
}

/// A key set as it was fetched.
struct FetchedKeySet: Equatable {
    let url: KeySetURL
    /// In seconds since 1970.
    let fetchedAt: Int64
    let body: [UInt8]
}

/// The content of the file that keeps key sets, so that a start while an identity provider is down refuses nobody.
///
/// The sets stand in it as they were fetched and are judged again when they are read. A set is good for a day from its
/// last fetch, as while the process runs.
enum KeySetFile {
    /// In seconds.
    private static let lifetime: Int64 = 86_400
    /// How far a clock may have been set back, in seconds.
    private static let clockSlack: Int64 = 300

    static func bytes(of sets: [FetchedKeySet]) -> [UInt8] {
        let values = sets.map { set in
            let place = set.url.issuer.map { JSONMember("issuer", .string($0)) }
            return JSONValue.object([
                place ?? JSONMember("url", .string(set.url.text)),
                JSONMember("fetchedAt", .number(Double(set.fetchedAt))),
                JSONMember("set", .string(String(decoding: set.body, as: UTF8.self))),
            ])
        }
        return JSONValue.object([JSONMember("sets", .array(values))]).serialized()
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
                fetchedAt <= now + clockSlack, now - fetchedAt < lifetime
            else { return nil }
            return FetchedKeySet(url: url, fetchedAt: fetchedAt, body: Array(body.utf8))
        }
    }
}
