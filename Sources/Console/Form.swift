import Basics

/// The members of a query or of a form (`application/x-www-form-urlencoded`).
struct Form: Sendable {
    private var members: [ExactText: String] = [:]

    private static let maxMembers = 32
    /// The most bytes of a value.
    private static let maxValue = 4096

    /// Leaves out what is not percent-encoded UTF-8, too long, or repeated.
    init(_ bytes: [UInt8]) {
        for part in bytes.split(separator: UInt8(ascii: "&"), maxSplits: Self.maxMembers).prefix(Self.maxMembers) {
            let name = part.prefix { $0 != UInt8(ascii: "=") }
            let value = part.dropFirst(name.count + 1)
            guard value.count <= 3 * Self.maxValue, let name = percentDecoded(name.span, plusIsSpace: true),
                let value = percentDecoded(value.span, plusIsSpace: true), value.utf8.count <= Self.maxValue,
                members[ExactText(name)] == nil
            else { continue }
            members[ExactText(name)] = value
        }
    }

    /// What is searched for, cut: each of its bytes is compared with each byte of what is looked at.
    var wanted: String? { self["q"].map { text in String(String.UnicodeScalarView(text.unicodeScalars.prefix(200))) } }

    /// The value without spaces around it. `nil` if there is none.
    subscript(name: ExactText) -> String? {
        guard let value = members[name] else { return nil }
        let bytes = Array(value.utf8)
        guard let start = bytes.firstIndex(where: { $0 != 0x20 }), let end = bytes.lastIndex(where: { $0 != 0x20 })
        else { return nil }
        return String(decoding: bytes[start...end], as: UTF8.self)
    }

    /// A query of these members, without those that have no value.
    static func query(_ members: [(name: String, value: String?)]) -> String {
        let parts = members.compactMap { name, value in value.map { "\(name)=\(percentEncoded($0))" } }
        return parts.isEmpty ? "" : "?" + parts.joined(separator: "&")
    }
}
