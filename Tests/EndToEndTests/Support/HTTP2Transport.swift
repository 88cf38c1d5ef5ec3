/// What carries HTTP/2: a TCP connection, or TLS on top of one.
protocol HTTP2Transport: AnyObject, Sendable {
    /// Sends everything; false when the other end takes no more.
    func send(_ bytes: [UInt8], within seconds: Double) -> Bool
    /// Sends what can be sent without waiting: how many octets, or -1 and `errno`.
    func sendSome(_ bytes: [UInt8], from start: Int) -> Int
    /// What has come, as soon as something has.
    func receive(upTo limit: Int, within seconds: Double) -> Received
    /// The other end sees the end of what we send; we can still read.
    func finishSending()
    func close()
}

extension Socket: HTTP2Transport {}
