import Transport

/// A client's connection until its TLS handshake is over; then it is handed over to what speaks the protocol that was agreed
/// on.
final class ServerHandshake: Connection {
    private let worker: Worker
    private let listener: ListenerRole
    private let address: ClientAddress
    private let share: AddressShare?
    /// Nil once the connection was handed over.
    private var place: ConnectionPlace?
    private let failed: (TLSFault) -> Void

    /// - Parameter failed: called if there will be no connection.
    init(
        worker: Worker,
        listener: ListenerRole,
        address: ClientAddress,
        share: AddressShare?,
        place: ConnectionPlace,
        failed: @escaping (TLSFault) -> Void
    ) {
        self.worker = worker
        self.listener = listener
        self.address = address
        self.share = share
        self.place = place
        self.failed = failed
        super.init(loop: worker.loop)
    }

    override func secured(_ tls: TLSStream) {
        if tls.applicationProtocol.elementsEqual(TLSProtocol.http2.rawValue.utf8) {
            let connection = HTTP2Connection(
                worker: worker,
                listener: listener,
                address: address,
                share: share,
                place: place.take(),
                isSecure: true
            )
            handOver(to: connection)
            connection.begin()
        } else {
            let connection = ClientConnection(
                worker: worker,
                listener: listener,
                address: address,
                share: share,
                place: place.take(),
                isSecure: true
            )
            handOver(to: connection)
            connection.begin()
        }
    }

    override func failed(_ fault: ConnectionFault) {
        switch fault {
        case .tls(let fault): failed(fault)
        case .system(let fault): failed(.failed("\(fault)"))
        }
    }

    override func deadlinePassed() {
        failed(.timeout)
        reset()
    }

    override func closed() { place?.leave() }
}
