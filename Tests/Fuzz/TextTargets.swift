import Basics

extension FuzzTarget {
    /// Percent-encoded texts of forms, queries and paths.
    static let percentEncoding = FuzzTarget("percent-encoding") { bytes in
        for plusIsSpace in [false, true] {
            guard let decoded = percentDecoded(bytes.span, plusIsSpace: plusIsSpace) else { continue }
            try require(decoded.utf8.count <= bytes.count, "a text grows when it is decoded: \(text(bytes))")
            let again = utf8(percentEncoded(decoded))
            try require(
                percentDecoded(again.span, plusIsSpace: plusIsSpace)?.hasSameBytes(as: decoded) ?? false,
                "a text changes when it is encoded again: \(text(bytes))"
            )
            let special = bytes.contains { "%+".utf8.contains($0) }
            try require(special || Array(decoded.utf8) == bytes, "a plain text changes: \(text(bytes))")
        }
        // The parts of a form are decoded one by one, so no part's end may change another.
        guard let whole = percentDecoded(bytes.span, plusIsSpace: true) else { return }
        let parts = bytes.split(separator: UInt8(ascii: "&"), omittingEmptySubsequences: false)
        let decoded = parts.compactMap { percentDecoded($0.span, plusIsSpace: true) }
        try require(
            decoded.count == parts.count && decoded.joined(separator: "&").hasSameBytes(as: whole),
            "a member depends on its neighbours: \(text(bytes))"
        )
    }
}
