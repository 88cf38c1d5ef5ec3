import Basics
import GatewayConfiguration
import Logging
import Transport

extension DataPlane {
    /// Serves an accepted connection.
    func serve(_ descriptor: Descriptor, of peer: NetworkAddress, on loop: EventLoop, role: ListenerRole) {
        guard let worker = workers[ObjectIdentifier(loop.mailbox)]?.value else { return }
        let address = ClientAddress(peer)
        if role != .admin, isDenied(address, worker) { return }
        let needsHeader = role.index.map { worker.snapshot.listeners[$0].needsProxyHeader } ?? false
        if needsHeader, !address.maySendProxyHeader(worker.snapshot.settings.limits) {
            site.turnedAway.unlistedProxy(address)
            worker.counters.add(.proxiesUnlisted)
            return
        }
        guard let (place, share) = count(role: role, address: address, worker, isProxy: needsHeader) else { return }
        if role != .admin { worker.counters.add(.connectionsAccepted) }
        let client = Client(worker: worker, role: role, address: address, share: share, place: place)
        do throws(SystemFault) {
            if needsHeader {
                try readProxyHeader(descriptor, of: client)
            } else if let context = role.index.flatMap({ security.context($0) }) {
                guard let stream = context.stream() else {
                    place.leave(worker, address)
                    return
                }
                let handshake = handshake(client)
                try handshake.open(descriptor.take(), tls: stream)
                handshake.begin()
                handshake.setDeadline(in: worker.snapshot.headerTimeout)
            } else {
                let connection = connection(client)
                try connection.open(descriptor.take())
                connection.begin()
            }
        } catch {
            place.leave(worker, address)
        }
    }

    /// A client that has connected.
    private struct Client {
        let worker: Worker
        let role: ListenerRole
        var address: ClientAddress
        var share: AddressShare?
        var place: ConnectionPlace
    }

    /// The connection of a client in plaintext.
    private func connection(_ client: Client) -> ClientConnection {
        ClientConnection(
            worker: client.worker,
            listener: client.role,
            address: client.address,
            share: client.share,
            place: client.place
        )
    }

    /// The connection of a client that begins with a TLS handshake.
    private func handshake(_ client: Client) -> ServerHandshake {
        let (worker, address) = (client.worker, client.address)
        return ServerHandshake(
            worker: worker,
            listener: client.role,
            address: address,
            share: client.share,
            place: client.place
        ) { [logger, site] fault in
            site.turnedAway.failedHandshake(fault)
            worker.counters.add(.handshakesFailed)
            logger.debug("TLS handshake with \(String(decoding: address.text, as: UTF8.self)): \(fault)")
        }
    }

    // MARK: The PROXY protocol

    /// Serves a connection of a proxy: first reads its header, then goes on with the client that the header names.
    private func readProxyHeader(_ descriptor: Descriptor, of peer: Client) throws(SystemFault) {
        let reader = ProxyHeaderReader(worker: peer.worker, peer: peer.address, place: peer.place) {
            [self] reader, header, rest in
            guard let client = client(header, of: peer) else {
                reader.close()
                return
            }
            guard let context = peer.role.index.flatMap({ security.context($0) }) else {
                let connection = connection(client)
                reader.handOver(to: connection)
                connection.begin()
                if !rest.isEmpty { connection.received(rest) }
                return
            }
            guard let stream = context.stream() else {
                client.place.leave(client.worker, client.address)
                reader.close()
                return
            }
            // The deadline stays: header and handshake share the time.
            let handshake = handshake(client)
            reader.handOver(to: handshake)
            handshake.begin()
            handshake.startTLS(stream, with: rest)
        }
        try reader.open(descriptor.take())
        reader.begin()
        reader.setDeadline(in: peer.worker.snapshot.headerTimeout)
    }

    /// The client that a proxy has named. From now on its address counts instead of the peer's.
    ///
    /// - Returns: `nil` if its address is denied or at its limit, or if all are. Then the peer's place was given up.
    private func client(_ header: ProxyHeader, of peer: Client) -> Client? {
        var client = peer
        client.address = header.client.map(ClientAddress.init) ?? peer.address.hidingClient
        if peer.place.isCounted { site.connectionCounts.leave(peer.address.hash) }
        guard !isDenied(client.address, peer.worker),
            let counted = countAddress(role: peer.role, client.address, peer.worker)
        else {
            ConnectionPlace(role: peer.role, isCounted: false, isNamed: false).leave(peer.worker, client.address)
            return nil
        }
        client.share = counted.share
        client.place = ConnectionPlace(role: peer.role, isCounted: counted.isCounted)
        // Only now, so that nobody beyond their own limit makes others close.
        let limit = peer.worker.snapshot.settings.limits.connections
        guard site.name(limit: limit, makesRoom: peer.worker.closeIdleClient) else {
            turnAway(role: peer.role, peer.worker)
            client.place.leave(peer.worker, client.address)
            return nil
        }
        return client
    }

    // MARK: Limits

    /// Whether nothing is served to an address.
    private func isDenied(_ address: ClientAddress, _ worker: Worker) -> Bool {
        let denied = worker.snapshot.settings.limits.denied
        guard !denied.isEmpty, denied.contains(address) else { return false }
        site.turnedAway.denied(address)
        worker.counters.add(.connectionsDenied)
        return true
    }

    /// Counts a connection until it gives up its place.
    ///
    /// - Returns: its place and, if its address is counted, the share common to that address. `nil` if a limit is
    ///   reached.
    private func count(
        role: ListenerRole,
        address: ClientAddress,
        _ worker: Worker,
        isProxy: Bool
    ) -> (ConnectionPlace, AddressShare?)? {
        // Check this first, so that nobody beyond their own limit makes others close.
        guard let (isCounted, share) = countAddress(role: role, address, worker, isProxy: isProxy) else { return nil }
        let limit = worker.snapshot.settings.limits.connections
        let makesRoom = isProxy ? worker.closeUnnamed : worker.closeIdleClient
        guard site.enter(role, limit: limit, isNamed: !isProxy, makesRoom: makesRoom) else {
            if isCounted { site.connectionCounts.leave(address.hash) }
            if isProxy { worker.refuse(.tooMany, from: address) } else { turnAway(role: role, worker) }
            return nil
        }
        return (ConnectionPlace(role: role, isCounted: isCounted, isNamed: !isProxy), share)
    }

    /// Counts a connection beyond the limit of all.
    private func turnAway(role: ListenerRole, _ worker: Worker) {
        site.turnedAway.pastTotal()
        if role != .admin { worker.counters.add(.connectionsPastTotal) }
    }

    /// Counts a connection for its address, if the address is one of those that are counted.
    ///
    /// - Parameter isProxy: whether it is a proxy's, which has yet to name the client. The rate is the client's.
    /// - Returns: `nil` if a limit of the address is reached.
    private func countAddress(
        role: ListenerRole,
        _ address: ClientAddress,
        _ worker: Worker,
        isProxy: Bool = false
    ) -> (isCounted: Bool, share: AddressShare?)? {
        let limits = worker.snapshot.settings.limits
        guard role != .admin else { return (false, nil) }
        if !isProxy, let limit = limits.newConnectionsPerAddress, address.hasRate(limits),
            site.connectionRates.take(address.hash, limit, at: worker.clock.monotonic) != nil
        {
            site.turnedAway.pastRate(of: address)
            worker.counters.add(.connectionsPastRate)
            return nil
        }
        guard address.isCounted(limits) else { return (false, nil) }
        guard let share = site.connectionCounts.enter(address.hash, limit: limits.connectionsPerAddress) else {
            site.turnedAway.pastLimit(of: address)
            worker.counters.add(.connectionsPastAddress)
            return nil
        }
        return (true, share)
    }
}
