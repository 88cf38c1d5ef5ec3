import Foundation

/// A port of clear text whose connections go on to another port inside TLS, with ALPN `h2`.
///
/// With it the clients that write frames by hand reach a TLS listener. Python does the TLS.
final class HTTP2TLSTunnel: Sendable {
    static let program = "/usr/bin/python3"

    let port: UInt16
    private let child: Child
    private let directory: TemporaryDirectory

    /// - Parameter authority: a file with the certificate that the listener's must go back to.
    init(to listener: UInt16, authority: String) throws {
        directory = try TemporaryDirectory()
        let script = try directory.write("tunnel.py", Self.script)
        let child = try Child(Self.program, [script, "\(listener)", authority], output: directory["port"])
        self.child = child
        var number: UInt16?
        _ = eventually(within: 10) {
            number = UInt16(child.said.trimmingCharacters(in: .newlines))
            return number != nil || child.exitStatus != nil
        }
        guard let number else { throw GatewayFailure(text: "no tunnel: \(child.said)") }
        port = number
    }

    private static let script = """
        import asyncio, ssl, sys

        context = ssl.create_default_context(cafile=sys.argv[2])
        context.set_alpn_protocols(["h2"])

        async def pump(reader, writer):
            try:
                while octets := await reader.read(65536):
                    writer.write(octets)
                    await writer.drain()
            except OSError:
                pass
            finally:
                writer.close()

        async def serve(reader, writer):
            try:
                inner = await asyncio.open_connection("127.0.0.1", int(sys.argv[1]), ssl=context, server_hostname="localhost")
            except OSError:
                return writer.close()
            if inner[1].get_extra_info("ssl_object").selected_alpn_protocol() != "h2":
                return writer.close()
            await asyncio.gather(pump(reader, inner[1]), pump(inner[0], writer))

        async def main():
            server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=1000)
            print(server.sockets[0].getsockname()[1], flush=True)
            await server.serve_forever()

        asyncio.run(main())

        """
}
