/// TLS to a server over another library's connection. Takes bytes from one side, and returns the bytes for either side.
public final class TLSPipe {
    /// The outcome of the server's bytes.
    public struct Result {
        public var plaintext: [UInt8] = []
        /// To send to the server.
        public var records: [UInt8] = []
        /// Whether the handshake is complete.
        public var isOpen = false
        /// Whether the server has ended its sending side.
        public var isEnded = false
        public var fault: TLSFault?
    }

    private let stream: TLSStream
    private let scratch = TLSScratch()

    public init(_ stream: TLSStream) {
        self.stream = stream
        stream.use(scratch)
    }

    /// Takes bytes from the server. An empty span starts the handshake.
    public func receive(_ bytes: Span<UInt8>) -> Result {
        var result = Result()
        stream.lend(bytes, scratch) {
            var outcome = TLSStream.Outcome.done
            if stream.phase == .handshake {
                outcome = stream.handshake()
                if case .done = outcome { stream.phase = .open }
            }
            while case .done = outcome, stream.phase == .open {
                var count = 0
                outcome = unsafe stream.read(into: scratch.plaintext, count: &count)
                // SAFETY: OpenSSL has written the bytes.
                unsafe result.plaintext += scratch.plaintext[..<count]
            }
            switch outcome {
            case .done, .needsInput: break
            case .ended: result.isEnded = true
            case .failed(let fault): result.fault = fault
            }
        }
        result.isOpen = stream.phase == .open
        result.records = takeRecords()
        return result
    }

    /// Encrypts bytes for the server. Returns `nil` if that fails.
    public func send(_ bytes: Span<UInt8>) -> [UInt8]? {
        guard !bytes.isEmpty else { return [] }
        // SAFETY: the span is alive during the call.
        let outcome = unsafe bytes.withUnsafeBytes { unsafe stream.write($0) }
        let records = takeRecords()
        if case .done = outcome { return records }
        return nil
    }

    /// The records that tell the server that nothing more follows.
    public func end() -> [UInt8] {
        if stream.phase == .open { stream.endOutput() }
        return takeRecords()
    }

    private func takeRecords() -> [UInt8] {
        let records = scratch.takeRecords()
        defer { scratch.giveBackRecords(records) }
        return Array(records)
    }
}
