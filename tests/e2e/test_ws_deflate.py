"""Compressed messages (RFC 7692): what the sections 12 and 13 of the Autobahn test suite look at, and
what a compressor of somebody else's may do."""
import random
import select
import zlib

import pytest

import daemon as daemon_module
import ws_routes
from websocket import (BINARY, CONTINUATION, PING, PONG, RSV1, RSV2, TEXT, Session, close_frame, frame,
                       message_frames, split)

MIB = 1024 * 1024
TARGETS = ["/ws/echo-deflate", "/ws/message-echo-deflate", "/ws/echo-contexts"]


@pytest.fixture(scope="module")
def d(shared_daemon):
    return shared_daemon(ws_routes.config())


@pytest.fixture(params=TARGETS)
def ws(d, request):
    with Session(d.address, request.param, deflate=True) as session:
        yield session


def json_like(n):
    order = random.Random(n)
    text = b"".join(b'{"id": %d, "name": "user%d", "on": %s},' % (i, order.randrange(10 ** 6), b"true")
                    for i in range(n // 30 + 1))
    return text[:n]


KINDS = {
    "json": json_like,
    "noise": lambda n: random.Random(n).randbytes(n),
    "zeros": bytes,
    "same": lambda n: b"x" * n,
}
SIZES = [0, 1, 2, 16, 64, 256, 1024, 4096, 8192, 16384, 32768, 65536, 131072, 300000]


def opcode_of(kind):
    return BINARY if kind == "noise" else TEXT


def round_trip(ws, data, opcode=TEXT, size=None, **how):
    ws.send_compressed(data, opcode, size, **how)
    assert ws.message() == (opcode, data)


# 12: messages of all sizes and kinds.

@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", SIZES)
def test_messages_come_back(ws, kind, n):
    for _ in range(10 if n < 65536 else 3):
        round_trip(ws, KINDS[kind](n), opcode_of(kind))
    ws.close_and_wait()


@pytest.mark.parametrize("size", [1, 256, 1024, 4096, 32768])
@pytest.mark.parametrize("kind", KINDS)
def test_compressed_messages_may_be_fragmented(ws, size, kind):
    data = KINDS[kind](131072 if size > 1 else 3000)
    for _ in range(3):
        round_trip(ws, data, opcode_of(kind), size)
    ws.close_and_wait()


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_they_may_come_in_chops(ws, size):
    data = KINDS["json"](5000)
    for _ in range(3):
        ws.send_in_chops(frame(ws.deflate.compress(data), rsv=RSV1), size)
        assert ws.message() == (TEXT, data)


def test_a_thousand_messages(ws):
    for i in range(1000):
        round_trip(ws, KINDS["json"](i % 700))


def test_many_at_once(ws):
    texts = [KINDS["json"](i * 13 % 900) for i in range(300)]
    ws.send(b"".join(frame(ws.deflate.compress(text), rsv=RSV1) for text in texts))
    assert [ws.message()[1] for _ in texts] == texts


def test_sixteen_mebibytes(ws):
    data = (KINDS["noise"](500000) + KINDS["json"](500000)) * 17
    data = data[:16 * MIB]
    round_trip(ws, data, BINARY)
    round_trip(ws, bytes(16 * MIB), BINARY)


@pytest.mark.parametrize("level", [0, 1, 9])
@pytest.mark.parametrize("strategy", [zlib.Z_DEFAULT_STRATEGY, zlib.Z_HUFFMAN_ONLY, zlib.Z_FIXED, zlib.Z_RLE])
def test_however_they_were_compressed(ws, level, strategy):
    ws.deflate.compressor = None
    for kind in KINDS:
        round_trip(ws, KINDS[kind](40000), opcode_of(kind), level=level, strategy=strategy)


def test_messages_may_be_uncompressed_all_the_same(ws):
    for i in range(20):
        if i % 3:
            round_trip(ws, b"compressed " * i)
        else:
            ws.send(*message_frames(b"plain " * i, size=i or None))
            assert ws.message() == (TEXT, b"plain " * i)


def test_control_frames_between_fragments(ws):
    data = KINDS["json"](20000)
    frames = message_frames(ws.deflate.compress(data), TEXT, 500, RSV1)
    ws.send(*[one + frame(b"%d" % i, PING) for i, one in enumerate(frames)])
    assert ws.message()[1] == data
    for i in range(len(frames)):
        if i >= len(ws.controls):
            f = ws.frame()
            ws.controls.append((f.opcode, f.payload))
    assert ws.controls == [(PONG, b"%d" % i) for i in range(len(frames))]
    ws.close_and_wait()


# 13: windows and contexts.

OFFERS = [
    "permessage-deflate; client_no_context_takeover", "permessage-deflate; server_no_context_takeover",
    "permessage-deflate; client_no_context_takeover; server_no_context_takeover",
    "permessage-deflate; client_max_window_bits",
] + [f"permessage-deflate; {side}_max_window_bits={bits}" for side in ("client", "server") for bits in range(8, 16)] + [
    f"permessage-deflate; client_max_window_bits={bits}; server_max_window_bits={bits}; server_no_context_takeover"
    for bits in range(9, 16)
]


@pytest.mark.parametrize("offer", OFFERS)
@pytest.mark.parametrize("target", ["/ws/echo-deflate", "/ws/echo-contexts", "/ws/echo-windows"])
def test_all_parameters_are_kept_to(d, target, offer):
    with Session(d.address, target, deflate=offer) as ws:
        if not ws.deflate:
            # What zlib cannot do, and what the route does not allow.
            assert "server_max_window_bits=8" in offer or target == "/ws/echo-windows"
            ws.exchange(b"uncompressed")
            return
        for n in (100, 4096, 40000, 131072):
            for size in (None, 777):
                round_trip(ws, KINDS["json"](n), TEXT, size)
            # Far matches: a window that is too large would find them.
            far = KINDS["noise"](n)
            round_trip(ws, far + far, BINARY)
        ws.close_and_wait()


def test_contexts_are_kept_where_it_was_agreed(d):
    data = KINDS["noise"](3000)
    with Session(d.address, "/ws/echo-contexts", deflate=True) as ws:
        lengths = []
        for _ in range(3):
            sent = ws.deflate.compress(data)
            ws.send(frame(sent, BINARY, rsv=RSV1))
            f = ws.frame()
            assert f.fin and f.rsv == RSV1 and ws.deflate.decompress(f.payload) == data
            lengths.append((len(sent), len(f.payload)))
        assert min(lengths[0]) >= 3000 and max(lengths[1] + lengths[2]) < 100


def test_each_message_begins_anew_where_it_was_not(d):
    data = KINDS["noise"](3000)
    with Session(d.address, "/ws/echo-deflate", deflate=True) as ws:
        for _ in range(3):
            ws.send_compressed(data, BINARY)
            assert ws.message()[1] == data


def test_a_context_that_was_given_up_is_not_there(d):
    data = KINDS["noise"](3000)
    with Session(d.address, "/ws/echo-deflate", deflate=True) as ws:
        del ws.deflate.params["client_no_context_takeover"]
        ws.send_compressed(data, BINARY)
        assert ws.message()[1] == data
        ws.send_compressed(data, BINARY)      # refers to the first one
        ws.assert_failed(1007)


def test_what_is_short_goes_uncompressed(d):
    with Session(d.address, "/ws/echo-min", deflate=True) as ws:
        for n, rsv in ((0, 0), (127, 0), (128, RSV1), (5000, RSV1), (10, 0)):
            ws.send_compressed(b"x" * n)
            f = ws.frame()
            assert (f.fin, f.rsv) == (True, rsv)
            if not rsv:
                assert f.payload == b"x" * n
            else:
                assert ws.deflate.decompress(f.payload) == b"x" * n


def test_without_agreement_nothing_is_compressed(d):
    with Session(d.address, "/ws/echo-deflate") as ws:
        ws.exchange(b"x" * 10000)
        ws.send(frame(b"", rsv=RSV1))
        ws.assert_failed(1002)


def test_where_the_route_does_not_want_it_nothing_is_compressed(d):
    with Session(d.address, "/ws/echo", deflate=True) as ws:
        assert ws.deflate is None
        ws.exchange(b"x" * 10000)


# Messages that are odd, but right.

def test_empty_messages_of_all_kinds(ws):
    for payload in (b"\x00", b"", b"\x02\x00", zlib.compressobj(wbits=-15).flush(zlib.Z_SYNC_FLUSH)[:-4], b"\x03\x00"):
        ws.send(frame(payload, rsv=RSV1))
        assert ws.message() == (TEXT, b""), payload
        ws.send(frame(payload, rsv=RSV1, fin=False), frame(b"", CONTINUATION))
        assert ws.message() == (TEXT, b""), payload
    ws.deflate.compressor = None
    round_trip(ws, b"and one that is not")


def test_the_examples_of_the_rfc(d):
    with Session(d.address, "/ws/echo-contexts", deflate=True) as ws:
        for payload, parts in (
                ("f2 48 cd c9 c9 07 00", 1), ("f2 48 cd c9 c9 07 00", 2), ("f2 00 11 00 00", 1),
                ("00 05 00 fa ff 48 65 6c 6c 6f 00", 1), ("f3 48 cd c9 c9 07 00 00", 1),
                ("f2 48 05 00 00 00 ff ff ca c9 c9 07 00", 1)):
            data = bytes.fromhex(payload)
            ws.send(*message_frames(data, TEXT, -(-len(data) // parts), RSV1))
            assert ws.message() == (TEXT, b"Hello"), payload


def test_final_blocks_end_no_message_before_its_time(ws):
    first = zlib.compressobj(wbits=-15)
    data = first.compress(b"first half, ") + first.flush(zlib.Z_FINISH)
    second = zlib.compressobj(wbits=-15)
    data += second.compress(b"second half") + second.flush(zlib.Z_SYNC_FLUSH)[:-4]
    ws.send(frame(data, rsv=RSV1))
    assert ws.message() == (TEXT, b"first half, second half")


def test_a_message_of_many_flushes(ws):
    c = zlib.compressobj(wbits=-15)
    data = b"".join(c.compress(b"part %d " % i) + c.flush(zlib.Z_SYNC_FLUSH) for i in range(100))
    ws.send(frame(data[:-4], rsv=RSV1))
    assert ws.message()[1] == b"".join(b"part %d " % i for i in range(100))


# And those that are wrong.

def deflated(data):
    c = zlib.compressobj(wbits=-15)
    return (c.compress(data) + c.flush(zlib.Z_SYNC_FLUSH))[:-4]


@pytest.mark.parametrize("frames", [
    [frame(b"x", PING, rsv=RSV1)],
    [frame(b"x", PONG, rsv=RSV1)],
    [close_frame(1000, rsv=RSV1)],
    [frame(b"x", CONTINUATION, rsv=RSV1)],
    [frame(deflated(b"abc")[:3], fin=False, rsv=RSV1), frame(deflated(b"abc")[3:], CONTINUATION, rsv=RSV1)],
    [frame(b"abc", fin=False), frame(deflated(b"abc"), CONTINUATION, rsv=RSV1)],
    [frame(deflated(b"abc"), rsv=RSV1 | RSV2)],
    [frame(deflated(b"abc"), rsv=RSV2)],
    [frame(deflated(b"abc"), 3, rsv=RSV1)],
], ids=range(9))
def test_rsv1_stands_on_the_first_frame_of_a_message_only(ws, frames):
    ws.send(*frames)
    ws.assert_failed(1002)


@pytest.mark.parametrize("payload", [
    b"\xff\xff\xff\xff", b"\x07", b"\x06\x00\x00", deflated(b"hello" * 100)[:-3], b"\x00\x05\x00\x00\x00hello",
    b"hello, world",
])
def test_damaged_data_are_a_1007(ws, payload):
    ws.send(frame(payload, rsv=RSV1))
    ws.assert_failed(1007)


def test_damage_is_seen_before_the_message_is_over(ws):
    ws.send(frame(deflated(b"good")[:4], rsv=RSV1, fin=False))
    ws.send(frame(b"\xff" * 20, CONTINUATION, fin=False))
    ws.assert_failed(1007)


@pytest.mark.parametrize("data", [b"\xce\xba\xe1\xbd\xb9\xed\xa0\x80", b"\xff", b"ok" * 5000 + b"\xc0"])
@pytest.mark.parametrize("size", [None, 1])
def test_text_is_utf8_when_it_is_inflated(ws, data, size):
    ws.send_compressed(data, TEXT, size)
    ws.assert_failed(1007)


def test_such_text_is_refused_with_its_fragment(ws):
    c = zlib.compressobj(wbits=-15)
    first = c.compress("κόσμε".encode()) + c.flush(zlib.Z_SYNC_FLUSH)
    second = c.compress(b"\xf4\x90\x80\x80") + c.flush(zlib.Z_SYNC_FLUSH)
    ws.send(frame(first, rsv=RSV1, fin=False))
    assert not select.select([ws.sock], [], [], 0.05)[0]
    ws.send(frame(second, CONTINUATION, fin=False))
    ws.assert_failed(1007)


# Bombs.

def pss_kib(pid):
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def bomb(n):
    c = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = bytes(MIB)
    return (b"".join(c.compress(block) for _ in range(n // MIB)) + c.flush(zlib.Z_SYNC_FLUSH))[:-4]


@pytest.mark.parametrize("size", [None, 1000])
def test_a_bomb_is_a_1009_before_it_is_memory(d, size):
    data = bomb(1024 * MIB)
    pid, = d.workers()
    with Session(d.address, "/ws/echo-deflate", deflate=True) as ws:
        ws.exchange(b"x" * MIB)
    before = pss_kib(pid)
    sessions = [Session(d.address, "/ws/echo-min", deflate=True) for _ in range(10)]
    for ws in sessions:
        ws.send(*message_frames(data, BINARY, size, RSV1))
        ws.assert_failed(1009)
        ws.close()
    if not daemon_module.SANITIZED:
        assert pss_kib(pid) - before < 8 * 1024


def test_a_message_just_within_the_limit_passes_and_one_beyond_does_not(d):
    with Session(d.address, "/ws/echo-min", deflate=True) as ws:
        round_trip(ws, bytes(MIB), BINARY)
        ws.send_compressed(bytes(MIB + 1), BINARY)
        ws.assert_failed(1009)


def test_only_the_session_that_errs_ends(d):
    with Session(d.address, "/ws/echo-contexts", deflate=True) as good:
        for payload in (b"\xff" * 10, deflated(b"\xff")):
            round_trip(good, b"still here")
            with Session(d.address, "/ws/echo-contexts", deflate=True) as bad:
                for part in split(frame(payload, rsv=RSV1), 3):
                    bad.send(part)
                assert bad.closing()[0] == 1007
        round_trip(good, b"still here")
