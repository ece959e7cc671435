"""WebSocket clients in numbers: no more than it takes to tell what came, and no politeness. What
they say is what RFC 6455 allows, unless a test says otherwise; frames of the server are not judged.
"""
import os
import re
import selectors
import socket
import struct
import time

import daemon as daemon_module

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


def mask(payload, key=b"\x37\xfa\x21\x3d"):
    n = len(payload)
    keys = (key * (n // 4 + 1))[:n]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(keys, "big")).to_bytes(n, "big") if n else b""


def header(opcode, length, is_last=True, bit=0, is_compressed=False):
    first = (0x80 if is_last else 0) | (0x40 if is_compressed else 0) | opcode
    if length < 126:
        return struct.pack(">BB", first, bit | length)
    if length < 65536:
        return struct.pack(">BBH", first, bit | 126, length)
    return struct.pack(">BBQ", first, bit | 127, length)


def frame(payload, opcode=TEXT, is_last=True, is_compressed=False, key=b"\x37\xfa\x21\x3d"):
    """As a client sends it."""
    if isinstance(payload, str):
        payload = payload.encode()
    return header(opcode, len(payload), is_last, 0x80, is_compressed) + key + mask(payload, key)


def server_frame(payload, opcode=TEXT):
    """As the server must."""
    return header(opcode, len(payload)) + payload


def hello(target, fields=""):
    return (f"GET {target} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{fields}\r\n").encode()


class Peer:
    """
    A session. read_bytes keeps the kernel's buffer for what comes small, for those who read nothing.
    """

    def __init__(self, d, target, fields="", read_bytes=None, is_waited_for=True):
        self.sock = socket.socket()
        if read_bytes:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, read_bytes)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.settimeout(daemon_module.WAIT_S)
        self.sock.connect(d.address)
        self.buffer = b""
        self.sock.sendall(hello(target, fields))
        if is_waited_for:
            self.wait_accepted()

    def wait_accepted(self):
        while b"\r\n\r\n" not in self.buffer:
            self._more()
        self.head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        assert self.head.startswith(b"HTTP/1.1 101 "), self.head

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.sock.close()

    def close(self):
        self.sock.close()

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def send(self, payload, opcode=TEXT):
        self.sock.sendall(frame(payload, opcode))

    def _more(self):
        data = self.sock.recv(262_144)
        if not data:
            raise EOFError("the connection has ended")
        self.buffer += data

    def _peek(self, n):
        while len(self.buffer) < n:
            self._more()
        return self.buffer[:n]

    def _take(self, n):
        taken = self._peek(n)
        self.buffer = self.buffer[n:]
        return taken

    def frame(self):
        """opcode, payload of the next one."""
        first, second = self._take(2)
        length = second & 0x7f
        if length == 126:
            length, = struct.unpack(">H", self._take(2))
        elif length == 127:
            length, = struct.unpack(">Q", self._take(8))
        return first & 0x0f, self._take(length)

    def message(self):
        """The next text or binary one; pings are answered."""
        while True:
            opcode, payload = self.frame()
            if opcode in (TEXT, BINARY):
                return payload
            assert opcode in (PING, PONG), (opcode, payload)
            if opcode == PING:
                self.send(payload, PONG)

    def text(self):
        return self.message().decode()

    def ask(self, words):
        self.send(words)
        return self.text()

    def messages_to_the_close(self):
        """All messages, then the code it is closed with."""
        found = []
        while True:
            opcode, payload = self.frame()
            if opcode == CLOSE:
                return found, struct.unpack(">H", payload[:2])[0]
            if opcode in (TEXT, BINARY):
                found.append(payload)

    def leave(self):
        """As one should."""
        self.send(struct.pack(">H", 1000), CLOSE)
        _, code = self.messages_to_the_close()
        self.sock.close()
        return code


def many(d, n, target, **options):
    """n sessions, opened beside each other."""
    peers = []
    for start in range(0, n, 200):
        batch = [Peer(d, target, is_waited_for=False, **options) for _ in range(min(200, n - start))]
        for peer in batch:
            peer.wait_accepted()
        peers += batch
    return peers


def pid_of(d):
    return int(d.get("/pid").text)


def on_worker(d, pid, target, **options):
    """A session with this worker: connections go to either."""
    for _ in range(200):
        with d.connect() as probe:
            # A session follows on the same connection, so it is known whose it is.
            if int(probe.call("GET", "/pid").text) != pid:
                continue
            peer = Peer.__new__(Peer)
            peer.sock = probe.sock.dup()
            peer.sock.settimeout(daemon_module.WAIT_S)
            peer.buffer = b""
            peer.sock.sendall(hello(target, options.get("fields", "")))
            peer.wait_accepted()
            return peer
    raise AssertionError(f"200 connections, and none reached {pid}")


class Readers:
    """Peers that must all get the same bytes, in order, and nothing else."""

    def __init__(self, peers):
        self.peers = peers
        self.taken = [0] * len(peers)
        self.selector = selectors.DefaultSelector()
        for number, peer in enumerate(peers):
            peer.sock.setblocking(False)
            self.selector.register(peer.sock, selectors.EVENT_READ, number)

    def take(self, expected, goal, story):
        """Until each has taken so many of the expected bytes."""
        n_left = sum(taken < goal for taken in self.taken)
        until = time.monotonic() + daemon_module.WAIT_S
        while n_left:
            assert time.monotonic() < until, f"{n_left} wait for more\n{story()}"
            for key, _ in self.selector.select(1):
                number = key.data
                data = key.fileobj.recv(262_144)
                at = self.taken[number]
                assert data, f"reader {number} was cut off after {at} bytes\n{story()}"
                assert data == expected[at:at + len(data)], f"reader {number}: something else at {at}\n{story()}"
                self.taken[number] = at + len(data)
                n_left -= at < goal <= self.taken[number]

    def close(self):
        self.selector.close()
        for peer in self.peers:
            peer.close()


def memory_of(pid, what="Private_Dirty"):
    """In bytes. Not Pss, which moves when other processes with the same libraries come and go."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as rollup:
        return int(re.search(rf"^{what}:\s+(\d+) kB", rollup.read(), re.M).group(1)) * 1024


def n_descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


class Peak:
    """By how many bytes a process's memory has grown at most since this was made."""

    def __init__(self, pid):
        self.pid = pid
        with open(f"/proc/{pid}/clear_refs", "w", encoding="ascii") as refs:
            refs.write("5")
        self.before = self._read("VmRSS")

    def _read(self, what):
        with open(f"/proc/{self.pid}/status", encoding="ascii") as status:
            return int(re.search(rf"^{what}:\s+(\d+) kB", status.read(), re.M).group(1)) * 1024

    def growth(self):
        return self._read("VmHWM") - self.before
