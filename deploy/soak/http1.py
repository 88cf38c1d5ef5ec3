"""HTTP/1.1, as far as the clients and the embed host need it."""

import asyncio
import dataclasses

from network import Cut, Wrong

PATIENCE = 20
# Every body of this run takes less.
BODY = 60


class Late(Exception):
    """The gateway has not answered in time: after so many seconds."""

    def __init__(self, text, waited):
        super().__init__(text)
        self.waited = waited


@dataclasses.dataclass
class Request:
    """A request of a client. `pieces` splits its body into chunks; otherwise its length is announced."""
    method: str
    path: str
    fields: list
    body: bytes | None = None
    pieces: int = 0

    def head(self, authority):
        lines = [f"{self.method} {self.path} HTTP/1.1", f"Host: {authority}"]
        lines += [f"{name}: {value}" for name, value in self.fields]
        if self.body is not None:
            lines.append("Transfer-Encoding: chunked" if self.pieces else f"Content-Length: {len(self.body)}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    def parts(self):
        """The body's parts, as they are sent one after another."""
        if not self.body:
            return []
        step = max(1, len(self.body) // (self.pieces or 4))
        return [self.body[start:start + step] for start in range(0, len(self.body), step)]

    def content(self):
        """The parts as HTTP/1.1 frames them."""
        if not self.pieces:
            return self.parts()
        return [b"%x\r\n%s\r\n" % (len(part), part) for part in self.parts()] + [b"0\r\n\r\n"]


@dataclasses.dataclass
class Answer:
    status: int
    fields: list
    body: bytes = b""

    def value(self, name):
        return next((value for field, value in self.fields if field == name), None)

    def values(self, name):
        return [value for field, value in self.fields if field == name]


def parse_head(head):
    """The first line, and the fields with names in lower case."""
    first, *lines = head.decode("latin-1").split("\r\n")
    fields = []
    for line in lines:
        if line:
            name, colon, value = line.partition(":")
            if not colon or name != name.strip():
                raise Wrong(f"a bad field: {line!r}")
            fields.append((name.lower(), value.strip()))
    return first, fields


async def read_head(reader):
    try:
        return parse_head(await reader.readuntil(b"\r\n\r\n"))
    except asyncio.LimitOverrunError:
        raise Wrong("a head without an end") from None


async def read_chunks(reader):
    """Yields the content of a chunked body."""
    while True:
        line = await reader.readuntil(b"\r\n")
        size = int(line.split(b";")[0], 16)
        if size == 0:
            while await reader.readuntil(b"\r\n") != b"\r\n":
                pass
            return
        yield await reader.readexactly(size)
        if await reader.readexactly(2) != b"\r\n":
            raise Wrong("a chunk does not end where it says")


async def read_length(reader, length, step=1 << 16):
    while length > 0:
        data = await reader.read(min(length, step))
        if not data:
            raise Cut("in the middle of a body")
        length -= len(data)
        yield data


async def read_answer(reader, method, keep=lambda data: None):
    """An answer without its body, whose parts are given to `keep`."""
    try:
        async with asyncio.timeout(PATIENCE):
            while True:
                first, fields = await read_head(reader)
                words = first.split(" ", 2)
                if len(words) < 2 or words[0] != "HTTP/1.1" or not words[1].isdigit():
                    raise Wrong(f"a bad status line: {first!r}")
                answer = Answer(int(words[1]), fields)
                if answer.status >= 200 or answer.status == 101:
                    break
    except TimeoutError:
        raise Late(f"{method}: no answer within {PATIENCE} s", PATIENCE) from None
    if method == "HEAD" or answer.status in (101, 204, 304):
        return answer
    length = answer.value("content-length")
    if answer.value("transfer-encoding"):
        parts = read_chunks(reader)
    elif length is not None:
        parts = read_length(reader, int(length))
    else:
        parts = read_length(reader, 1 << 62)
    try:
        async with asyncio.timeout(BODY):
            async for part in parts:
                keep(part)
    except TimeoutError:
        raise Late(f"{method}: no end of the answer within {BODY} s", BODY) from None
    return answer
