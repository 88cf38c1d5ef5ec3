import GatewayConfiguration
package import JOSE
package import NIOCore

/// TLS for connections that the gateway opens on its own account: with the same profile and the same verification as
/// towards upstreams, for HTTP/1.1.
package struct OutgoingTLS: Sendable {
    private let context: TLSClientContext

    /// - Parameter authorities: whom to trust; nil: whom the system trusts.
    package init(authorities: TrustedAuthorities? = nil) { context = TLSClientContext(authorities: authorities) }

    /// Shakes hands over a connected channel. Handlers that are added once this has succeeded see plaintext.
    ///
    /// Call it on the channel's event loop.
    ///
    /// - Parameters:
    ///   - host: a name or an IP address, which the server's certificate must be for.
    ///   - time: for the handshake.
    package func secure(_ channel: any Channel, host: String, within time: TimeAmount) -> EventLoopFuture<Void> {
        let promise = channel.eventLoop.makePromise(of: Void.self)
        guard let stream = context.stream(to: TLSPeer(.tcp(host: host, port: 0)), scratch: TLSScratch()) else {
            promise.fail(TLSFault.failed("OpenSSL does not take the name of the host"))
            return promise.futureResult
        }
        let handler = TLSHandler(stream: stream, handshakeTime: time) { _, result in
            switch result {
            case .ready: promise.succeed()
            case .failed(let fault): promise.fail(fault)
            }
        }
        do {
            try channel.pipeline.syncOperations.addHandler(handler)
        } catch {
            promise.fail(error)
        }
        return promise.futureResult
    }
}
