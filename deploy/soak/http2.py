"""A client's HTTP/2 connection, by python3-h2."""

import asyncio
import contextlib

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings

from http1 import BODY, PATIENCE, Answer, Late
from network import Cut, Wrong


class Stream:
    """What has arrived of an answer."""

    def __init__(self):
        self.status = None
        self.fields = []
        self.data = bytearray()
        self.ended = False
        self.error = None
        self.news = asyncio.Event()

    async def wait(self, until):
        """Waits for the condition, or the end of the stream."""
        while not until() and not self.ended and not self.error:
            self.news.clear()
            await self.news.wait()
        if not until() and not self.ended:
            raise Cut(self.error)


class HTTP2:
    """Reads until the block ends. Requests may run at the same time."""

    def __init__(self, reader, writer, authority, secure):
        self.reader, self.writer, self.authority, self.secure = reader, writer, authority, secure
        configuration = h2.config.H2Configuration(client_side=True, header_encoding="latin-1")
        self.connection = h2.connection.H2Connection(configuration)
        self.streams = {}
        self.error = None
        self.has_settings = asyncio.Event()
        self.has_window = asyncio.Event()
        self.takes_sockets = False
        self.leaving = False

    async def __aenter__(self):
        self.connection.initiate_connection()
        self.connection.increment_flow_control_window(1 << 20)
        self.flush()
        self.task = asyncio.create_task(self.read())
        return self

    async def __aexit__(self, *_):
        self.task.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await self.task

    def flush(self):
        if data := self.connection.data_to_send():
            self.writer.write(data)

    async def read(self):
        error = "the connection ended"
        try:
            while data := await self.reader.read(1 << 16):
                for event in self.connection.receive_data(data):
                    self.take(event)
                self.flush()
        except OSError as fault:
            error = repr(fault)
        except h2.exceptions.ProtocolError as fault:
            error = f"HTTP/2 was broken: {fault!r}"
        finally:
            self.error = error
            self.has_settings.set()
            self.has_window.set()
            for stream in self.streams.values():
                stream.error = stream.error or error
                stream.news.set()

    def take(self, event):
        stream = self.streams.get(getattr(event, "stream_id", None))
        if isinstance(event, h2.events.RemoteSettingsChanged):
            changed = event.changed_settings.get(h2.settings.SettingCodes.ENABLE_CONNECT_PROTOCOL)
            self.takes_sockets = self.takes_sockets or bool(changed and changed.new_value)
            self.has_settings.set()
            self.has_window.set()
        elif isinstance(event, h2.events.WindowUpdated):
            self.has_window.set()
        elif isinstance(event, h2.events.ConnectionTerminated):
            self.leaving = True
        elif isinstance(event, h2.events.DataReceived):
            if event.flow_controlled_length:
                with contextlib.suppress(h2.exceptions.ProtocolError):
                    self.connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            if stream:
                stream.data += event.data
        if not stream:
            return
        if isinstance(event, h2.events.ResponseReceived):
            stream.fields = [(name, value) for name, value in event.headers if not name.startswith(":")]
            stream.status = int(dict(event.headers)[":status"])
        elif isinstance(event, h2.events.StreamEnded):
            stream.ended = True
        elif isinstance(event, h2.events.StreamReset):
            stream.error = f"reset: {event.error_code!r}"
            self.has_window.set()
        stream.news.set()

    def open(self, request, protocol=None):
        """Sends the head of a request."""
        if self.error or self.leaving:
            raise Cut(self.error or "the connection ends")
        head = [(":method", "CONNECT" if protocol else request.method), (":scheme", "https" if self.secure else "http"),
                (":authority", self.authority), (":path", request.path)]
        if protocol:
            head.insert(1, (":protocol", protocol))
        head += [(name.lower(), value) for name, value in request.fields]
        if request.body is not None and not request.pieces:
            head.append(("content-length", str(len(request.body))))
        try:
            number = self.connection.get_next_available_stream_id()
            self.connection.send_headers(number, head, end_stream=request.body is None and not protocol)
        except h2.exceptions.ProtocolError as error:
            raise Cut(repr(error)) from None
        self.streams[number] = Stream()
        self.flush()
        return number, self.streams[number]

    async def send(self, number, data, ends=False):
        """Sends as much at a time as the gateway allows."""
        stream = self.streams[number]
        try:
            while data:
                if self.error or stream.error:
                    raise Cut(self.error or stream.error)
                room = min(self.connection.local_flow_control_window(number), self.connection.max_outbound_frame_size)
                if room <= 0:
                    self.has_window.clear()
                    await self.has_window.wait()
                    continue
                self.connection.send_data(number, bytes(data[:room]))
                data = data[room:]
                self.flush()
                await self.writer.drain()
            if ends:
                self.connection.end_stream(number)
                self.flush()
        except h2.exceptions.ProtocolError as error:
            raise Cut(repr(error)) from None

    def cancel(self, number):
        with contextlib.suppress(h2.exceptions.ProtocolError):
            self.connection.reset_stream(number, h2.errors.ErrorCodes.CANCEL)
        self.streams.pop(number, None)
        self.flush()

    async def exchange(self, request, patience=PATIENCE):
        """Sends a request and returns its answer."""
        number, stream = self.open(request)
        sending = asyncio.create_task(self.upload(number, request))
        try:
            async with asyncio.timeout(patience):
                await stream.wait(lambda: stream.status is not None)
            async with asyncio.timeout(BODY):
                await stream.wait(lambda: False)
            if not stream.ended:
                raise Cut(stream.error)
        except TimeoutError:
            raise Late(f"{request.method} {request.path}: no answer over HTTP/2", patience + BODY) from None
        finally:
            sending.cancel()
            with contextlib.suppress(asyncio.CancelledError, Cut, OSError):
                await sending
            if stream.ended:
                self.streams.pop(number, None)
            else:
                self.cancel(number)
        length = next((value for name, value in stream.fields if name == "content-length"), None)
        no_body = request.method == "HEAD" or stream.status in (204, 304)
        if length is not None and not no_body and int(length) != len(stream.data):
            raise Wrong(f"{len(stream.data)} bytes of a body of {length}")
        return Answer(stream.status, stream.fields, bytes(stream.data))

    async def upload(self, number, request):
        if request.body is not None:
            parts = request.parts()
            for part in parts:
                await self.send(number, part)
            await self.send(number, b"", ends=True)
