@testable import DataPlane

/// A small generator that gives the same numbers in every run.
struct SplitMix64: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var word = state
        word = (word ^ (word >> 30)) &* 0xbf58_476d_1ce4_e5b9
        word = (word ^ (word >> 27)) &* 0x94d0_49bb_1331_11eb
        return word ^ (word >> 31)
    }
}

func octets(_ text: String) -> [UInt8] { Array(text.utf8) }

func text(_ octets: some Sequence<UInt8>) -> String { String(decoding: Array(octets), as: UTF8.self) }

/// A request's head with the octets that its ranges point into.
struct JudgedRequest {
    let octets: [UInt8]
    let head: RequestHead

    func text(_ range: Range<Int>?) -> String? { range.map { String(decoding: octets[$0], as: UTF8.self) } }

    var target: String? { text(head.target) }
    var authority: String? { text(head.authority) }
    func value(_ name: FieldName) -> String? { text(head.block.first(name)) }

    /// Names of the fields that are not to be forwarded.
    var removed: [String] {
        head.block.fields.filter(\.isRemoved).map { String(decoding: octets[$0.nameRange], as: UTF8.self) }
    }
}

/// Judges a head that is all there, in a parser that has read another one before.
func judge(_ octets: [UInt8], limits: RequestHead.Limits = .init()) -> Result<JudgedRequest, HeadFault> {
    var head = RequestHead()
    let earlier = DataPlaneTests.octets(
        "POST /old HTTP/1.0\r\nHost: old\r\nConnection: keep-alive, upgrade\r\nUpgrade: websocket\r\n"
            + "Content-Length: 7\r\nExpect: 100-continue\r\n\r\n"
    )
    do throws(HeadFault) {
        try head.parse(earlier.span, length: earlier.count, limits: .init())
        try head.parse(octets.span, length: octets.count, limits: limits)
        return .success(JudgedRequest(octets: octets, head: head))
    } catch {
        return .failure(error)
    }
}

func judge(_ text: String, limits: RequestHead.Limits = .init()) -> Result<JudgedRequest, HeadFault> {
    judge(octets(text), limits: limits)
}

/// A head with a good request line and `Host`, and these lines besides, each with its end.
func request(_ lines: String = "", line: String = "GET / HTTP/1.1") -> String {
    "\(line)\r\nHost: gateway.example\r\n\(lines)\r\n"
}

/// The fields of lines as a head has them.
func fields(_ lines: String) throws -> (octets: [UInt8], block: FieldBlock) {
    let judged = try judge(request(lines)).get()
    return (judged.octets, judged.head.block)
}

extension Result {
    /// The fault of what failed.
    var fault: Failure? {
        if case .failure(let fault) = self { fault } else { nil }
    }
}

extension ByteBuffer {
    init(text: String) { self.init(Array(text.utf8).span) }

    /// The bytes, for comparisons.
    var octets: [UInt8] { span.copied() }
}
