import Basics

/// What a service worker says about the page's request that it sends on with a session: `Gateway-Request`.
///
/// The browser describes the worker's own request in `Sec-Fetch-…` and `Referer`; this describes the page's. Believe it
/// only beside a session that a worker holds.
struct WorkerRequest {
    /// Ranges of the field's value: `Sec-Fetch-Dest`, `-Mode` and `-Site` of the page's request.
    private(set) var destination: Range<Int>?
    private(set) var mode: Range<Int>?
    private(set) var site: Range<Int>?
    /// The path of the page that caused the request, if it is one of ours.
    private(set) var referrer: Range<Int>?

    /// Ignores what it does not know, and values that must not stand in the fields that they are for.
    init(_ value: Span<UInt8>) {
        var start = 0
        while let equals = value.firstIndex(of: UInt8(ascii: "="), from: start, to: value.count) {
            let name = value.trimming(start..<equals)
            // The last one: a path may contain commas.
            if value.equals("from", in: name) {
                if value.isPath(equals + 1..<value.count) { referrer = equals + 1..<value.count }
                return
            }
            let end = value.firstIndex(of: UInt8(ascii: ","), from: equals, to: value.count) ?? value.count
            let word = value.trimming(equals + 1..<end)
            if value.isFetchWord(word) {
                if value.equals("dest", in: name) {
                    destination = word
                } else if value.equals("mode", in: name) {
                    mode = word
                } else if value.equals("site", in: name) {
                    site = word
                }
            }
            start = end + 1
        }
    }
}

extension Span<UInt8> {
    /// Whether a range is a word as `Sec-Fetch-…` fields have them.
    fileprivate func isFetchWord(_ range: Range<Int>) -> Bool {
        guard !range.isEmpty, range.count <= 24 else { return false }
        for index in range where (self[index] &- 0x61) >= 26 && self[index] != UInt8(ascii: "-") { return false }
        return true
    }

    fileprivate func isPath(_ range: Range<Int>) -> Bool {
        guard !range.isEmpty, self[range.lowerBound] == UInt8(ascii: "/") else { return false }
        for index in range where self[index] <= 0x20 || self[index] >= 0x7f || self[index] == UInt8(ascii: "?") {
            return false
        }
        return true
    }
}

/// Fields that the gateway and its service worker exchange, and nobody else.
enum GatewayFields {
    /// Whether a name begins with `Gateway-` if every byte except letters and digits is read as `-`.
    static func contain(_ bytes: Span<UInt8>, _ name: Range<Int>) -> Bool {
        let prefix: StaticString = "gateway"
        let end = name.lowerBound + prefix.utf8CodeUnitCount
        return end < name.upperBound && bytes.equals(prefix, ignoringCaseIn: name.lowerBound..<end)
            && !bytes[end].isLetterOrDigit
    }
}
