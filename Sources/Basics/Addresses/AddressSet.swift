/// Many ranges of addresses, to be searched for one: takes as long as the logarithm of their number.
package struct AddressSet: Sendable, Equatable {
    private struct Block: Sendable, Equatable {
        var first: UInt128
        var last: UInt128
    }

    /// Sorted, and apart from one another.
    private var v4: [Block] = []
    private var v6: [Block] = []

    package init(_ ranges: [AddressRange] = []) {
        for range in ranges {
            if range.bytes.count == 4 { v4.append(Self.block(range)) } else { v6.append(Self.block(range)) }
        }
        (v4, v6) = (Self.merged(v4), Self.merged(v6))
    }

    package var isEmpty: Bool { v4.isEmpty && v6.isEmpty }

    /// Whether the address is in one of the ranges. No range contains a client that has none.
    package func contains(_ address: ClientAddress) -> Bool {
        switch address.byteCount {
        case 4: Self.contain(v4, address.number)
        case 16: Self.contain(v6, address.number)
        default: false
        }
    }

    private static func block(_ range: AddressRange) -> Block {
        let first = range.bytes.reduce(0 as UInt128) { $0 << 8 | UInt128($1) }
        let hostBits = range.bytes.count * 8 - range.prefixLength
        return Block(first: first, last: hostBits == 128 ? .max : first | ((1 << hostBits) - 1))
    }

    private static func merged(_ blocks: [Block]) -> [Block] {
        var merged: [Block] = []
        for block in blocks.sorted(by: { $0.first < $1.first }) {
            if let last = merged.last, block.first <= last.last {
                merged[merged.count - 1].last = max(last.last, block.last)
            } else {
                merged.append(block)
            }
        }
        return merged
    }

    private static func contain(_ blocks: [Block], _ number: UInt128) -> Bool {
        var (low, high) = (0, blocks.count)
        while low < high {
            let middle = (low + high) / 2
            if blocks[middle].last < number { low = middle + 1 } else { high = middle }
        }
        return low < blocks.count && blocks[low].first <= number
    }
}
