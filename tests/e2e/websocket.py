"""A WebSocket client on a raw socket (RFC 6455, RFC 7692): it sends what it is told, however wrong,
and believes nothing it gets.

    with websocket.Session(d.address, "/ws/echo") as ws:
        ws.send(frame(b"Hel", fin=False), frame(b"lo", CONTINUATION))
        assert ws.message() == (TEXT, b"Hello")
        ws.close_and_wait()
"""
import base64
import collections
import hashlib
import os
import socket
import struct
import threading
import time
import zlib

import client
import daemon as daemon_module

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
RSV1, RSV2, RSV3 = 4, 2, 1
MASK = b"\x37\xfa\x21\x3d"
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TAIL = b"\x00\x00\xff\xff"
# The connection of a session that has failed ends at once; this is for a busy machine.
PROMPT_S = 10 if daemon_module.SANITIZED else 3

Frame = collections.namedtuple("Frame", "fin rsv opcode payload")


def accept_of(key):
    return base64.b64encode(hashlib.sha1((key + GUID).encode()).digest()).decode()


def masked(payload, mask):
    n = len(payload)
    whole = (mask * (n // 4 + 1))[:n]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(whole, "big")).to_bytes(n, "big")


def frame(payload=b"", opcode=TEXT, fin=True, rsv=0, mask=MASK, length=None, width=None):
    """length: what the header says, if not the truth. width: of the extended length, 0, 2 or 8. mask: a server has None."""
    payload = payload.encode() if isinstance(payload, str) else payload
    n = len(payload) if length is None else length
    if width is None:
        width = 0 if n < 126 else 2 if n < 65536 else 8
    head = bytes([fin << 7 | rsv << 4 | opcode, (mask is not None) << 7 | {0: n, 2: 126, 8: 127}[width]])
    if width:
        head += n.to_bytes(width, "big")
    return head + (payload if mask is None else mask + masked(payload, mask))


def close_frame(code=None, reason=b"", **how):
    return frame((b"" if code is None else struct.pack(">H", code)) + reason, CLOSE, **how)


def split(data, size):
    return [data[i:i + size] for i in range(0, len(data), size)]


def message_frames(data, opcode=TEXT, size=None, rsv=0):
    """The frames of a message, in fragments of that size."""
    parts = split(data, size) if size and data else [data]
    return [frame(part, CONTINUATION if i else opcode, i == len(parts) - 1, 0 if i else rsv)
            for i, part in enumerate(parts)]


class Deflate:
    """Our side of permessage-deflate, by the answer's parameters."""

    def __init__(self, answer):
        name, *parts = [part.strip() for part in answer.split(";")]
        assert name == "permessage-deflate"
        self.params = dict((part.split("=") + [None])[:2] for part in parts)
        assert len(self.params) == len(parts), answer
        self.client_bits = int(self.params.get("client_max_window_bits") or 15)
        self.server_bits = int(self.params.get("server_max_window_bits") or 15)
        self.compressor = self.decompressor = None

    def compress(self, data, level=6, strategy=zlib.Z_DEFAULT_STRATEGY):
        if not self.compressor or "client_no_context_takeover" in self.params:
            self.compressor = zlib.compressobj(level, zlib.DEFLATED, -max(self.client_bits, 9), 8, strategy)
        out = self.compressor.compress(data) + self.compressor.flush(zlib.Z_SYNC_FLUSH)
        assert out.endswith(TAIL)
        return out[:-4]

    def decompress(self, data):
        if not self.decompressor or "server_no_context_takeover" in self.params:
            self.decompressor = zlib.decompressobj(-self.server_bits)
        return self.decompressor.decompress(data + TAIL)


def request(target, fields=(), host="localhost", key=KEY):
    """The bytes of a good handshake."""
    lines = [f"GET {target} HTTP/1.1", f"Host: {host}", "Upgrade: websocket", "Connection: Upgrade",
             f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13"]
    lines += [f"{name}: {value}" for name, value in fields]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


class Session(client.Connection):
    """
    deflate: our offer of permessage-deflate, True for the plain one. behind: sent with the handshake. Not
    is_answered: wait_answer() has to follow.
    """

    def __init__(self, address, target="/ws/echo", fields=(), deflate=None, behind=b"", timeout=None,
                 read_bytes=None, is_answered=True, **how):
        super().__init__(address, timeout or daemon_module.WAIT_S, read_bytes)
        self._begin(target, fields, deflate, behind, **how)
        if is_answered:
            self.wait_answer()

    @classmethod
    def on(cls, connection, target):
        """On a connection that was used for requests, and is this session from now on."""
        session = cls.__new__(cls)
        session.__dict__.update(connection.__dict__)
        session._begin(target)
        session.wait_answer()
        return session

    def _begin(self, target, fields=(), deflate=None, behind=b"", **how):
        fields = list(fields)
        if deflate:
            offer = "permessage-deflate" if deflate is True else deflate
            fields.append(("Sec-WebSocket-Extensions", offer))
        self.key = base64.b64encode(os.urandom(16)).decode()
        self.deflate = None
        self.has_offered = bool(deflate)
        self.controls = []     # pings and pongs that came before a message, in order
        self.send(request(target, fields, key=self.key, **how) + behind)

    def wait_answer(self):
        self.answer = self.head()
        assert self.answer.status == 101, self.answer
        self.check_answer()
        if self.answer["sec-websocket-extensions"]:
            assert self.has_offered, self.answer
            self.deflate = Deflate(self.answer["sec-websocket-extensions"])

    def check_answer(self):
        assert self.answer["upgrade"].lower() == "websocket"
        assert self.answer["connection"].lower() == "upgrade"
        assert self.answer["sec-websocket-accept"] == accept_of(self.key)
        assert self.answer["content-length"] is None and self.answer["transfer-encoding"] is None

    # Sending.

    def send(self, *pieces):
        for piece in [b"".join(pieces)] if len(pieces) > 1 else pieces:
            super().send(piece)

    def send_in_chops(self, data, size):
        """As so many segments."""
        for part in split(data, size):
            self.sock.sendall(part)

    def text(self, data, **how):
        self.send(frame(data, **how))

    def binary(self, data, **how):
        self.send(frame(data, BINARY, **how))

    def send_compressed(self, data, opcode=TEXT, size=None, **how):
        self.send(*message_frames(self.deflate.compress(data, **how), opcode, size, RSV1))

    # Receiving.

    def frame(self):
        """The next one, which must be well-formed."""
        first, second = self._exactly(2)
        fin, rsv, opcode = bool(first & 0x80), first >> 4 & 7, first & 15
        assert not second & 0x80, "a server's frame is masked"
        assert opcode in (CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG), f"opcode {opcode}"
        n = second & 0x7f
        if n == 126:
            n = int.from_bytes(self._exactly(2), "big")
            assert n >= 126, "not the shortest length"
        elif n == 127:
            n = int.from_bytes(self._exactly(8), "big")
            assert n >= 65536, "not the shortest length"
        if opcode >= CLOSE:
            assert fin and n < 126, "a long or fragmented control frame"
        assert rsv == 0 or rsv == RSV1 and self.deflate and opcode in (TEXT, BINARY), f"reserved bits {rsv}"
        return Frame(fin, rsv, opcode, self._exactly(n))

    def message(self):
        """The next message: (opcode, data), inflated. Pings and pongs on the way go to controls; pings are answered."""
        parts = []
        while True:
            f = self.frame()
            if f.opcode in (PING, PONG):
                self.controls.append((f.opcode, f.payload))
                if f.opcode == PING:
                    self.send(frame(f.payload, PONG))
                continue
            assert f.opcode != CLOSE, f"closed: {f.payload!r}"
            assert (f.opcode == CONTINUATION) == bool(parts), "fragments in disorder"
            parts.append(f)
            if f.fin:
                break
        data = b"".join(f.payload for f in parts)
        if parts[0].rsv == RSV1:
            data = self.deflate.decompress(data)
        if parts[0].opcode == TEXT:
            data.decode()
        return parts[0].opcode, data

    def hear(self):
        """The next message, which is text."""
        opcode, data = self.message()
        assert opcode == TEXT, data
        return data.decode()

    def ask(self, words):
        self.text(words)
        return self.hear()

    def exchange(self, data, opcode=TEXT, size=None):
        """Sends a message and wants it back. Who echoes by pieces must be read meanwhile."""
        frames = message_frames(data, opcode, size)
        if len(data) <= 65536:
            self.send(*frames)
            assert self.message() == (opcode, data)
            return
        sender = threading.Thread(target=self.send, args=frames, daemon=True)
        sender.start()
        assert self.message() == (opcode, data)
        sender.join()

    # The end.

    def closing(self):
        """The server's close frame, next: (code, reason); None without a code."""
        f = self.frame()
        assert f.opcode == CLOSE, f
        if not f.payload:
            return None, ""
        assert len(f.payload) >= 2
        return struct.unpack(">H", f.payload[:2])[0], f.payload[2:].decode()

    def messages_to_the_close(self):
        """What is in all messages, which are in a frame each, and the code that the server closes with."""
        found = []
        while (f := self.frame()).opcode != CLOSE:
            if f.opcode in (TEXT, BINARY):
                found.append(f.payload)
        return found, struct.unpack(">H", f.payload[:2])[0]

    def leave(self):
        """As one should, whatever is under way. The code that is answered."""
        self.send(close_frame(1000))
        _, code = self.messages_to_the_close()
        self.close()
        return code

    def assert_ends(self, seconds=PROMPT_S):
        """Nothing but the end of the connection, and that at once. A reset is an error."""
        start = time.monotonic()
        self.sock.settimeout(seconds)
        try:
            self.assert_closed()
        except socket.timeout:
            raise AssertionError(f"the connection is open after {seconds} s") from None
        assert time.monotonic() - start < seconds

    def assert_failed(self, code):
        """The session was failed for that: a close frame, and the end, without our help."""
        got, _ = self.closing()
        assert got == code
        self.assert_ends()

    def close_and_wait(self, code=1000, reason=b""):
        """Our closing handshake, answered as it should be."""
        self.send(close_frame(code, reason))
        assert self.closing() == (code, "")
        self.assert_ends()
