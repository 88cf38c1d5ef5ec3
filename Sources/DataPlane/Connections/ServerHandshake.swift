import Basics
import Transport

/// A client's connection during its TLS handshake. Afterwards it is handed over to the handler of the agreed protocol.
final class ServerHandshake: Connection, IdleConnection {
    private let worker: Worker
    private let listener: ListenerRole
    private let address: ClientAddress
    private let share: AddressShare?
    /// `nil` once the connection was handed over.
    private var place: ConnectionPlace?
    private let failed: (TLSFault) -> Void
    private var slot: Int?
    /// When the client could send first, in monotonic milliseconds.
    private let since: Int64

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
        since = worker.clock.monotonic
        super.init(loop: worker.loop)
    }

    /// Starts the handshake: the connection is open.
    func begin() { slot = worker.handshakes.add(self) }

    /// Gives up the place in the worker's list, once.
    private func leave() { if let slot = slot.take() { worker.handshakes.remove(slot: slot) } }

    /// A client that has sent no whole ClientHello is idle: the first bytes that it gets answer it.
    var idleness: Idleness? {
        isOpen && takenBytes + unsentBytes == 0 ? Idleness(wasUsed: false, since: since) : nil
    }

    func closeIdle() { close() }

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
        leave()
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

    override func closed() {
        leave()
        place?.leave(worker, address)
    }
}
