import Basics
import Transport

/// A proxy's connection until its PROXY header is complete. Afterwards it is handed over to the handler of what follows.
final class ProxyHeaderReader: Connection, IdleConnection {
    /// Continues with a connection whose header is complete, and with the bytes behind the header.
    typealias Continuation = (ProxyHeaderReader, ProxyHeader, _ rest: Span<UInt8>) -> Void

    private let worker: Worker
    private let peer: ClientAddress
    /// `nil` once the connection has gone on.
    private var place: ConnectionPlace?
    /// The part of the header that has arrived.
    private var pending: ByteBuffer?
    private let proceed: Continuation
    private var slot: Int?
    /// When the proxy could send first, in monotonic milliseconds.
    private let since: Int64

    /// - Parameters:
    ///   - place: the peer's, given up if the connection is closed before the header is complete.
    ///   - proceed: hands the connection over, or closes it. Gives up the place.
    init(worker: Worker, peer: ClientAddress, place: ConnectionPlace, proceed: @escaping Continuation) {
        self.worker = worker
        self.peer = peer
        self.place = place
        self.proceed = proceed
        since = worker.clock.monotonic
        super.init(loop: worker.loop)
    }

    /// Starts to wait for the header: the connection is open.
    func begin() { slot = worker.unnamed.add(self) }

    /// Gives up the place in the worker's list, once.
    private func leave() { if let slot = slot.take() { worker.unnamed.remove(slot: slot) } }

    /// Idle until the header is complete: proxies send it in one piece.
    var idleness: Idleness? { isOpen && place != nil ? Idleness(wasUsed: false, since: since) : nil }

    func closeIdle() {
        refuse(.tooMany)
        reset()
    }

    override func received(_ bytes: Span<UInt8>) {
        guard var earlier = pending.take() else {
            if !read(bytes) { pending = ByteBuffer(bytes) }
            return
        }
        earlier.write(bytes)
        if !read(earlier.span) { pending = earlier }
    }

    /// Reads the header. Returns false if it is incomplete.
    private func read(_ bytes: Span<UInt8>) -> Bool {
        do throws(ProxyHeaderFault) {
            guard let header = try ProxyHeader.read(bytes) else { return false }
            place = nil
            leave()
            proceed(self, header, bytes.extracting(droppingFirst: header.length))
        } catch {
            refuse(error)
            close()
        }
        return true
    }

    override func inputEnded() {
        // Whoever leaves without a byte only checks that the port is open.
        if pending != nil { refuse(.malformed) }
        close()
    }

    override func deadlinePassed() {
        refuse(.late)
        reset()
    }

    private func refuse(_ fault: ProxyHeaderFault) { worker.refuse(fault, from: peer) }

    override func closed() {
        leave()
        place?.leave(worker, peer)
    }
}

extension Worker {
    /// Counts a proxy's connection that gets no answer.
    func refuse(_ fault: ProxyHeaderFault, from peer: ClientAddress) {
        site.turnedAway.badProxyHeader(fault, from: peer)
        counters.add(fault.counter)
    }
}

extension ProxyHeaderFault {
    fileprivate var counter: Counter {
        switch self {
        case .absent: .proxyHeadersAbsent
        case .malformed: .proxyHeadersMalformed
        case .late: .proxyHeadersLate
        case .tooMany: .proxyHeadersTooMany
        }
    }
}
