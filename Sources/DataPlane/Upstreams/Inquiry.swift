import Transport

/// A request of the gateway's own to a server, over a connection made for it.
final class Inquiry {
    /// The final response.
    struct Answer: Equatable {
        let status: Int
        /// `max-age` of `Cache-Control`, in seconds.
        var maxAge: Int?
        /// `Retry-After`, in seconds; `nil` if it is absent or a date.
        var retryAfter: Int?
        /// Empty if the body was not wanted.
        var body: [UInt8] = []
    }

    private let server: UpstreamServer
    private let security: TLSClientContext?
    private let request: [UInt8]
    private let maxBody: Int?
    private let time: Int64
    private let loop: EventLoop
    private let resolver: Resolver
    private let descriptors: DescriptorBudget
    private var completion: ((Result<Answer, InquiryFault>?) -> Void)?
    private var timer: TimerHeap.ID?
    private var dial: ServerDial?
    private var connection: InquiryConnection?
    private var holdsDescriptor = false

    /// - Parameters:
    ///   - security: how to verify an https server.
    ///   - request: a whole request.
    ///   - maxBody: the size of the longest body to read of a 200; `nil` if the head is enough.
    ///   - time: the most time that it may take, in milliseconds.
    ///   - completion: called once, after ``start()`` has returned, and never after ``cancel()``; with `nil` if no
    ///     descriptor was left, which says nothing about the server.
    init(
        to server: UpstreamServer,
        security: TLSClientContext?,
        request: [UInt8],
        maxBody: Int? = nil,
        within time: Int64,
        on loop: EventLoop,
        resolver: Resolver,
        descriptors: DescriptorBudget,
        completion: @escaping (Result<Answer, InquiryFault>?) -> Void
    ) {
        self.server = server
        self.security = security
        self.request = request
        self.maxBody = maxBody
        self.time = time
        self.loop = loop
        self.resolver = resolver
        self.descriptors = descriptors
        self.completion = completion
    }

    /// A GET request that closes its connection.
    ///
    /// - Parameter host: with the port, if it is not the scheme's own.
    static func get(_ target: String, host: String) -> [UInt8] {
        let lines = [
            "GET \(target) HTTP/1.1", "Host: \(host)", "User-Agent: embed-gateway", "Accept: */*", "Connection: close",
        ]
        return Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8)
    }

    /// A POST request that closes its connection.
    ///
    /// - Parameters:
    ///   - host: with the port, if it is not the scheme's own.
    ///   - fields: further field lines, each with its line end.
    static func post(_ target: String, host: String, type: String, fields: [UInt8], body: [UInt8]) -> [UInt8] {
        let lines = [
            "POST \(target) HTTP/1.1", "Host: \(host)", "User-Agent: embed-gateway", "Connection: close",
            "Content-Type: \(type)", "Content-Length: \(body.count)",
        ]
        var request = Array((lines.joined(separator: "\r\n") + "\r\n").utf8)
        request.reserveCapacity(request.count + fields.count + 2 + body.count)
        request += fields
        request += "\r\n".utf8
        request += body
        return request
    }

    func start() {
        guard !descriptors.isExhausted else {
            timer = loop.schedule(in: 0) { [self] in
                timer = nil
                finish(nil)
            }
            return
        }
        timer = loop.schedule(in: time) { [self] in
            timer = nil
            finish(.failure(.timeout))
        }
        descriptors.take()
        holdsDescriptor = true
        let dial = ServerDial(to: server, on: loop, resolver: resolver) { [self] outcome in
            switch outcome {
            case .connected(let descriptor): ask(over: descriptor)
            case .failed(let fault): finish(fault.map { .failure(.connect($0)) })
            }
        }
        self.dial = dial
        dial.start()
    }

    func cancel() {
        completion = nil
        end()
    }

    private func ask(over descriptor: Descriptor) {
        dial = nil
        var stream: TLSStream?
        if let peer = server.peer {
            stream = security?.stream(to: peer)
            guard stream != nil else { return finish(.failure(.connect(.tls))) }
        }
        let connection = InquiryConnection(request, maxBody: maxBody, on: loop) { [self] result in finish(result) }
        self.connection = connection
        do throws(SystemFault) {
            try connection.begin(descriptor, tls: stream)
        } catch {
            finish(nil)
        }
    }

    private func finish(_ result: Result<Answer, InquiryFault>?) {
        if case .failure(.tls)? = result { server.peer?.forget() }
        end()
        completion.take()?(result)
    }

    private func end() {
        if let timer = timer.take() { loop.cancel(timer) }
        dial.take()?.cancel()
        connection.take()?.stop()
        if holdsDescriptor { descriptors.giveBack() }
        holdsDescriptor = false
    }
}

/// Why an inquiry has no answer.
enum InquiryFault: Error, Equatable, CustomStringConvertible {
    case connect(ConnectFault)
    case tls(TLSFault)
    /// The connection ended before the answer was complete.
    case closed
    /// What came is not an HTTP response.
    case malformed
    case tooLarge
    case timeout

    /// For the log.
    var description: String {
        switch self {
        case .connect(let fault): fault.rawValue
        case .tls(let fault): "TLS: \(fault)"
        case .closed: "closed without an answer"
        case .malformed: "the answer is not HTTP"
        case .tooLarge: "the answer is too large"
        case .timeout: "no answer in time"
        }
    }
}
