"""
The WebSocket load client against a server that can lie: what is wrong must end the run with 1 and
words, else its numbers are worth nothing.
"""
import base64
import hashlib
import json
import os
import pathlib
import re
import struct
import subprocess
import threading
import zlib

import pytest

CLIENT = pathlib.Path(os.environ.get("WEIR_BUILD", "build")) / "tests/bench/bench_wsload"
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, CLOSE, PING = 0x81, 0x88, 0x89
PACKED = 0xC1
AGREED = (b"Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; "
          b"client_no_context_takeover\r\n")


def frame(first, payload):
    if len(payload) < 126:
        return bytes([first, len(payload)]) + payload
    return struct.pack("!BBH", first, 126, len(payload)) + payload


def pack(text):
    packer = zlib.compressobj(wbits=-15)
    return (packer.compress(text) + packer.flush(zlib.Z_SYNC_FLUSH))[:-4]


def unpack(packed):
    return zlib.decompressobj(wbits=-15).decompress(packed + b"\0\0\xff\xff")


class Peer:
    """The server's end of one session."""

    def __init__(self, connection, extra=b""):
        self.file = connection.makefile("rwb")
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = self.file.readline()
            assert line
            head += line
        self.head = head
        key = head.split(b"Sec-WebSocket-Key: ")[1].split(b"\r\n")[0]
        self.accept = base64.b64encode(hashlib.sha1(key + GUID).digest())
        self.extra = extra

    def welcome(self):
        self.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                   b"Connection: Upgrade\r\nSec-WebSocket-Accept: " + self.accept + b"\r\n"
                   + self.extra + b"\r\n")

    def write(self, data):
        self.file.write(data)
        self.file.flush()

    def read(self):
        """(first byte, payload); None at the end."""
        head = self.file.read(2)
        if len(head) < 2:
            return None
        size = head[1] & 127
        assert head[1] & 128 and size < 127
        if size == 126:
            size, = struct.unpack("!H", self.file.read(2))
        mask = self.file.read(4)
        return head[0], bytes(b ^ mask[i % 4] for i, b in enumerate(self.file.read(size)))


@pytest.fixture(name="serve")
def fixture_serve(listen):
    """serve(handler) runs handler(peer) for each session, in a thread, and returns the port."""
    return lambda handler: listen(lambda connection: handler(Peer(connection)))


def load(*arguments, orders=b""):
    """What it reports, after whatever it said meanwhile."""
    done = subprocess.run([CLIENT, *arguments], input=orders, capture_output=True, timeout=120,
                          check=False)
    assert done.returncode == 0, done.stderr.decode()
    *said, report = done.stdout.decode().splitlines()
    return json.loads(report), said


def complaint(*arguments, orders=b""):
    done = subprocess.run([CLIENT, *arguments], input=orders, capture_output=True, timeout=120,
                          check=False)
    assert done.returncode == 1, done.stdout.decode() + done.stderr.decode()
    assert b"{" not in done.stdout
    return done.stderr.decode()


def echoing(change=lambda n, payload: frame(TEXT, payload), extra=b""):
    """A handler that echoes; change(n, payload) makes the bytes of the nth answer."""
    def handler(peer):
        peer.extra = extra
        peer.welcome()
        n = 0
        while got := peer.read():
            peer.write(change(n, got[1]))
            n += 1
    return handler


def test_counts_every_echo(serve):
    report, said = load("echo", "-p", serve(echoing()), "-c", "3", "-n", "120")
    assert (report["done"], report["sessions"], said) == (120, 3, ["open"])


@pytest.mark.parametrize("size", ["1", "125", "126", "4000"])
def test_batches_of_all_lengths_come_back(serve, size):
    port = serve(echoing())
    assert load("echo", "-p", port, "-c", "2", "-n", "64", "-w", "16", "-s", size)[0]["done"] == 64


def test_frames_may_be_cut_anywhere(serve):
    def handler(peer):
        peer.welcome()
        while got := peer.read():
            for byte in frame(TEXT, got[1]):
                peer.write(bytes([byte]))
    assert load("echo", "-p", serve(handler), "-c", "2", "-n", "8", "-s", "200")[0]["done"] == 8


def test_frames_right_behind_the_handshake_are_not_lost(serve):
    def handler(peer):
        peer.write(b"HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: " + peer.accept
                   + b"\r\n\r\n" + frame(TEXT, b"welcome"))
        while got := peer.read():
            peer.write(frame(TEXT, got[1]))
    report, _ = load("echo", "-p", serve(handler), "-c", "2", "-n", "4")
    assert (report["done"], report["other"]) == (4, 2)


def test_pings_are_answered(serve):
    pongs = []

    def handler(peer):
        peer.welcome()
        first, payload = peer.read()
        peer.write(frame(PING, b"are you there"))
        pongs.append(peer.read())
        peer.write(frame(first, payload))
        peer.read()
    load("echo", "-p", serve(handler), "-c", "1", "-n", "1")
    assert pongs == [(0x8A, b"are you there")]


@pytest.mark.parametrize("answer, words", [
    (lambda n, p: frame(TEXT, p[:-1] + b"!"), "instead of"),
    (lambda n, p: frame(TEXT, p[:-1]), "31 bytes"),
    (lambda n, p: frame(TEXT, p + b"!"), "33 bytes"),
    (lambda n, p: frame(TEXT, p) * 2, 'instead of 32 bytes "bcdef'),
    (lambda n, p: frame(0x82, p), "0x82"),
    (lambda n, p: frame(0x01, p), "0x01"),
    (lambda n, p: frame(PACKED, p), "0xc1"),
    (lambda n, p: bytes([TEXT, 0x80 | 32]) + bytes(4) + p, "masked"),
    (lambda n, p: frame(CLOSE, b"\x03\xf3sorry"), '1011 "sorry"'),
    (lambda n, p: struct.pack("!BBQ", TEXT, 127, 1 << 40), "1099511627776"),
])
def test_a_wrong_answer_ends_the_run(serve, answer, words):
    port = serve(echoing(lambda n, p: answer(n, p) if n == 2 else frame(TEXT, p)))
    assert words in complaint("echo", "-p", port, "-c", "1", "-n", "10")


def test_the_last_echo_may_not_come_twice(serve):
    port = serve(echoing(lambda n, p: frame(TEXT, p) * (1 + n // 9)))
    said = complaint("echo", "-p", port, "-c", "1", "-n", "10")
    assert "more than was sent" in said


def test_a_lost_session_ends_the_run(serve):
    def handler(peer):
        peer.welcome()
        peer.read()
    assert "lost: the end" in complaint("echo", "-p", serve(handler), "-c", "1", "-n", "10")


@pytest.mark.parametrize("answer, words", [
    (b"HTTP/1.1 403 Forbidden\r\n\r\n", "refused: HTTP/1.1 403 Forbidden"),
    (b"HTTP/1.1 101 Go\r\nSec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n",
     "right Sec-WebSocket-Accept"),
    (b"HTTP/1.1 101", "closed after 12 bytes"),
])
def test_a_wrong_handshake_ends_the_run(serve, answer, words):
    assert words in complaint("echo", "-p", serve(lambda peer: peer.write(answer)), "-c", "1")


def test_an_extension_must_have_been_offered(serve):
    assert "not offered" in complaint("echo", "-p", serve(echoing(extra=AGREED)), "-c", "1")


def test_offers_deflate_and_sends_as_it_is(serve):
    port = serve(echoing(lambda n, p: frame(PACKED, pack(p)), extra=AGREED))
    report, _ = load("echo", "-p", port, "-c", "2", "-n", "20", "-z", "-s", "500")
    assert (report["done"], report["deflate"], report["packed"]) == (20, 2, 20)


def test_sends_compressed(serve):
    firsts = []

    def handler(peer):
        peer.extra = AGREED
        peer.welcome()
        while got := peer.read():
            firsts.append(got[0])
            peer.write(frame(TEXT, unpack(got[1])))
    report, _ = load("echo", "-p", serve(handler), "-c", "1", "-n", "4", "-Z", "-s", "3000")
    assert (report["done"], report["packed"], firsts) == (4, 0, [PACKED] * 4)


def test_does_not_send_compressed_what_was_not_agreed(serve):
    assert "refused" in complaint("echo", "-p", serve(echoing()), "-c", "1", "-Z")


@pytest.mark.parametrize("packed", [b"\xff\xff\xff", pack(bytes(100000))])
def test_what_does_not_inflate_ends_the_run(serve, packed):
    port = serve(echoing(lambda n, p: frame(PACKED, packed), extra=AGREED))
    assert "does not inflate" in complaint("echo", "-p", port, "-c", "1", "-z")


class Room:
    """A broadcast that can leave somebody out."""

    def __init__(self, change=lambda n, to, payload: [payload]):
        self.change = change
        self.peers = []
        self.lock = threading.Lock()
        self.n = 0

    def __call__(self, peer):
        with self.lock:
            peer.welcome()
            self.peers.append(peer)
            for other in self.peers:
                other.write(frame(TEXT, b"somebody has joined"))
        while got := peer.read():
            with self.lock:
                for to, other in enumerate(self.peers):
                    for payload in self.change(self.n, to, got[1]):
                        other.write(frame(TEXT, payload))
                self.n += 1


def test_every_listener_gets_every_message(serve):
    report, _ = load("broadcast", "-p", serve(Room()), "-c", "5", "-n", "40", "-w", "4")
    assert (report["done"], report["other"]) == (200, 21)


@pytest.mark.parametrize("change, words", [
    (lambda n, to, p: [] if (n, to) == (5, 2) else [p], "00000006"),
    (lambda n, to, p: [p, p] if (n, to) == (5, 2) else [p], "00000005"),
    (lambda n, to, p: [p, p] if (n, to) == (7, 0) else [p], "more than was sent"),
    (lambda n, to, p: [p[:-1] + b"!"] if (n, to) == (5, 2) else [p], "instead of"),
])
def test_a_listener_who_got_something_else_ends_the_run(serve, change, words):
    port = serve(Room(change))
    assert words in complaint("broadcast", "-p", port, "-c", "3", "-n", "16", "-w", "4")


def test_a_listener_who_got_nothing_ends_the_run(serve):
    port = serve(Room(lambda n, to, p: [] if (n, to) == (7, 2) else [p]))
    said = complaint("broadcast", "-p", port, "-c", "3", "-n", "8", "-w", "4", "-t", "1")
    assert "1 of 3 sessions did not get all of 8 messages" in said


def test_an_echo_that_never_comes_ends_the_run(serve):
    port = serve(echoing(lambda n, p: b""))
    assert "0 of 2 messages came back" in complaint("echo", "-p", port, "-c", "2", "-n", "2",
                                                    "-d", "1", "-t", "1")


def test_holds_sessions_and_echoes_when_told(serve):
    paths = []

    def handler(peer):
        paths.append(peer.head.split()[1])
        echoing()(peer)
    report, said = load("idle", "-p", serve(handler), "-c", "3", "-u", "/room-#/x", orders=b"echo\n")
    assert (report["done"], said) == (3, ["open", "echoed"])
    assert len(set(paths)) == 3
    assert all(re.fullmatch(rb"/room-\d+-\d/x", path) for path in paths)


def test_an_idle_session_that_ends_is_noticed(serve):
    def handler(peer):
        peer.welcome()
        peer.read()
    assert "lost: the end" in complaint("idle", "-p", serve(handler), "-c", "2", orders=b"echo\n")


def test_idle_sessions_are_not_held_for_ever(serve):
    with subprocess.Popen([CLIENT, "idle", "-p", serve(echoing()), "-c", "1", "-d", "1"],
                          stdin=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.wait(60) == 1
        assert b"nobody said" in child.stderr.read()
