"""Frames and messages (RFC 6455, sections 5 to 8): what the sections 1 to 7, 9 and 10 of the Autobahn
test suite look at, where doing right too late, or in another order, counts as wrong."""
import random
import select
import struct

import pytest

import awake
import ws_routes
from websocket import (BINARY, CONTINUATION, PING, PONG, RSV1, RSV2, RSV3, TEXT, Session, close_frame, frame,
                       message_frames)

MIB = 1024 * 1024
WHOLE = ["/ws/echo", "/ws/message-echo"]
ALL = WHOLE + ["/ws/echo-pieces"]


@pytest.fixture(scope="module")
def d(shared_daemon):
    return shared_daemon(ws_routes.config())


@pytest.fixture(params=WHOLE)
def ws(d, request):
    with Session(d.address, request.param) as session:
        yield session


@pytest.fixture(params=ALL)
def any_ws(d, request):
    with Session(d.address, request.param) as session:
        yield session


def text_of(n):
    return bytes(32 + i % 95 for i in range(n))


def is_quiet(ws, seconds=0.05):
    return not ws.buffer and not select.select([ws.sock], [], [], seconds)[0]


# 1: framing.

SIZES = [0, 1, 125, 126, 127, 128, 4095, 4096, 4097, 8192, 16384, 65535, 65536, 65537, 300000]


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_messages_of_all_sizes_come_back(any_ws, n, opcode):
    data = text_of(n) if opcode == TEXT else b"\xfe" * n
    any_ws.exchange(data, opcode)
    any_ws.exchange(data[::-1], opcode)
    any_ws.close_and_wait()


@pytest.mark.parametrize("n, size", [(0, 1), (125, 1), (126, 1), (300, 1), (65536, 997), (65536, 64), (20000, 4096)])
def test_messages_may_come_in_chops(any_ws, n, size):
    any_ws.send_in_chops(frame(text_of(n)), size)
    assert any_ws.message() == (TEXT, text_of(n))
    any_ws.close_and_wait()


@pytest.mark.parametrize("mask", [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\1\2\3\4", b"\x80\0\0\0"])
@pytest.mark.parametrize("n", [1, 2, 3, 5, 31, 130, 5001])
def test_masks_of_all_kinds_are_undone(ws, mask, n):
    ws.text(text_of(n), mask=mask)
    assert ws.message() == (TEXT, text_of(n))


@pytest.mark.parametrize("mask", [None])
@pytest.mark.parametrize("opcode", [TEXT, BINARY, PING, PONG])
def test_frames_without_a_mask_are_refused(ws, mask, opcode):
    ws.send(frame(b"hello", opcode, mask=mask))
    ws.assert_failed(1002)


def test_a_close_frame_without_a_mask_is_refused(ws):
    ws.send(close_frame(1000, mask=None))
    ws.assert_failed(1002)


@pytest.mark.parametrize("n, width", [(0, 2), (125, 2), (0, 8), (125, 8), (126, 8), (65535, 8)])
def test_lengths_that_are_not_the_shortest_are_refused(ws, n, width):
    ws.text(text_of(n), width=width)
    ws.assert_failed(1002)


@pytest.mark.parametrize("length", [1 << 63, (1 << 64) - 1])
def test_lengths_of_more_than_63_bits_are_refused(ws, length):
    ws.send(frame(b"", BINARY, length=length, width=8))
    ws.assert_failed(1002)


# 2: pings and pongs.

@pytest.mark.parametrize("payload", [b"", b"Hello, world!", b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff", b"\xfe" * 125])
@pytest.mark.parametrize("chop", [None, 1])
def test_a_ping_is_answered_with_its_payload(any_ws, payload, chop):
    data = frame(payload, PING)
    any_ws.send_in_chops(data, chop or len(data))
    assert any_ws.frame()[1:] == (0, PONG, payload)
    any_ws.close_and_wait()


@pytest.mark.parametrize("opcode", [PING, PONG])
@pytest.mark.parametrize("n", [126, 127, 65536])
def test_a_control_frame_of_more_than_125_bytes_is_refused(ws, opcode, n):
    ws.send(frame(b"\xfe" * n, opcode))
    ws.assert_failed(1002)


def test_such_a_length_is_refused_before_its_payload_has_come(ws):
    ws.send(frame(b"\xfe" * 126, PING)[:2])
    ws.assert_failed(1002)


@pytest.mark.parametrize("payload", [b"", b"unsolicited pong payload"])
def test_unsolicited_pongs_mean_nothing(any_ws, payload):
    any_ws.send(frame(payload, PONG), frame(b"ping payload", PING))
    assert any_ws.frame().payload == b"ping payload"
    assert is_quiet(any_ws)
    any_ws.close_and_wait()


@pytest.mark.parametrize("chop", [None, 1])
def test_ten_pings_are_ten_pongs_in_order(any_ws, chop):
    data = b"".join(frame(b"payload-%d" % i, PING) for i in range(10))
    any_ws.send_in_chops(data, chop or len(data))
    assert [any_ws.frame().payload for _ in range(10)] == [b"payload-%d" % i for i in range(10)]
    any_ws.close_and_wait()


def test_pongs_and_messages_keep_their_order(any_ws):
    any_ws.send(*[frame(b"%d" % i, PING if i % 3 else TEXT) for i in range(300)])
    assert [any_ws.frame().payload for _ in range(300)] == [b"%d" % i for i in range(300)]


# 3, 4: reserved bits and opcodes.

@pytest.mark.parametrize("rsv", range(1, 8))
@pytest.mark.parametrize("opcode", [TEXT, BINARY, PING, PONG, CONTINUATION, 8])
def test_reserved_bits_are_refused(ws, rsv, opcode):
    ws.send(frame(b"Hello, world!"), frame(b"", opcode, rsv=rsv), frame(b"", PING))
    assert ws.message() == (TEXT, b"Hello, world!")
    ws.assert_failed(1002)


@pytest.mark.parametrize("rsv", [RSV1, RSV2, RSV3])
def test_reserved_bits_are_refused_octet_by_octet(ws, rsv):
    ws.send_in_chops(frame(b"Hello, world!") + frame(b"", rsv=rsv), 1)
    assert ws.message() == (TEXT, b"Hello, world!")
    ws.assert_failed(1002)


@pytest.mark.parametrize("opcode", [3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
@pytest.mark.parametrize("payload", [b"", b"reserved opcode payload"])
@pytest.mark.parametrize("before", [b"", b"Hello, world!"])
def test_reserved_opcodes_are_refused(ws, opcode, payload, before):
    ws.send(frame(before) if before else b"", frame(payload, opcode), frame(b"", PING))
    if before:
        assert ws.message() == (TEXT, before)
    ws.assert_failed(1002)


# 5: fragments.

@pytest.mark.parametrize("opcode", [PING, PONG, 8])
def test_control_frames_have_no_fragments(ws, opcode):
    ws.send(frame(b"frag", opcode, fin=False), frame(b"ment", CONTINUATION))
    ws.assert_failed(1002)


@pytest.mark.parametrize("chop", [None, 1])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_fragments_are_one_message(any_ws, chop, opcode):
    data = frame(b"fragment1", opcode, fin=False) + frame(b"fragment2", CONTINUATION)
    any_ws.send_in_chops(data, chop or len(data))
    assert any_ws.message() == (opcode, b"fragment1fragment2")
    any_ws.close_and_wait()


@pytest.mark.parametrize("chop", [None, 1])
def test_a_ping_between_fragments_is_answered_at_once(any_ws, chop):
    first = frame(b"fragment1", fin=False) + frame(b"between", PING)
    any_ws.send_in_chops(first, chop or len(first))
    came = b""
    while (f := any_ws.frame()).opcode != PONG:
        came += f.payload      # by pieces: they are on their way back
    assert f.payload == b"between" and b"fragment1".startswith(came)
    any_ws.send(frame(b"fragment2", CONTINUATION))
    while not (f := any_ws.frame()).fin:
        came += f.payload
    assert came + f.payload == b"fragment1fragment2"
    any_ws.close_and_wait()


def test_the_pong_comes_before_the_message_it_was_asked_in(ws):
    ws.send(frame(b"1", fin=False), frame(b"a", PING), frame(b"2", CONTINUATION, fin=False), frame(b"b", PING),
            frame(b"3", CONTINUATION, fin=False), frame(b"c", PONG), frame(b"4", CONTINUATION))
    assert [ws.frame()[2:] for _ in range(3)] == [(PONG, b"a"), (PONG, b"b"), (TEXT, b"1234")]
    ws.close_and_wait()


@pytest.mark.parametrize("fin", [True, False])
@pytest.mark.parametrize("chop", [None, 1])
def test_a_continuation_of_nothing_is_refused(ws, fin, chop):
    data = frame(b"non-continuation payload", CONTINUATION, fin=fin)
    ws.send_in_chops(data + frame(b"Hello, world!"), chop or 1000)
    ws.assert_failed(1002)


def test_a_continuation_behind_a_whole_message_is_refused(ws):
    ws.send(frame(b"1", fin=False), frame(b"2", CONTINUATION), frame(b"3", CONTINUATION, fin=False), frame(b"4"))
    assert ws.message() == (TEXT, b"12")
    ws.assert_failed(1002)


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.parametrize("fin", [True, False])
def test_a_message_inside_another_is_refused(ws, opcode, fin):
    ws.send(frame(b"fragment1", fin=False), frame(b"fragment2", opcode, fin=fin))
    ws.assert_failed(1002)


@pytest.mark.parametrize("middle", [b"", b"middle frame payload"])
def test_empty_fragments_count(any_ws, middle):
    any_ws.send(frame(b"", fin=False), frame(middle, CONTINUATION, fin=False), frame(b"", CONTINUATION))
    assert any_ws.message() == (TEXT, middle)
    any_ws.exchange(b"next")
    any_ws.close_and_wait()


def test_a_thousand_empty_fragments_are_an_empty_message(any_ws):
    any_ws.send(frame(b"", fin=False), *[frame(b"", CONTINUATION, fin=False)] * 1000, frame(b"", CONTINUATION))
    assert any_ws.message() == (TEXT, b"")


# 6: UTF-8.

VALID = [
    "Hello-µ@ßöäüàá-UTF-8!!", "κόσμε", "\x00", "\x80", "ࠀ", "\U00010000", "\x7f", "\u07ff", "\uffff",
    "\ud7ff", "\ue000", "\ufffd", "\U0010ffff", "\ufdd0", "\ufeff", "\U0001f600" * 50, "é" * 3000,
]
INVALID = [
    b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80\x65\x64\x69\x74\x65\x64",
    b"\x80", b"\xbf", b"\x80\xbf\x80", b"\xc0\x20", b"\xe0\x20", b"\xf0\x20", b"\xf8\x20", b"\xfc\x20",
    b"\xc0", b"\xe0\x80", b"\xf0\x80\x80", b"\xdf", b"\xef\xbf", b"\xf7\xbf\xbf", b"\xfe", b"\xff", b"\xfe\xfe\xff\xff",
    b"\xc0\xaf", b"\xe0\x80\xaf", b"\xf0\x80\x80\xaf", b"\xf8\x80\x80\x80\xaf", b"\xc1\xbf", b"\xe0\x9f\xbf",
    b"\xf0\x8f\xbf\xbf", b"\xc0\x80", b"\xed\xa0\x80", b"\xed\xad\xbf", b"\xed\xae\x80", b"\xed\xbf\xbf",
    b"\xed\xa0\x80\xed\xb0\x80", b"\xf4\x90\x80\x80", b"\xf7\xbf\xbf\xbf", b"\xf8\x88\x80\x80\x80",
    b"\xce\xba\xe1", b"\xce\xba\xe1\xbd", b"\xce",
]


@pytest.mark.parametrize("text", VALID)
@pytest.mark.parametrize("size", [None, 1, 5])
def test_all_of_unicode_is_text(any_ws, text, size):
    any_ws.send(*message_frames(text.encode("utf-8", "surrogatepass"), size=size))
    assert any_ws.message() == (TEXT, text.encode())


@pytest.mark.parametrize("data", INVALID)
@pytest.mark.parametrize("size", [None, 1])
def test_text_that_is_not_utf8_is_refused(ws, data, size):
    ws.send(*message_frames(data, size=size))
    ws.assert_failed(1007)


@pytest.mark.parametrize("data", [b"\xce\xba\xf5", b"\xc0\xaf"])
def test_such_text_is_refused_by_pieces_too(d, data):
    with Session(d.address, "/ws/echo-pieces") as ws:
        ws.send(frame(data))
        ws.assert_failed(1007)


def test_what_is_not_utf8_may_be_binary(any_ws):
    any_ws.exchange(b"".join(INVALID), BINARY)


GOOD, BAD = b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5", b"\xf4\x90\x80\x80"


@pytest.mark.parametrize("first, second", [(GOOD, BAD), (GOOD + b"\xf4", b"\x90"), (GOOD, b"\xed\xa0")])
def test_bad_text_is_refused_with_its_fragment_not_with_its_message(ws, first, second):
    ws.send(frame(first, fin=False))
    assert is_quiet(ws)
    ws.send(frame(second, CONTINUATION, fin=False))
    ws.assert_failed(1007)


@pytest.mark.parametrize("first, second", [(GOOD, BAD), (GOOD + b"\xf4", b"\x90"), (GOOD * 400, b"\xc0")])
def test_bad_text_is_refused_before_its_frame_is_over(ws, first, second):
    data = frame(first + second + b"edited" * 10)
    at = len(data) - 60
    ws.send(data[:at - len(second)])
    assert is_quiet(ws)
    ws.send(data[at - len(second):at])
    ws.assert_failed(1007)


# 7: closing.

def test_a_message_before_the_close_frame_is_answered(any_ws):
    any_ws.send(frame(b"Hello World!"), close_frame(1000))
    assert any_ws.message() == (TEXT, b"Hello World!")
    assert any_ws.closing() == (1000, "")
    any_ws.assert_ends()


@pytest.mark.parametrize("behind", [
    close_frame(1000), close_frame(1001, b"again"), frame(b"", PING), frame(b"text"), frame(b"x", 3), b"garbage" * 1000,
    frame(b"\xff"), frame(b"x" * 100000),
])
def test_what_is_behind_the_close_frame_means_nothing(any_ws, behind):
    any_ws.send(close_frame(1000), behind)
    assert any_ws.closing() == (1000, "")
    any_ws.assert_ends()


def test_a_close_frame_may_stand_inside_a_message(ws):
    ws.send(frame(b"fragment1", fin=False), close_frame(1000), frame(b"fragment2", CONTINUATION))
    assert ws.closing() == (1000, "")
    ws.assert_ends()


def test_a_large_message_is_not_cut_by_the_close_frame_behind_it(any_ws):
    data = text_of(256 * 1024)
    any_ws.send(frame(data), close_frame(1000), frame(b"", PING))
    assert any_ws.message() == (TEXT, data)
    assert any_ws.closing() == (1000, "")
    any_ws.assert_ends()


def test_no_code_is_answered_with_none(any_ws):
    any_ws.send(close_frame())
    assert any_ws.closing() == (None, "")
    any_ws.assert_ends()


@pytest.mark.parametrize("chop", [None, 1])
@pytest.mark.parametrize("reason", [b"", b"Hello World!", b"x" * 123, "µ€".encode()])
def test_a_reason_is_taken(any_ws, reason, chop):
    data = close_frame(1000, reason)
    any_ws.send_in_chops(data, chop or len(data))
    assert any_ws.closing() == (1000, "")
    any_ws.assert_ends()


@pytest.mark.parametrize("payload, code", [
    (b"a", 1002), (b"\x03\xe8" + b"*" * 124, 1002), (b"\x03\xe8" + INVALID[0], 1007), (b"\x03\xe8\xce", 1007),
])
def test_malformed_close_frames_are_refused(ws, payload, code):
    ws.send(frame(payload, 8))
    ws.assert_failed(code)


@pytest.mark.parametrize("code", [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014,
                                  3000, 3999, 4000, 4999])
def test_codes_that_exist_come_back(any_ws, code):
    any_ws.close_and_wait(code, b"because")


@pytest.mark.parametrize("code", [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535])
def test_codes_that_do_not_are_refused(ws, code):
    ws.send(close_frame(code))
    ws.assert_failed(1002)


def test_the_connection_is_closed_by_the_server_first(any_ws):
    any_ws.send(close_frame(1000))
    start = awake.now()
    any_ws.closing()
    any_ws.assert_ends()
    assert awake.now() - start < 1


# 9, 10: limits.

@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.parametrize("n", [64 * 1024, 256 * 1024, MIB, 4 * MIB, 8 * MIB, 16 * MIB])
@pytest.mark.parametrize("target", WHOLE)
def test_large_messages(d, target, opcode, n):
    data = (text_of(9973) * (n // 9973 + 1))[:n]
    with Session(d.address, target) as ws:
        ws.exchange(data, opcode)
        ws.close_and_wait()


@pytest.mark.parametrize("size", [64, 256, 1024, 4096, 65536, MIB, 4 * MIB])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_a_large_message_in_fragments(d, size, opcode):
    with Session(d.address) as ws:
        ws.exchange((text_of(9973) * 421)[:4 * MIB if size > 64 else MIB], opcode, size)


@pytest.mark.parametrize("size", [64, 997, 2048])
def test_a_large_message_in_chops(any_ws, size):
    data = (text_of(9973) * 106)[:MIB // 4]
    any_ws.send_in_chops(frame(data), size)
    assert any_ws.message() == (TEXT, data)


@pytest.mark.parametrize("n", [0, 16, 64, 1024, 16384])
def test_a_thousand_round_trips(ws, n):
    data = text_of(n)
    for _ in range(300):
        ws.exchange(data)
    for _ in range(7):
        ws.send(frame(data) * 100)
        for _ in range(100):
            assert ws.message()[1] == data


def test_a_message_in_fragments_of_1300_bytes(ws):
    ws.exchange(b"*" * 65536, TEXT, 1300)


@pytest.mark.parametrize("size", [None, 1000, 65536])
@pytest.mark.parametrize("more", [0, 1])
def test_a_message_beyond_the_limit_is_a_1009(d, size, more):
    data = b"x" * (MIB + more)
    with Session(d.address, "/ws/echo-small") as ws:
        ws.send(*message_frames(data, size=size))
        if more:
            ws.assert_failed(1009)
        else:
            assert ws.message() == (TEXT, data)


def test_who_goes_on_sending_hears_of_it_all_the_same(d):
    with Session(d.address, "/ws/echo-small") as ws:
        ws.send(frame(b"x" * (8 * MIB), BINARY))
        ws.assert_failed(1009)


@pytest.mark.parametrize("length", [MIB + 1, 1 << 32, (1 << 63) - 1])
def test_the_limit_is_seen_in_the_header(d, length):
    with Session(d.address, "/ws/echo-small") as ws:
        ws.send(frame(b"x", BINARY, length=length, width=8))
        ws.assert_failed(1009)


def test_pieces_of_what_fits_do_not_add_up_beyond_it(d):
    with Session(d.address, "/ws/echo-small") as ws:
        ws.send(frame(b"x" * MIB, fin=False))
        assert is_quiet(ws)
        ws.send(frame(b"", CONTINUATION, fin=False), frame(b"y", CONTINUATION, fin=False))
        ws.assert_failed(1009)


def test_by_pieces_there_is_no_limit(d):
    data = text_of(8192) * 512
    with Session(d.address, "/ws/echo-pieces") as ws:
        ws.exchange(data, BINARY)


# Everything at once.

def test_cut_at_random_the_same_comes_out(any_ws):
    order = random.Random(6455)
    pieces, expected = [], []
    for i in range(200):
        data = text_of(order.choice([0, 1, 7, 125, 126, 1000, 5000]))
        frames = message_frames(data, order.choice([TEXT, BINARY]), order.choice([None, 1 + len(data) // 3]))
        for one in frames:
            pieces += [one] + order.choice([[], [frame(struct.pack(">I", i), PING)], [frame(b"", PONG)]])
        expected.append(data)
    data = b"".join(pieces)
    while data:
        n = order.choice([1, 2, 3, 10, 100, 1000, 5000])
        any_ws.send(data[:n])
        data = data[n:]
    assert [any_ws.message()[1] for _ in expected] == expected
    any_ws.close_and_wait()


def test_only_the_session_that_errs_ends(d):
    with Session(d.address) as good, Session(d.address, "/ws/message-echo") as other:
        for wrong in (frame(b"", rsv=1), frame(b"", 3), frame(b"\xff"), close_frame(5)):
            with Session(d.address) as bad:
                bad.send(wrong)
                bad.closing()
            good.exchange(b"still here")
            other.exchange(b"here too")
