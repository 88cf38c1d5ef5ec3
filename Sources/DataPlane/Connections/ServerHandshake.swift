import Basics
import Transport

/// A client's connection during its TLS handshake. Afterwards it is handed over to the handler of the agreed protocol.
final class ServerHandshake: Connection {
    private let worker: Worker
    private let listener: ListenerRole
    private let address: ClientAddress
    private let share: AddressShare?
    /// `nil` once the connection was handed over.
    private var place: ConnectionPlace?
    private let failed: (TLSFault) -> Void

    /// - Parameter failed: called if the handshake fails.
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
        worker.counters.add(.handshakesCompleted)
        if tls.applicationProtocol.elementsEqual(TLSProtocol.http2.rawValue.utf8) {
            becomes(HTTP2Connection.self)
        } else {
            becomes(ClientConnection.self)
        }
    }

    private func becomes(_ type: (some Connection & ServedConnection).Type) {
        let connection = type.init(
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

    override func closed() { place?.leave(worker, address) }
}
