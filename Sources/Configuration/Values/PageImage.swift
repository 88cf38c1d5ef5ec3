import Basics

/// A picture on a page: fetched from the company's site, or part of the page.
package struct PageImage: Sendable, Equatable {
    /// As the operator writes it: an https URL, or the path of a file.
    package let text: String
    /// The `src` of an `img`.
    package let address: String
    /// Where it comes from, for `img-src`: an origin, or `data:`.
    package let source: String

    /// Its URL; `nil` for a file.
    package var url: String? { source == "data:" ? nil : address }

    /// The most bytes of a file. A page must stay small: who is refused may come again and again.
    package static let maxSize = 4096

    /// Reads an https URL.
    package init(parsing text: String) throws(ValueFault) {
        guard text.utf8.count <= 512 else { throw ValueFault("must not be longer than 512 bytes") }
        guard text.contains("://") else { throw CompanyPage.noURL(text) }
        let address = try WebAddress(parsing: text)
        guard address.isSecure else {
            throw ValueFault("\(quoted(text)): the scheme must be https, or else browsers do not show it")
        }
        (self.text, self.address, source) = (text, text, address.origin)
    }

    /// Makes a file part of the page.
    package init(_ bytes: [UInt8], of path: String) throws(ValueFault) {
        guard bytes.count <= Self.maxSize else {
            throw ValueFault("\(path) has \(bytes.count) bytes; a page has room for \(Self.maxSize)")
        }
        guard let type = Self.mediaType(of: bytes) else {
            throw ValueFault("\(path) is not a PNG, JPEG, WebP, GIF or SVG image")
        }
        let data = String(decoding: Base64.encode(bytes.span), as: UTF8.self)
        (text, address, source) = (path, "data:\(type);base64,\(data)", "data:")
    }

    /// The type of an image by what such files begin with; `nil` if browsers do not show it.
    private static func mediaType(of bytes: [UInt8]) -> String? {
        if bytes.starts(with: [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]) { return "image/png" }
        if bytes.starts(with: [0xff, 0xd8, 0xff]) { return "image/jpeg" }
        if bytes.starts(with: "GIF8".utf8) { return "image/gif" }
        if bytes.starts(with: "RIFF".utf8), bytes.dropFirst(8).starts(with: "WEBP".utf8) { return "image/webp" }
        let text = bytes.drop { $0 <= 0x20 }
        if text.starts(with: "<svg".utf8) || text.starts(with: "<?xml".utf8) { return "image/svg+xml" }
        return nil
    }
}
