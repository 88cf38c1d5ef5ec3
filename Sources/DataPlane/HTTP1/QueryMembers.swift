/// What a query holds for the gateway: what may be tokens, and the ticket of a redirect.
package struct QueryMembers: Sendable {
    /// The values of members that are named as tokens are, in order; never empty ones.
    package private(set) var tokens: ContiguousArray<Range<Int>> = []
    /// The value of the last member that carries a ticket.
    package private(set) var ticket: Range<Int>?
    /// The value of the first member that carries a join code.
    package private(set) var joinCode: Range<Int>?
    /// Members that are not forwarded, in order.
    package private(set) var removed: ContiguousArray<Range<Int>> = []

    /// Name of the ticket that the redirect of a link adds for one hop.
    package static let ticketName = "gateway-ticket"
    private static let ticketBytes = Array(ticketName.utf8)
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
        tokens.removeAll(keepingCapacity: true)
        ticket = nil
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

    /// Leaves members where they are unless their values are ours. The ticket always is.
    ///
    /// - Parameter isOurs: what it says of a value, as it stands in the query, and whether its name is that of join codes.
    package mutating func keepOthers(_ bytes: Span<UInt8>, isOurs: (Range<Int>, _ isJoinCode: Bool) -> Bool) {
        removed.removeAll { member in
            let equals = bytes.firstIndex(of: UInt8(ascii: "="), from: member.lowerBound, to: member.upperBound)
            let name = Self.unescaped(bytes, member.lowerBound..<(equals ?? member.upperBound))
            if Self.isNamed(bytes, name, Self.ticketBytes) { return false }
            let value = min(name.upperBound + 1, member.upperBound)..<member.upperBound
            let isJoinCode = takesJoinCodes && Self.isNamed(bytes, name, Self.joinCodeName)
            return !isOurs(value, isJoinCode)
        }
    }

    private mutating func read(
        _ bytes: Span<UInt8>,
        member: Range<Int>,
        name: Range<Int>,
        value: Range<Int>,
        _ tokenNames: [[UInt8]]
    ) {
        let name = Self.unescaped(bytes, name)
        for tokenName in tokenNames where Self.isNamed(bytes, name, tokenName) {
            removed.append(member)
            if !value.isEmpty { tokens.append(value) }
            return
        }
        if Self.isNamed(bytes, name, Self.ticketBytes) {
            ticket = value
            removed.append(member)
        } else if takesJoinCodes, Self.isNamed(bytes, name, Self.joinCodeName) {
            if joinCode == nil { joinCode = value }
            removed.append(member)
        }
    }

    /// A name without what is left in front of it of an ampersand that stands in the address as HTML writes it: `&amp;`.
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
