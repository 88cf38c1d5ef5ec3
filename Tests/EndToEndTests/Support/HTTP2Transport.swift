/// Carries HTTP/2: a TCP connection, or TLS on top of one.
protocol HTTP2Transport: AnyObject, Sendable {
    /// Sends everything. Returns false if the other end takes no more.
    func send(_ bytes: [UInt8], within seconds: Double) -> Bool
    /// Sends what can be sent without waiting. Returns the number of bytes, or -1 with `errno`.
    func sendSome(_ bytes: [UInt8], from start: Int) -> Int
    /// Receives data as soon as some has arrived.
    func receive(upTo limit: Int, within seconds: Double) -> Received
    /// Ends the sending side. We can still read.
    func finishSending()
    func close()
}

extension Socket: HTTP2Transport {}
