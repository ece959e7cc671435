"""Large messages of WebSockets, and what they cost the worker meanwhile and afterwards."""
import contextlib
import functools
import threading
import zlib

import pytest

from daemon import SANITIZED, wait_until
from process import Peak, memory_of
from websocket import BINARY, CONTINUATION, MASK, RSV1, TAIL, TEXT, Session, close_frame, frame, masked

MIB = 1024 * 1024

CONFIG = """
log_level: info
access_log: off
workers: 1
listen: [{address: "{address}"}]
module_path: ["{build}/examples"]
modules: [{path: wsecho.so}, {path: chat.so}]
routes:
  - {path: "/chat/{room}", websocket: true, handler: chat.chat}
  - {path: /whole, websocket: true, handler: wsecho.echo, max_message: 16MiB}
  - {path: /whole/small, websocket: true, handler: wsecho.echo, max_message: 1MiB, deflate: true}
  - {path: /pieces, websocket: true, handler: wsecho.echo_pieces, deflate: true}
  - {path: /turns, websocket: true, handler: wsecho.message_echo, max_message: 16MiB}
  - {path: /turns/small, websocket: true, handler: wsecho.message_echo, max_message: 1MiB, deflate: true}
"""


def flat(growth, most):
    """Sanitizers keep what was freed for a while."""
    print(f"{growth / MIB:.2f} of {most / MIB:.0f} MiB")
    return SANITIZED or growth < most


def in_background(function, *arguments):
    thread = threading.Thread(target=function, args=arguments)
    thread.start()
    return thread


def read_payload(peer, n, expected):
    """n bytes of payload, in frames; expected(at, len) is what they must be."""
    at = 0
    while at < n:
        payload = peer.frame().payload
        assert payload == expected(at, len(payload)), f"something else at {at}"
        at += len(payload)
    assert at == n


def block():
    return bytes(range(256)) * 4096


@pytest.mark.parametrize("n_frames", [1, 256])
def test_a_message_of_256_mib_goes_through_by_pieces_in_flat_memory(daemon, n_frames):
    d = daemon(CONFIG)
    whole, part = 256 * MIB, block()
    assert len(part) == MIB
    hidden = masked(part, MASK)
    with Session(d.address, "/pieces") as peer:
        peak = Peak(d.workers()[0])

        def say():
            for i in range(256):
                if n_frames == 1:
                    head = frame(b"", BINARY, length=whole) if i == 0 else b""
                else:
                    head = frame(b"", BINARY if i == 0 else CONTINUATION, i == 255, length=MIB)
                peer.send(head + hidden)

        thread = in_background(say)
        doubled = part + part
        read_payload(peer, whole, lambda at, n: doubled[at % MIB:at % MIB + n] if n <= MIB else None)
        thread.join()
        assert flat(peak.growth(), 4 * MIB), peak.growth()
        peer.send(close_frame(1000))


@pytest.mark.parametrize("path", ["/whole", "/turns"])
def test_a_message_of_16_mib_comes_back_whole_and_leaves_nothing_behind(daemon, path):
    d = daemon(CONFIG)
    worker = d.workers()[0]
    part = block() * 16
    with Session(d.address, path) as peer:
        for i in range(3):
            thread = in_background(peer.binary, part)
            assert peer.message() == (BINARY, part)
            thread.join()
            assert peer.ask("small") == "small"
            if i == 0:
                before = memory_of(worker)
        grown = memory_of(worker) - before
        assert flat(grown, MIB), grown
        assert flat(before, 8 * MIB), before


def test_a_session_that_opens_touches_no_second_page_of_its_tasks_stack(daemon):
    d = daemon(CONFIG)
    worker, n = d.workers()[0], 1000
    with contextlib.ExitStack() as stack:
        def join(room):
            stack.enter_context(Session(d.address, f"/chat/{room}"))

        join("first")
        before = memory_of(worker)
        for i in range(n):
            join(i)
        grown = memory_of(worker) - before
        assert flat(grown, n * 6656), grown


def test_a_compressed_message_touches_no_second_page_of_its_tasks_stack(daemon):
    d = daemon(CONFIG)
    worker, text = d.workers()[0], "weir " * 200
    empty = memory_of(worker)
    browser = [("User-Agent", "x" * 300)]  # which is kept on the stack, too
    with contextlib.ExitStack() as stack:
        peers = [stack.enter_context(Session(d.address, "/whole/small", browser, deflate=True))
                 for _ in range(400)]

        def echo(peer):
            peer.send_compressed(text.encode())
            assert peer.message() == (TEXT, text.encode())

        def is_trimmed():
            """The handshake took more of each stack; it is given back after a second."""
            echo(peers[0])
            return SANITIZED or memory_of(worker) - empty < len(peers) * 6 * 1024

        wait_until(is_trimmed, lambda: f"{memory_of(worker) - empty} bytes")
        before = memory_of(worker)
        for peer in peers:
            echo(peer)
        grown = memory_of(worker) - before
        assert flat(grown, len(peers) * 1024), grown


@functools.lru_cache
def bomb(n_mib):
    """A compressed message of that many MiB of zeros: a thousandth of that."""
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    zeros = bytes(MIB)
    data = b"".join(deflater.compress(zeros) for _ in range(n_mib)) + deflater.flush(zlib.Z_SYNC_FLUSH)
    return data[:-4]


@pytest.mark.parametrize("path", ["/whole/small", "/turns/small"])
def test_a_zip_bomb_is_a_1009_before_it_is_memory(daemon, path):
    d = daemon(CONFIG)
    data = bomb(64 if SANITIZED else 256)
    with Session(d.address, path, deflate=True) as peer:
        peak = Peak(d.workers()[0])
        try:
            peer.binary(data, rsv=RSV1)
        except OSError:
            pass  # it may be cut off in the middle of this
        _, code = peer.messages_to_the_close()
        assert code == 1009
        assert flat(peak.growth(), 5 * MIB), peak.growth()
    d.wait_log("1009")


def test_a_zip_bomb_by_pieces_is_just_long(daemon):
    d = daemon(CONFIG)
    n_mib = 16 if SANITIZED else 256
    data = bomb(n_mib)
    inflater = zlib.decompressobj(-15)
    with Session(d.address, "/pieces", deflate=True) as peer:
        peak = Peak(d.workers()[0])
        thread = in_background(peer.send, frame(data, BINARY, rsv=RSV1))
        n, is_last = 0, False
        while not is_last:
            f = peer.frame()
            is_last = f.fin
            n += len(inflater.decompress(f.payload + (TAIL if is_last else b"")))
        thread.join()
        assert n == n_mib * MIB
        assert flat(peak.growth(), 4 * MIB), peak.growth()


def test_two_sessions_with_large_messages_do_not_pay_for_each_other(daemon):
    d = daemon(CONFIG)
    part = block() * 4
    with Session(d.address, "/whole") as stuck, Session(d.address, "/whole") as peer:
        # Half a message that never ends, beside others that do.
        stuck.send(frame(b"", BINARY, length=16 * MIB) + part)
        thread = in_background(peer.binary, part)
        assert peer.message() == (BINARY, part)
        thread.join()
        stuck.reset()
        assert peer.ask("small") == "small"
