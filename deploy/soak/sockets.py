"""WebSocket frames ([RFC 6455](https://www.rfc-editor.org/rfc/rfc6455)) for both ends."""

import base64
import hashlib
import os
import struct

from network import Wrong

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


def key():
    return base64.b64encode(os.urandom(16)).decode()


def accept(nonce):
    return base64.b64encode(hashlib.sha1(nonce.encode() + GUID).digest()).decode()


def frame(opcode, payload, masked):
    head = bytes([0x80 | opcode])
    size, bit = len(payload), 0x80 if masked else 0
    if size < 126:
        head += bytes([bit | size])
    elif size < 1 << 16:
        head += struct.pack(">BH", bit | 126, size)
    else:
        head += struct.pack(">BQ", bit | 127, size)
    if not masked:
        return head + payload
    mask = os.urandom(4)
    return head + mask + applied(mask, payload)


def applied(mask, payload):
    """The payload masked, or unmasked."""
    size = len(payload)
    whole = int.from_bytes((mask * (size // 4 + 1))[:size])
    return (int.from_bytes(payload) ^ whole).to_bytes(size)


def close(code, masked):
    return frame(CLOSE, struct.pack(">H", code), masked)


async def read_frame(read):
    """The next frame's opcode and payload. `read` gives exactly as many bytes as it is asked for."""
    first, second = await read(2)
    if first & 0x70 or not first & 0x80:
        raise Wrong(f"a frame that begins with {first:#x}, which nobody sent")
    size = second & 0x7f
    if size == 126:
        size = struct.unpack(">H", await read(2))[0]
    elif size == 127:
        size = struct.unpack(">Q", await read(8))[0]
    if size > 1 << 20:
        raise Wrong(f"a frame of {size} bytes, which nobody sent")
    mask = await read(4) if second & 0x80 else None
    payload = await read(size) if size else b""
    return first & 15, applied(mask, payload) if mask else payload
