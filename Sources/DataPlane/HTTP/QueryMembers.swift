import Basics

/// The members of a query that are for the gateway: possible tokens, the ticket of a redirect, and a join code.
package struct QueryMembers: Sendable {
    /// The non-empty values of members named like tokens, in order.
    package private(set) var tokens: ContiguousArray<Range<Int>> = []
    /// The value of the last ticket member.
    package private(set) var ticket: Range<Int>?
    /// The value of the first join code member.
    package private(set) var joinCode: Range<Int>?
    /// Members that are not forwarded, in order.
    package private(set) var removed: ContiguousArray<Range<Int>> = []

    /// The name of the ticket that a link's redirect adds for one hop.
    package static let ticketName = "gateway-ticket"
    private static let ticketBytes = Array(ticketName.utf8)
    private static let joinCodeName = Array("joinCode".utf8)
    private var takesJoinCodes = false

    package init() {}

    /// Forgets an earlier query.
    mutating func clear() {
        if !tokens.isEmpty { tokens.removeAll(keepingCapacity: true) }
        if !removed.isEmpty { removed.removeAll(keepingCapacity: true) }
        ticket = nil
        joinCode = nil
    }

    /// - Parameter takesJoinCodes: whether a join code is ours. Otherwise it is a member like any other.
    package mutating func scan(
        _ bytes: Span<UInt8>,
        in query: Range<Int>?,
        tokenNames: [[UInt8]],
        takesJoinCodes: Bool = false
    ) {
        self.takesJoinCodes = takesJoinCodes
        clear()
        guard let query else { return }
        let question = bytes.firstIndex(of: UInt8(ascii: "?"), from: query.lowerBound, to: query.upperBound)
        var start = query.lowerBound
        while start < query.upperBound {
            let end = bytes.firstIndex(of: UInt8(ascii: "&"), from: start, to: query.upperBound) ?? query.upperBound
            let equals = bytes.firstIndex(of: UInt8(ascii: "="), from: start, to: end) ?? end
            if !read(bytes, start..<end, equals: equals, tokenNames), question != nil {
                readInside(bytes, start..<end, equals: equals, tokenNames)
            }
            start = end + 1
        }
    }

    /// Reads a member that follows another question mark: whoever appended it did not see that there is a query already.
    ///
    /// Looks at each byte a fixed number of times, since a stranger's query may be nothing but question marks.
    ///
    /// - Parameter equals: the first equals sign of the member, or its end.
    private mutating func readInside(
        _ bytes: Span<UInt8>,
        _ member: Range<Int>,
        equals: Int,
        _ tokenNames: [[UInt8]]
    ) {
        let end = member.upperBound
        var (start, equals) = (member.lowerBound, equals)
        while let mark = bytes.firstIndex(of: UInt8(ascii: "?"), from: start, to: end) {
            start = mark + 1
            if equals < start { equals = bytes.firstIndex(of: UInt8(ascii: "="), from: start, to: end) ?? end }
            if read(bytes, start..<end, equals: equals, tokenNames) { return }
        }
    }

    /// Keeps members in the query unless their values are ours. The ticket always is.
    ///
    /// - Parameter isOurs: judges a value as it stands in the query. Its second argument says whether the name is that
    ///   of join codes.
    package mutating func keepOthers(_ bytes: Span<UInt8>, isOurs: (Range<Int>, _ isJoinCode: Bool) -> Bool) {
        removed.removeAll { member in
            let equals = bytes.firstIndex(of: UInt8(ascii: "="), from: member.lowerBound, to: member.upperBound)
            let name = Self.unescaped(bytes, member.lowerBound..<(equals ?? member.upperBound))
            if bytes.decodes(name, to: Self.ticketBytes) { return false }
            let value = min(name.upperBound + 1, member.upperBound)..<member.upperBound
            let isJoinCode = takesJoinCodes && bytes.decodes(name, to: Self.joinCodeName)
            return !isOurs(value, isJoinCode)
        }
    }

    /// Reads a member. Returns whether it is ours.
    ///
    /// - Parameter equals: its first equals sign, or its end.
    private mutating func read(
        _ bytes: Span<UInt8>,
        _ member: Range<Int>,
        equals: Int,
        _ tokenNames: [[UInt8]]
    ) -> Bool {
        let end = member.upperBound
        let name = Self.unescaped(bytes, member.lowerBound..<equals)
        let value = min(equals + 1, end)..<end
        if tokenNames.contains(where: { bytes.decodes(name, to: $0) }) {
            if !value.isEmpty { tokens.append(value) }
        } else if bytes.decodes(name, to: Self.ticketBytes) {
            ticket = value
        } else if takesJoinCodes, bytes.decodes(name, to: Self.joinCodeName) {
            if joinCode == nil { joinCode = value }
        } else {
            return false
        }
        removed.append(member)
        return true
    }

    /// Removes what is left of an HTML-escaped ampersand (`&amp;`) at the start of a name.
    private static func unescaped(_ bytes: Span<UInt8>, _ name: Range<Int>) -> Range<Int> {
        var start = name.lowerBound
        while true {
            var position = start
            for expected in escapedRest {
                guard position < name.upperBound else { return start..<name.upperBound }
                let (byte, count) = bytes.decoded(at: position, before: name.upperBound)
                guard byte.lowercased == expected else { return start..<name.upperBound }
                position += count
            }
            start = position
        }
    }

    private static let escapedRest = Array("amp;".utf8)
}
