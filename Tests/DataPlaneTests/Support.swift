@testable import DataPlane

func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

func text(_ bytes: some Sequence<UInt8>) -> String { String(decoding: Array(bytes), as: UTF8.self) }

/// A request's head with the bytes that its ranges point into.
struct JudgedRequest {
    let bytes: [UInt8]
    let head: RequestHead

    func text(_ range: Range<Int>?) -> String? { range.map { String(decoding: bytes[$0], as: UTF8.self) } }

    var target: String? { text(head.target) }
    var authority: String? { text(head.authority) }
    func value(_ name: FieldName) -> String? { text(head.block.first(name)) }

    /// The names of the fields that are not to be forwarded.
    var removed: [String] {
        head.block.fields.filter(\.isRemoved).map { String(decoding: bytes[$0.nameRange], as: UTF8.self) }
    }
}

/// Judges a complete head, in a parser that has read another one before.
func judge(_ bytes: [UInt8], limits: RequestHead.Limits = .init()) -> Result<JudgedRequest, HeadFault> {
    var head = RequestHead()
    let earlier = DataPlaneTests.bytes(
        "POST /old HTTP/1.0\r\nHost: old\r\nConnection: keep-alive, upgrade\r\nUpgrade: websocket\r\n"
            + "Content-Length: 7\r\nExpect: 100-continue\r\n\r\n"
    )
    do throws(HeadFault) {
        try head.parse(earlier.span, length: earlier.count, limits: .init())
        try head.parse(bytes.span, length: bytes.count, limits: limits)
        return .success(JudgedRequest(bytes: bytes, head: head))
    } catch {
        return .failure(error)
    }
}

func judge(_ text: String, limits: RequestHead.Limits = .init()) -> Result<JudgedRequest, HeadFault> {
    judge(bytes(text), limits: limits)
}

/// A head with a valid request line and `Host`, and these further lines, each with its line end.
func request(_ lines: String = "", line: String = "GET / HTTP/1.1") -> String {
    "\(line)\r\nHost: gateway.example\r\n\(lines)\r\n"
}

/// The fields of lines, in the form of a head.
func fields(_ lines: String) throws -> (bytes: [UInt8], block: FieldBlock) {
    let judged = try judge(request(lines)).get()
    return (judged.bytes, judged.head.block)
}

/// Calls `body` with the view of a head whose target was judged.
///
/// - Parameter parts: where the head is read to.
func withView<Result>(
    _ head: String,
    _ parts: RequestParts = RequestParts(),
    _ body: (RequestView) throws -> Result
) throws -> Result {
    let bytes = bytes(head)
    try parts.head.parse(bytes.span, length: bytes.count, limits: .init())
    let request = RequestView(bytes.span, of: parts)
    try request.judgeTarget()
    return try body(request)
}

extension Result {
    /// The fault of a failure.
    var fault: Failure? {
        if case .failure(let fault) = self { fault } else { nil }
    }
}

extension ByteBuffer {
    init(text: String) { self.init(Array(text.utf8).span) }

    /// The bytes, for comparisons.
    var contents: [UInt8] { span.copied() }
}
