import Basics
import Transport

/// The connection of an ``Inquiry``: sends a request and reads the response.
final class InquiryConnection: Connection {
    private let request: [UInt8]
    private let maxBody: Int?
    private var completion: ((Result<Inquiry.Answer, InquiryFault>) -> Void)?
    private var head = ResponseHead()
    /// Known once the head of the final response was read.
    private var answer: Inquiry.Answer?
    private var chunked = ChunkedBody(allowsPadding: true)
    /// What was received and not used yet.
    private var pending = ByteBuffer()
    private var scanned = 0
    private var receivedCount = 0
    private var interimCount = 0

    private static let maxInterim = 16
    private static let limits = RequestHead.Limits(size: 64 << 10, count: 256)

    /// - Parameters:
    ///   - maxBody: the size of the longest body to read of a 200; `nil` if the head is enough.
    ///   - completion: called once, and never after ``stop()``.
    init(
        _ request: [UInt8],
        maxBody: Int?,
        on loop: EventLoop,
        completion: @escaping (Result<Inquiry.Answer, InquiryFault>) -> Void
    ) {
        self.request = request
        self.maxBody = maxBody
        self.completion = completion
        super.init(loop: loop)
    }

    func begin(_ descriptor: Descriptor, tls: TLSStream?) throws(SystemFault) {
        try open(descriptor.take(), tls: tls)
        if tls == nil { ask() }
    }

    private func ask() {
        let bytes = request
        send(bytes.span)
    }

    /// Closes the connection.
    func stop() {
        completion = nil
        close()
    }

    override func secured(_ tls: TLSStream) { ask() }

    override func received(_ bytes: Span<UInt8>) {
        guard completion != nil else { return }
        receivedCount += bytes.count
        var received = pending
        pending = ByteBuffer()
        received.write(bytes)
        do throws(HeadFault) {
            guard try takeHead(&received), try takeBody(&received) else {
                // Counts interim responses and the framing of chunks, too.
                guard receivedCount < Self.limits.size + 2 * (maxBody ?? 0) else { throw .tooLarge }
                pending = received
                return
            }
            finish(.success(answer ?? Inquiry.Answer(status: head.status)))
        } catch {
            finish(.failure(error == .tooLarge ? .tooLarge : .malformed))
        }
    }

    /// Takes the heads of interim responses and of the final one. Returns false if the latter is not complete.
    private func takeHead(_ received: inout ByteBuffer) throws(HeadFault) -> Bool {
        while answer == nil {
            guard try head.read(received.span, scanned: &scanned, toHead: false, limits: Self.limits) else {
                guard received.count < Self.limits.size else { throw .tooLarge }
                try ResponseHead.judgeBeginning(received.span)
                return false
            }
            // Nobody asked for another protocol.
            if head.status >= 200 || head.status == 101 {
                answer = Inquiry.Answer(
                    status: head.status,
                    maxAge: maxAge(received.span),
                    retryAfter: retryAfter(received.span)
                )
            }
            interimCount += 1
            guard interimCount <= Self.maxInterim else { throw .breaks(.interim) }
            received.removeFirst(head.length)
            scanned = 0
        }
        return true
    }

    /// Takes body bytes. Returns false if more are needed.
    private func takeBody(_ received: inout ByteBuffer) throws(HeadFault) -> Bool {
        guard let maxBody, head.status == 200 else { return true }
        switch head.framing {
        case .none:
            return true
        case .length(let length):
            guard length <= maxBody else { throw .tooLarge }
            guard received.count >= length else { return false }
            append(received.span.extracting(0..<length))
            return true
        case .untilClose:
            guard received.count <= maxBody else { throw .tooLarge }
            return false
        case .chunked:
            var position = 0
            while true {
                switch try chunked.step(received.span, from: &position) {
                case .data(let range):
                    append(received.span.extracting(range))
                    guard answer?.body.count ?? 0 <= maxBody else { throw .tooLarge }
                case .incomplete(let consumed):
                    received.removeFirst(consumed)
                    return false
                case .end:
                    return true
                }
            }
        }
    }

    private func append(_ bytes: Span<UInt8>) {
        for index in bytes.indices { answer?.body.append(bytes[index]) }
    }

    /// `max-age` of the first `Cache-Control` that has one (RFC 9111, section 5.2.2.1).
    private func maxAge(_ bytes: Span<UInt8>) -> Int? {
        let name = Array("max-age=".utf8)
        for field in head.block.fields where field.name == .cacheControl {
            for directive in bytes.extracting(field.value).copied().split(separator: UInt8(ascii: ",")) {
                let text = directive.filter { $0 != .space && $0 != UInt8(ascii: "\t") && $0 != UInt8(ascii: "\"") }
                guard text.map(\.lowercased).starts(with: name) else { continue }
                let digits = text.dropFirst(name.count)
                guard !digits.isEmpty, digits.allSatisfy(\.isDigit) else { return nil }
                return Int(String(decoding: digits, as: UTF8.self)) ?? .max
            }
        }
        return nil
    }

    /// The seconds of the first `Retry-After` (RFC 9110, section 10.2.3).
    private func retryAfter(_ bytes: Span<UInt8>) -> Int? {
        let name: StaticString = "retry-after"
        for field in head.block.fields
        where field.nameRange.count == name.utf8CodeUnitCount && bytes.equals(name, ignoringCaseIn: field.nameRange) {
            let digits = bytes.extracting(field.value).copied()
            guard !digits.isEmpty, digits.allSatisfy(\.isDigit) else { return nil }
            return Int(String(decoding: digits, as: UTF8.self)) ?? .max
        }
        return nil
    }

    override func inputEnded() {
        guard var answer, maxBody != nil, head.framing == .untilClose else {
            finish(.failure(.closed))
            return
        }
        let rest = pending
        let span = rest.span
        for index in span.indices { answer.body.append(span[index]) }
        finish(.success(answer))
    }

    override func failed(_ fault: ConnectionFault) {
        switch fault {
        case .tls(let fault): finish(.failure(.tls(fault)))
        case .system: finish(.failure(.closed))
        }
    }

    override func closed() { finish(.failure(.closed)) }

    private func finish(_ result: Result<Inquiry.Answer, InquiryFault>) { completion.take()?(result) }
}
