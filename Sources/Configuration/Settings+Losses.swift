import Admission
import Basics
import JOSE

extension Settings {
    /// Lines about what these settings end, possibly against the operator's intention.
    ///
    /// - Parameter running: the settings in effect until now.
    package func losses(since running: Settings) -> [String] {
        companiesOfFile.compactMap { company in
            guard let before = running.companiesOfFile.first(where: { $0.id == company.id }),
                let key = Company(before).signingKey,
                !Company(company).ownKeys.contains(where: { $0.thumbprint == key.thumbprint })
            else { return nil }
            let start = "company \(quoted(company.id)): another key signs now"
            let end = "every embed and join link that the gateway made with it has ended"
            guard let id = key.id else {
                return "\(start), and the one before is not listed with signed_before = true: \(end)"
            }
            // Links name the key by its id: listed beside another with that id, the former key is not found.
            if Company(company).signingKey?.id.hasSameBytes(as: id) == true {
                return "\(start) with the id \(quoted(id)) of the one before: \(end); to undo that, put the "
                    + "key before back, and list the new one in front of it with an id of its own"
            }
            return "\(start), and the one before \(quoted(id)) is not listed with signed_before = true: \(end)"
        }
    }

    /// The keys that sign, for ``losses(sinceMarks:)`` in the process that takes the place of this one: for each company of
    /// the file eight bytes that stand for it, and eight that stand for its key.
    ///
    /// - Parameter limit: the most bytes. What is beyond it is not compared.
    package func signingMarks(atMost limit: Int) -> [UInt8] {
        var marks: [UInt8] = []
        for company in companiesOfFile where marks.count + 2 * Self.markSize <= limit {
            guard let key = Company(company).signingKey else { continue }
            marks += Self.mark(company) + Self.mark(key)
        }
        return marks
    }

    /// Lines about what these settings end.
    ///
    /// - Parameter marks: the ``signingMarks(atMost:)`` of the settings in effect until now.
    package func losses(sinceMarks marks: [UInt8]) -> [String] {
        let starts = stride(from: 0, through: marks.count - 2 * Self.markSize, by: 2 * Self.markSize)
        let keys = Dictionary(
            starts.map { start in
                let middle = start + Self.markSize
                return (marks[start..<middle], marks[middle..<middle + Self.markSize])
            },
            uniquingKeysWith: { first, _ in first }
        )
        return companiesOfFile.compactMap { company in
            guard let key = keys[Self.mark(company)],
                !Company(company).ownKeys.contains(where: { Self.mark($0) == key })
            else { return nil }
            return "company \(quoted(company.id)): another key signs now than in the process before, which is not "
                + "listed with signed_before = true: every embed and join link that the gateway made with it has ended"
        }
    }

    private static let markSize = 8

    private static func mark(_ company: CompanySettings) -> ArraySlice<UInt8> {
        SHA256.hash(Array(company.id.utf8).span)[..<markSize]
    }

    private static func mark(_ key: Key) -> ArraySlice<UInt8> { key.thumbprint.bytes[..<markSize] }
}
