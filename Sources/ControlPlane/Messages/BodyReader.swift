import HTTPTypes
import Hummingbird
import JOSE
import NIOCore

/// Reads the bodies of requests.
enum BodyReader {
    static let maxSize = 256 << 10

    /// How JSON in bodies may be.
    private static let limits: JSONLimits = {
        var limits = JSONLimits(size: maxSize)
        limits.depth = 32
        limits.members = 512
        return limits
    }()

    /// The members of a JSON object, or of a form where the call takes one.
    ///
    /// - Parameter names: of the members that mean something.
    static func members(
        of body: RequestBody,
        _ fields: HTTPFields,
        takesForms: Bool,
        names: [String]
    ) async throws -> [JSONMember] {
        if let text = fields[.contentLength], let length = Int(text), length > maxSize { throw Fault.tooLarge }
        let type = fields[.contentType]
        let media = try type.map { text throws(Fault) in try Media(text, takesForms: takesForms) }
        let bytes = try await bytes(of: body)
        guard !bytes.isEmpty else { throw Fault.malformed("The request needs a body") }
        guard let media else { throw Fault.mediaType(Media.names(takesForms: takesForms)) }
        return switch media {
        case .json: try object(bytes)
        case .form: try FormText.members(bytes, unique: names)
        }
    }

    private enum Media {
        case json
        case form

        /// Reads a `Content-Type`; the only parameter that means something is the character set.
        init(_ text: String, takesForms: Bool) throws(Fault) {
            let parts = text.lowercased().split(separator: ";").map { $0.filter { $0 != " " && $0 != "\t" } }
            let charsets = parts.dropFirst().filter { $0.hasPrefix("charset=") }
            let isUTF8 = charsets.allSatisfy { $0 == "charset=utf-8" || $0 == "charset=\"utf-8\"" }
            switch parts.first {
            case "application/json"? where isUTF8: self = .json
            case "application/x-www-form-urlencoded"? where takesForms && isUTF8: self = .form
            default: throw .mediaType(Self.names(takesForms: takesForms))
            }
        }

        static func names(takesForms: Bool) -> String {
            takesForms ? "application/json or application/x-www-form-urlencoded" : "application/json, in UTF-8"
        }
    }

    private static func bytes(of body: RequestBody) async throws -> [UInt8] {
        do {
            var buffer = try await body.collect(upTo: maxSize)
            return buffer.readBytes(length: buffer.readableBytes) ?? []
        } catch is NIOTooManyBytesError {
            throw Fault.tooLarge
        }
    }

    private static func object(_ bytes: [UInt8]) throws(Fault) -> [JSONMember] {
        let value: JSONValue
        do throws(JSONFault) {
            value = try JSONValue(parsing: bytes.span, limits: limits)
        } catch {
            throw .malformed("The body is not JSON that can be read: \(words(error))")
        }
        guard case .object(let members) = value else { throw .malformed("The body must be a JSON object") }
        return members
    }

    private static func words(_ fault: JSONFault) -> String {
        switch fault {
        case .size: "it is too long"
        case .syntax: "the syntax is wrong"
        case .encoding: "a text is not valid Unicode in UTF-8"
        case .number: "a number is too large"
        case .duplicate: "an object has a member twice"
        case .depth: "it is nested too deeply"
        case .members: "an object has too many members"
        }
    }
}
