"""Connections of clients to the gateway: bounded in number, from several loopback addresses."""

import asyncio
import contextlib
import socket
import ssl
import struct

ADDRESSES = [f"127.0.0.{number}" for number in range(2, 12)]


class Cut(Exception):
    """The connection or the stream ended before the answer did."""


class Wrong(Exception):
    """The gateway sent what its protocol does not allow."""


def hold_ports(*names):
    """Ports of the loopback address by name, and the sockets that hold them.

    They are bound and do not listen. Whoever listens there may, but the system gives the port to no other connection, not
    even while nobody listens. A connection to a port that was its own would get back what it sends.
    """
    ports, holders = {}, []
    for name in names:
        holder = socket.socket()
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", 0))
        ports[name] = holder.getsockname()[1]
        holders.append(holder)
    return ports, holders


class Network:
    """The gateway's ports, and how many connections are open."""

    def __init__(self, ports, limit):
        self.ports, self.limit = ports, limit
        self.open = self.peak = 0
        self.contexts = {}

    def context(self, protocols):
        if protocols not in self.contexts:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            context.set_alpn_protocols(list(protocols))
            self.contexts[protocols] = context
        return self.contexts[protocols]

    @contextlib.asynccontextmanager
    async def connection(self, listener, address, protocols=(), tls=None, buffer=1 << 16):
        """A connection until the block ends, then closed. Raises `Cut` when there is none.

        `tls` is by default that of the listener: `clear` or `tls`. The limit leaves out the witness, at 127.0.0.1.
        """
        if self.open >= self.limit and address != "127.0.0.1":
            raise Cut("as many connections as allowed")
        self.open += 1
        self.peak = max(self.peak, self.open)
        try:
            options = {}
            if listener == "tls" if tls is None else tls:
                options = {"ssl": self.context(tuple(protocols)), "server_hostname": "localhost",
                           "ssl_handshake_timeout": 20, "ssl_shutdown_timeout": 1}
            try:
                async with asyncio.timeout(30):
                    reader, writer = await asyncio.open_connection(
                        "127.0.0.1", self.ports[listener], local_addr=(address, 0), limit=buffer, **options)
            except (OSError, TimeoutError) as error:
                raise Cut(f"no connection: {error!r}") from None
            try:
                yield reader, writer
            except (OSError, asyncio.IncompleteReadError) as error:
                raise Cut(repr(error)) from None
            finally:
                writer.transport.abort()
        finally:
            self.open -= 1


def reset(writer):
    """Ends a connection with a reset instead of a goodbye."""
    connection = writer.get_extra_info("socket")
    # There is none after the connection has ended.
    with contextlib.suppress(OSError, AttributeError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
