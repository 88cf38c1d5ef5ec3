import Basics
import GatewayConfiguration

/// The compiled format of access log lines: the fields in their order, and the bytes between them.
final class AccessLine: Sendable {
    /// A field with the literal bytes before it.
    struct Piece: Sendable {
        fileprivate(set) var start: UInt16
        fileprivate(set) var end: UInt16
        let field: AccessField
        let style: LogStyle
        /// Whether a quotation mark of its own follows the value.
        let isClosed: Bool
        /// Whether the field is left out, with the bytes before it, if it has no value. Otherwise `-` stands for it,
        /// or nothing in JSON.
        let isOptional: Bool
    }

    /// The literal bytes of all pieces, then those of the end of the line. Padded, so that a short piece is copied by
    /// ``ByteWriter/write(partOf:from:_:)``.
    let bytes: [UInt8]
    let pieces: ContiguousArray<Piece>
    /// The bytes after the last field.
    let end: Range<Int>
    /// The longest run of pieces that say the same in all lines of a session.
    let sessionPieces: Range<Int>
    /// Whether these are part of a line, so that they must be copied from the request's head.
    let hasUserAgent: Bool
    let hasReferer: Bool

    static func compiled(_ format: AccessFormat) -> AccessLine {
        switch format {
        case .json: json
        case .text: text
        case .combined: combined
        case .template(let template): compile(template.parts)
        }
    }

    private init(bytes: [UInt8], pieces: ContiguousArray<Piece>) {
        self.bytes = bytes + [UInt8](repeating: 0, count: ByteWriter.partSize)
        self.pieces = pieces
        end = Int(pieces.last?.end ?? 0)..<bytes.count
        sessionPieces = Self.longestRun(of: pieces)
        hasUserAgent = pieces.contains { $0.field == .userAgent }
        hasReferer = pieces.contains { $0.field == .referer }
    }

    private static func longestRun(of pieces: ContiguousArray<Piece>) -> Range<Int> {
        var (longest, start) = (0..<0, 0)
        for (index, piece) in pieces.enumerated() {
            guard piece.field.isOfSession else {
                start = index + 1
                continue
            }
            if index + 1 - start > longest.count { longest = start..<index + 1 }
        }
        return longest
    }

    /// One JSON object. Fields without a value are left out, but for those of the request line, which are empty.
    static let json: AccessLine = {
        var maker = Maker()
        for field in AccessField.allCases where field != .timeCommon && field != .referer {
            let name = (field == .time ? "{" : ",") + "\"\(field.rawValue)\":"
            maker.add(
                name + (field.isNumber ? "" : "\""),
                field,
                .json,
                isClosed: !field.isNumber,
                isOptional: ![.client, .method, .path].contains(field)
            )
        }
        return maker.line(end: "}")
    }()

    /// Words in a fixed order, then `name=value` for what is known besides.
    static let text: AccessLine = {
        var maker = Maker()
        let words: [AccessField] = [
            .time, .client, .method, .path, .status, .duration, .requestBytes, .responseBytes, .upstream, .company,
            .event, .session, .refusal, .requestID,
        ]
        for (index, field) in words.enumerated() {
            maker.add(index == 0 ? "" : field == .requestBytes ? "ms " : " ", field, .word)
        }
        let named: [AccessField] = [
            .fault, .cut, .verdict, .role, .route, .version, .tls, .serverName, .connectTime, .headTime, .token,
            .tokenHash, .traceID,
        ]
        for field in named { maker.add(" \(field.rawValue)=", field, .word, isOptional: true) }
        maker.add(" \(AccessField.userAgent.rawValue)=\"", .userAgent, .quoted, isClosed: true, isOptional: true)
        return maker.line(end: "")
    }()

    /// As nginx's `combined`, which is that of Apache's httpd. Nobody is named: the user is always `-`.
    static let combined = compile([
        .field(.client), .literal(" - - ["), .field(.timeCommon), .literal("] \""), .field(.method), .literal(" "),
        .field(.path), .literal(" "), .field(.version), .literal("\" "), .field(.status), .literal(" "),
        .field(.responseBytes), .literal(" \""), .field(.referer), .literal("\" \""), .field(.userAgent),
        .literal("\""),
    ])

    /// Compiles a template. A field between quotation marks keeps its spaces; elsewhere it is one word.
    private static func compile(_ parts: [AccessTemplate.Part]) -> AccessLine {
        var maker = Maker()
        var (literal, isQuoted) = ("", false)
        for part in parts {
            switch part {
            case .literal(let text):
                literal += text
                for byte in text.utf8 where byte == UInt8(ascii: "\"") { isQuoted.toggle() }
            case .field(let field):
                maker.add(literal, field, isQuoted ? .quoted : .word)
                literal = ""
            }
        }
        return maker.line(end: literal)
    }

    private struct Maker {
        private var bytes: [UInt8] = []
        private var pieces: ContiguousArray<Piece> = []

        mutating func add(
            _ literal: String,
            _ field: AccessField,
            _ style: LogStyle,
            isClosed: Bool = false,
            isOptional: Bool = false
        ) {
            let start = UInt16(bytes.count)
            bytes += literal.utf8
            pieces.append(
                Piece(
                    start: start,
                    end: UInt16(bytes.count),
                    field: field,
                    style: style,
                    isClosed: isClosed,
                    isOptional: isOptional
                )
            )
        }

        func line(end: String) -> AccessLine { AccessLine(bytes: bytes + end.utf8, pieces: pieces) }
    }
}

extension AccessField {
    /// Whether the field is known of a session and its viewer alone.
    fileprivate var isOfSession: Bool {
        switch self {
        case .company, .token, .tokenHash, .event, .session, .role: true
        default: false
        }
    }
}
