/// What a query holds for the gateway: tokens and the one-hop marker, which are taken out of what is forwarded.
package struct QueryMembers: Sendable {
    /// The value of the first member that carries a token; never empty.
    package private(set) var token: Range<Int>?
    /// Two members carry different tokens.
    package private(set) var isConflicting = false
    package private(set) var hasMarker = false
    /// The value of the first member that carries a join code.
    package private(set) var joinCode: Range<Int>?
    /// Members that are not forwarded, in order.
    package private(set) var removed: ContiguousArray<Range<Int>> = []

    /// Name of the marker that a redirect after a join adds for one hop.
    package static let marker = "gateway-joined"
    private static let markerBytes = Array(marker.utf8)
    private static let joinCodeName = Array("joinCode".utf8)
    private var takesJoinCodes = false

    package init() {}

    /// - Parameter takesJoinCodes: whether a join code is ours; else it is a member like any other.
    package mutating func scan(
        _ bytes: Span<UInt8>,
        in query: Range<Int>?,
        tokenNames: [[UInt8]],
        takesJoinCodes: Bool = false
    ) {
        self.takesJoinCodes = takesJoinCodes
        token = nil
        isConflicting = false
        hasMarker = false
        joinCode = nil
        removed.removeAll(keepingCapacity: true)
        guard let query else { return }
        var start = query.lowerBound
        while start < query.upperBound {
            let end = bytes.firstIndex(of: UInt8(ascii: "&"), from: start, to: query.upperBound) ?? query.upperBound
            let equals = bytes.firstIndex(of: UInt8(ascii: "="), from: start, to: end) ?? end
            read(bytes, member: start..<end, name: start..<equals, value: min(equals + 1, end)..<end, tokenNames)
            start = end + 1
        }
    }

    /// Leaves members where they are unless their values are ours. The marker always is.
    ///
    /// - Parameter isOurs: what it says of a value, decoded, and whether its name is that of join codes.
    package mutating func keepOthers(_ bytes: Span<UInt8>, isOurs: (Span<UInt8>, _ isJoinCode: Bool) -> Bool) {
        removed.removeAll { member in
            let equals = bytes.firstIndex(of: UInt8(ascii: "="), from: member.lowerBound, to: member.upperBound)
            let name = member.lowerBound..<(equals ?? member.upperBound)
            if Self.isNamed(bytes, name, Self.markerBytes) { return false }
            let value = bytes.percentDecoded(min(name.upperBound + 1, member.upperBound)..<member.upperBound)
            let isJoinCode = takesJoinCodes && Self.isNamed(bytes, name, Self.joinCodeName)
            return !isOurs(value.span, isJoinCode)
        }
    }

    private mutating func read(
        _ bytes: Span<UInt8>,
        member: Range<Int>,
        name: Range<Int>,
        value: Range<Int>,
        _ tokenNames: [[UInt8]]
    ) {
        for tokenName in tokenNames where Self.isNamed(bytes, name, tokenName) {
            removed.append(member)
            guard !value.isEmpty else { return }
            if let token {
                if !bytes.equals(bytes.extracting(value), in: token) { isConflicting = true }
            } else {
                token = value
            }
            return
        }
        if Self.isNamed(bytes, name, Self.markerBytes) {
            hasMarker = true
            removed.append(member)
        } else if takesJoinCodes, Self.isNamed(bytes, name, Self.joinCodeName) {
            if joinCode == nil { joinCode = value }
            removed.append(member)
        }
    }

    private static func isNamed(_ bytes: Span<UInt8>, _ range: Range<Int>, _ name: [UInt8]) -> Bool {
        var position = range.lowerBound
        var index = 0
        while position < range.upperBound {
            guard index < name.count else { return false }
            let (byte, count) = bytes.decoded(at: position, before: range.upperBound)
            guard byte == name[index] else { return false }
            position += count
            index += 1
        }
        return index == name.count
    }
}
