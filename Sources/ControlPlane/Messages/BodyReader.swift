import Basics
import HTTPTypes
import Hummingbird
import NIOCore

/// Reads request bodies.
enum BodyReader {
    /// Limits for JSON in bodies.
    private static func limits(size: Int) -> JSONLimits {
        var limits = JSONLimits(size: size)
        limits.depth = 32
        limits.members = 512
        limits.containers = 20_000
        return limits
    }

    /// A body of JSON, or a form's members if the call accepts one.
    ///
    /// - Parameters:
    ///   - maxSize: in bytes.
    ///   - large: makes room for what is beyond ``Call/usualBody``.
    ///   - names: the names of the known members.
    static func value(
        of body: RequestBody,
        _ fields: HTTPFields,
        takesForms: Bool,
        maxSize: Int,
        large: LargeBody? = nil,
        names: [String]
    ) async throws -> JSONValue {
        if let text = fields[.contentLength], let length = Int(text), length > maxSize { throw Fault.tooLarge(maxSize) }
        let type = fields[.contentType]
        let media = try type.map { text throws(Fault) in try Media(text, takesForms: takesForms) }
        let bytes = try await bytes(of: body, upTo: maxSize, large)
        guard !bytes.isEmpty else { throw Fault.malformed("The request needs a body") }
        guard let media else { throw Fault.mediaType(mediaTypes(takesForms: takesForms)) }
        return switch media {
        case .json: try json(bytes, maxSize)
        case .form: .object(try FormText.members(bytes, unique: names, plusIsSpace: true))
        }
    }

    /// Checks that a call that takes no body has none. Some clients send an empty object.
    static func checkAbsence(of body: RequestBody, _ fields: HTTPFields) async throws {
        let fault = Fault.malformed("This call takes no body")
        if let text = fields[.contentLength], let length = Int(text), length > maxUnwanted { throw fault }
        let bytes: [UInt8]
        do {
            bytes = try await self.bytes(of: body, upTo: maxUnwanted, nil)
        } catch let error as Fault where error.status == .contentTooLarge {
            throw fault
        }
        guard !bytes.isEmpty else { return }
        guard case .object(let members) = try? json(bytes, maxUnwanted) else { throw fault }
        var problems = Problems()
        problems.addUnknown(of: members, "member", known: [])
        try problems.check()
    }

    /// How much of a body is read that there should not be, in bytes.
    private static let maxUnwanted = 4 << 10

    private enum Media {
        case json
        case form

        /// Reads a `Content-Type`. Only the character set matters among its parameters.
        init(_ text: String, takesForms: Bool) throws(Fault) {
            let parts = ListText.parts(text, separator: ";")
            let charsets = parts.dropFirst().filter { $0.starts(with: "charset=".utf8) }
            let isUTF8 = charsets.allSatisfy {
                $0.elementsEqual("charset=utf-8".utf8) || $0.elementsEqual("charset=\"utf-8\"".utf8)
            }
            if isUTF8, let media = parts.first {
                if media.elementsEqual("application/json".utf8) {
                    self = .json
                    return
                }
                if takesForms, media.elementsEqual("application/x-www-form-urlencoded".utf8) {
                    self = .form
                    return
                }
            }
            throw .mediaType(mediaTypes(takesForms: takesForms))
        }
    }

    /// The names of the accepted media types, for people.
    static func mediaTypes(takesForms: Bool) -> String {
        takesForms ? "application/json or application/x-www-form-urlencoded" : "application/json, in UTF-8"
    }

    private static func bytes(
        of body: RequestBody,
        upTo maxSize: Int,
        _ large: LargeBody?
    ) async throws -> [UInt8] {
        var bytes: [UInt8] = []
        var pieces = body.makeAsyncIterator()
        while let piece = try await next(&pieces) {
            let size = bytes.count + piece.readableBytes
            guard size <= maxSize else { throw Fault.tooLarge(maxSize) }
            if size > Call.usualBody { try await large?.grow() }
            bytes += piece.readableBytesView
        }
        large?.isRead()
        return bytes
    }

    /// The next piece of a body; `nil` at its end. The connection is the only thing that can fail here.
    private static func next(_ pieces: inout RequestBody.AsyncIterator) async throws(Fault) -> ByteBuffer? {
        do { return try await pieces.next() } catch { throw .bodyCut }
    }

    private static func json(_ bytes: [UInt8], _ maxSize: Int) throws(Fault) -> JSONValue {
        // Some programs begin a file with a byte order mark: RFC 8259 section 8.1 lets readers ignore it.
        let text = bytes.starts(with: [0xef, 0xbb, 0xbf]) ? Array(bytes[3...]) : bytes
        var place = 0
        do throws(JSONFault) {
            return try JSONValue(parsing: text.span, limits: limits(size: maxSize), stoppedAt: &place)
        } catch {
            let end = error == .syntax && place >= text.count ? ", and it ends too early" : ""
            throw .malformed(
                "The body is not JSON that can be read: \(words(error))\(end) (\(position(of: place, in: text)))"
            )
        }
    }

    /// Line and column for people, who count characters from 1.
    private static func position(of place: Int, in text: [UInt8]) -> String {
        let before = text.prefix(place)
        let line = before.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        // Bytes within a character begin with the bits 10.
        let column = (line.last ?? []).count { $0 & 0xc0 != 0x80 }
        return "line \(line.count), column \(column + 1)"
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
        case .containers: "it has too many arrays and objects"
        }
    }
}
