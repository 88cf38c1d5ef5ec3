import Basics
import JOSE

/// Seals companies' secrets for the database, so that neither its file nor a backup of it gives them away.
///
/// What was sealed for one company and name opens for no other: whoever can write to the database cannot give one
/// company's secret to another.
struct CompanySeal: Sendable {
    private let key: SealingKey
    /// All are sealed with one key, which the file keeps for good.
    private static let day = 0
    private static let proof = "the key of this database"

    /// - Parameter secret: 32 random bytes.
    init(secret: [UInt8]) { key = SealingKey(secret: secret, purpose: "companies") }

    func seal(_ content: [UInt8], of company: String, named name: String) -> String {
        let bytes = Self.label(company, name) + content
        return String(decoding: Base64URL.encode(key.seal(bytes.span, day: Self.day).span), as: UTF8.self)
    }

    /// Returns `nil` unless this key has sealed it for this company and name.
    func open(_ text: String, of company: String, named name: String) -> [UInt8]? {
        let (digits, label) = (Array(text.utf8), Self.label(company, name))
        guard let sealed = Base64URL.decode(digits.span), let bytes = key.open(sealed.span, days: Self.day...Self.day),
            bytes.starts(with: label)
        else { return nil }
        return Array(bytes[label.count...])
    }

    /// A text by which the key is known again.
    func makeProof() -> String { seal(Array(Self.proof.utf8), of: "", named: "") }

    func isProven(by proof: String) -> Bool { open(proof, of: "", named: "") == Array(Self.proof.utf8) }

    private static func label(_ company: String, _ name: String) -> [UInt8] {
        Array(company.utf8) + [0] + Array(name.utf8) + [0]
    }
}
