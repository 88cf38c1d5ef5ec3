import Basics
import Transport

/// Opens one connection to a server: finds the addresses of its name if it has one, then tries them in turn.
final class ServerDial {
    enum Outcome {
        case connected(Descriptor)
        /// The fault is `nil` if no descriptor was left, which says nothing about the server.
        case failed(ConnectFault?)
    }

    private let server: UpstreamServer
    private let loop: EventLoop
    private let resolver: Resolver
    private let startedAt: Int64
    private var completion: ((Outcome) -> Void)?
    /// Runs while the name is being resolved.
    private var timer: TimerHeap.ID?
    private var connector: Connector?

    /// - Parameter completion: called once, after ``start()`` has returned; never after ``cancel()``.
    init(to server: UpstreamServer, on loop: EventLoop, resolver: Resolver, completion: @escaping (Outcome) -> Void) {
        self.server = server
        self.loop = loop
        self.resolver = resolver
        self.completion = completion
        startedAt = loop.now
    }

    func start() {
        switch server.target {
        case .address(let address):
            open([address], within: server.connectTimeout)
        case .name(let host, let port):
            switch server.addressAdvice(at: loop.now) {
            case .use(let addresses):
                open(addresses, within: server.connectTimeout)
                return
            case .useAndResolve(let addresses):
                // Whatever comes of it, later connections use it.
                resolver.resolve(host, port: port, for: loop.mailbox) { [server] outcome, loop in
                    _ = server.resolved(outcome, at: loop.now)
                }
                open(addresses, within: server.connectTimeout)
                return
            case .resolve: break
            }
            // Give a silent name server no more time than a silent server.
            timer = loop.schedule(in: server.connectTimeout) { [self] in
                timer = nil
                finish(.failed(.dns))
            }
            let bound = Confined(self, to: loop.mailbox)
            resolver.resolve(host, port: port, for: loop.mailbox) { outcome, _ in bound.value.resolved(outcome) }
        }
    }

    /// Gives up.
    func cancel() {
        completion = nil
        if let timer = timer.take() { loop.cancel(timer) }
        connector.take()?.cancel()
    }

    private func resolved(_ outcome: Resolver.Outcome) {
        let addresses = server.resolved(outcome, at: loop.now)
        // The time may be up.
        guard let timer = timer.take() else { return }
        loop.cancel(timer)
        guard !addresses.isEmpty else { return finish(.failed(.dns)) }
        open(addresses, within: server.connectTimeout - (loop.now - startedAt))
    }

    private func open(_ addresses: [NetworkAddress], within time: Int64) {
        let connector = Connector(to: addresses, within: time, on: loop) { descriptor, address in
            if address.isIP { SocketOptions.upstream.set(on: descriptor) }
        } completion: { [self] outcome in
            switch outcome {
            case .connected(let descriptor, _): finish(.connected(descriptor))
            case .failed(let fault): finish(.failed(fault.isShortage ? nil : ConnectFault(fault)))
            }
        }
        self.connector = connector
        connector.start()
    }

    private func finish(_ outcome: consuming Outcome) {
        connector = nil
        completion.take()?(outcome)
    }
}
