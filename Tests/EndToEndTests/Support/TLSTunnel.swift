import Foundation

/// A plaintext port whose connections continue to another port inside TLS.
///
/// It lets clients that write bytes by hand reach a TLS listener. The end of one side's data is passed on as such, and
/// the other direction stays open: close_notify inside is the end of TCP outside. Python does the TLS.
final class TLSTunnel: Sendable {
    static let program = "/usr/bin/python3"

    let port: UInt16
    private let child: Child
    private let directory: TemporaryDirectory

    /// - Parameters:
    ///   - authority: a file with the certificate of the listener's authority.
    ///   - name: the protocol that ALPN must agree on.
    ///   - header: what each connection sends before TLS, in one piece with its start.
    init(to listener: UInt16, authority: String, protocol name: String = "h2", header: [UInt8] = []) throws {
        directory = try TemporaryDirectory()
        let script = try directory.write("tunnel.py", Self.script)
        let hex = header.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        let child = try Child(Self.program, [script, "\(listener)", authority, name, hex], output: directory["port"])
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

        listener, authority, protocol = int(sys.argv[1]), sys.argv[2], sys.argv[3]
        header = bytes.fromhex(sys.argv[4])
        context = ssl.create_default_context(cafile=authority)
        context.set_alpn_protocols([protocol])

        class Connection:
            def __init__(self, outer, inner):
                (self.outer_reader, self.outer_writer), (self.reader, self.writer) = outer, inner
                self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
                self.outgoing.write(header)
                self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname="localhost")

            async def flush(self):
                if data := self.outgoing.read():
                    self.writer.write(data)
                    await self.writer.drain()

            async def call(self, function, *arguments):
                while True:
                    try:
                        return function(*arguments)
                    except ssl.SSLWantReadError:
                        await self.flush()
                        data = await self.reader.read(1 << 18)
                        self.incoming.write(data) if data else self.incoming.write_eof()

            async def up(self):
                while data := await self.outer_reader.read(1 << 16):
                    self.tls.write(data)
                    await self.flush()
                try:
                    self.tls.unwrap()
                except ssl.SSLError:
                    pass  # It waits for the other side's end, which is read elsewhere.
                await self.flush()

            async def down(self):
                try:
                    while data := await self.call(self.tls.read, 1 << 16):
                        self.outer_writer.write(data)
                        await self.outer_writer.drain()
                except ssl.SSLZeroReturnError:
                    pass
                self.outer_writer.write_eof()

            async def run(self):
                await self.call(self.tls.do_handshake)
                await self.flush()
                if self.tls.selected_alpn_protocol() == protocol:
                    await asyncio.gather(self.up(), self.down())

        async def serve(*outer):
            inner = None
            try:
                inner = await asyncio.open_connection("127.0.0.1", listener)
                await Connection(outer, inner).run()
                outer[1].close()
            except OSError:
                outer[1].transport.abort()
            finally:
                if inner:
                    inner[1].close()

        async def main():
            server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=1000)
            print(server.sockets[0].getsockname()[1], flush=True)
            await server.serve_forever()

        asyncio.run(main())

        """
}
