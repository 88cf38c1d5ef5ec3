import Foundation
import Testing

extension EndToEnd {
    @Suite("WebSockets between other implementations")
    struct WebSocketInteroperationTests {
        /// Server and client in one: [websockets](https://websockets.readthedocs.io), the Debian package
        /// python3-websockets. Its last output is its result.
        private static let script = """
            import asyncio, sys, websockets
            from websockets.exceptions import ConnectionClosed

            upstream, gateway, token = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
            seen = []

            async def serve(socket, path=None):
                try:
                    async for message in socket:
                        if message == "close":
                            await socket.close(4000, "as you wish")
                        elif message == "die":
                            socket.transport.close()
                        elif message == "fragments":
                            await socket.send(["one", "two", "three"])
                        else:
                            await socket.send(message)
                except ConnectionClosed:
                    pass
                finally:
                    seen.append(socket.close_code)

            def connect():
                return websockets.connect(
                    f"ws://127.0.0.1:{gateway}/event/e1/ws?token={token}", max_size=None, open_timeout=5)

            async def closed(socket):
                try:
                    await asyncio.wait_for(socket.recv(), 5)
                except ConnectionClosed:
                    return socket.close_code, socket.close_reason

            async def main():
                async with websockets.serve(serve, "127.0.0.1", upstream, max_size=None):
                    async with connect() as socket:
                        assert [e.name for e in socket.extensions] == ["permessage-deflate"]
                        for message in ["", "hello", "x" * 200000, b"", bytes(range(256)) * 4096]:
                            await socket.send(message)
                            assert await socket.recv() == message
                        await socket.send("fragments")
                        assert await socket.recv() == "onetwothree"
                        await asyncio.wait_for(await socket.ping(), 5)
                        await socket.send("close")
                        assert await closed(socket) == (4000, "as you wish"), socket.close_code
                    async with connect() as socket:
                        await socket.close(3000)
                        assert socket.close_code == 3000
                    async with connect() as socket:
                        await socket.send("die")
                        assert await closed(socket) == (1014, "upstream_unavailable"), socket.close_code
                    async with connect() as socket:
                        async with connect() as other:
                            assert await closed(socket) == (4409, "session_replaced"), socket.close_code
                            await other.send("still here")
                            assert await other.recv() == "still here"
                    socket = await connect()
                    socket.transport.abort()
                    await asyncio.sleep(0.3)
                print("server saw", seen)

            asyncio.run(main())
            """

        @Test("Messages, compression, pings and close codes, with Python's websockets at both ends")
        func python() throws {
            let upstream = try Listener.freePorts(1)[0]
            let gateway = try Gateway(GatewayConfiguration(upstream: upstream))
            let finished = try run(
                "/usr/bin/python3",
                ["-c", Self.script, "\(upstream)", "\(gateway.port)", Minter.acme.registration("python")]
            )
            #expect(finished.errors == "")
            #expect(finished.output == "server saw [4000, 3000, 1006, 1001, 1000, 1001]\n")
        }
    }
}
