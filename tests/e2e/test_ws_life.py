"""The life of a WebSocket session: pings, time limits, closing from either side, clients that vanish,
a daemon that stops, and what is said of all this in the logs."""
import select
import signal
import threading
import time
from urllib.parse import quote, unquote

import pytest

import awake
import daemon as daemon_module
import ws_routes
from websocket import BINARY, PING, PONG, PROMPT_S, RSV1, TEXT, Session, close_frame, frame

SHORT = {
    "/ws/listen": "ping_interval: 200ms, ping_timeout: 300ms",
    "/ws/echo": "ping_interval: 0",
    "/ws/echo-small": "ping_interval: 200ms, ping_timeout: 0",
    "/ws/echo-pieces": "idle_timeout: 300ms, close_timeout: 300ms",
    "/ws/message-echo": "max_lifetime: 500ms",
    "/ws/close/{code}": "close_timeout: 300ms",
    "/ws/ignore": "ping_interval: 200ms, ping_timeout: 300ms",
}
VANISHED = r"ended with 1006 '', result -125"


@pytest.fixture(scope="module")
def d(shared_daemon):
    return shared_daemon(ws_routes.config(SHORT, send_timeout="1s"))


@pytest.fixture
def own(daemon):
    return daemon(ws_routes.config(close_timeout="20s"))


class Clock:
    """How long something took: at least so much, and at most what a busy machine adds."""

    def __init__(self, at_least):
        self.at_least = at_least

    def __enter__(self):
        self.start, self.awake = time.monotonic(), awake.now()

    def __exit__(self, *what):
        took = time.monotonic() - self.start
        if what[0] is None:
            assert self.at_least - 0.05 <= took, f"{took:.3f} s"
            assert awake.now() - self.awake <= self.at_least + PROMPT_S, f"{took:.3f} s"


# Pings.

@awake.mattering
def test_the_silent_are_asked_and_live_on_when_they_answer(d):
    with Session(d.address, "/ws/listen") as ws:
        for _ in range(4):
            with Clock(0.2):
                f = ws.frame()
            assert f.opcode == PING
            ws.send(frame(f.payload, PONG))
        ws.close_and_wait()


@awake.mattering
def test_who_does_not_answer_a_ping_is_gone(d):
    mark = d.mark()
    with Session(d.address, "/ws/listen") as ws:
        with Clock(0.5):
            assert ws.frame().opcode == PING
            with pytest.raises(ConnectionResetError):
                ws.rest()
    d.wait_log("listen.*cut off: no sign of life after a ping", after=mark)
    d.wait_log(VANISHED, after=mark)


@awake.mattering
def test_any_byte_is_a_sign_of_life(d):
    with Session(d.address, "/ws/listen") as ws:
        for byte in frame(b"0123456789"):
            ws.send(bytes([byte]))
            assert not select.select([ws.sock], [], [], 0.08)[0], ws.frame()
        assert ws.frame().opcode == PING
        ws.send(frame(b"no pong, but something"))
        assert ws.frame().opcode == PING
        ws.close_and_wait()


def test_without_ping_timeout_silence_is_borne(d):
    with Session(d.address, "/ws/echo-small") as ws:
        assert [ws.frame().opcode for _ in range(3)] == [PING] * 3
        ws.exchange(b"here I am")


def test_without_ping_interval_nobody_is_asked(d):
    with Session(d.address, "/ws/echo") as ws:
        assert not select.select([ws.sock], [], [], 0.8)[0]
        ws.exchange(b"here I am")


def test_pings_are_answered_while_the_handler_is_elsewhere(d):
    with Session(d.address, "/ws/ignore") as ws:
        ws.send(frame(b"who is there", PING))
        assert ws.frame() == (True, 0, PONG, b"who is there")
        ws.close_and_wait()


@awake.mattering
def test_who_dies_is_noticed_while_the_handler_is_elsewhere(d):
    mark = d.mark()
    with Session(d.address, "/ws/ignore") as ws:
        ws.send(frame(b"a message that nobody asks for"))
        with Clock(0.5), pytest.raises(ConnectionResetError):
            ws.rest()
    d.wait_log(VANISHED, after=mark)


# Closing.

@pytest.mark.parametrize("code, reason", [(1000, ""), (1001, "bye"), (3000, "x" * 123), (4999, "%C2%B5")])
def test_the_server_may_close(d, code, reason):
    mark = d.mark()
    with Session(d.address, f"/ws/close/{code}?reason={reason}") as ws:
        ws.text("close, please")
        assert ws.closing() == (code, unquote(reason))
        assert not select.select([ws.sock], [], [], 0.05)[0]     # it waits for ours
        ws.send(close_frame(code))
        ws.assert_ends()
    d.wait_log(f"ended with {code} '', result 0", after=mark)


@awake.mattering
def test_it_does_not_wait_for_ever(d):
    with Session(d.address, "/ws/close/1000") as ws:
        ws.text("close, please")
        assert ws.closing() == (1000, "")
        with Clock(0.3):
            ws.assert_ends()


def test_what_is_sent_before_the_answer_means_nothing(d):
    with Session(d.address, "/ws/close/1000") as ws:
        ws.text("close, please")
        assert ws.closing() == (1000, "")
        ws.send(frame(b"hello"), frame(b"x" * 100000), frame(b"", PING), frame(b"", fin=False))
        assert not select.select([ws.sock], [], [], 0.05)[0]
        ws.send(close_frame(1000))
        ws.assert_ends()


@pytest.mark.parametrize("wrong", [frame(b"", rsv=RSV1), frame(b"", mask=None), frame(b"\xff"), close_frame(5)], ids=range(4))
def test_who_errs_instead_of_answering_still_reads_why_it_was_closed(d, wrong):
    with Session(d.address, "/ws/close/4000?reason=because") as ws:
        ws.text("close, please")
        d.wait_log(r"ended with 4000 '', result 0")
        ws.send(wrong)
        assert ws.closing() == (4000, "because")
        ws.assert_ends()


def test_both_may_close_at_once(d):
    with Session(d.address, "/ws/close/1000") as ws:
        ws.send(frame(b"close, please"), close_frame(4000))
        code, _ = ws.closing()
        assert code in (1000, 4000)
        ws.assert_ends()


@pytest.mark.parametrize("code", [0, 999, 1005, 1006, 1015, 2000, 5000])
def test_a_code_that_may_not_be_sent_is_the_handlers_error(d, code):
    mark = d.mark()
    with Session(d.address, f"/ws/close/{code}") as ws:
        ws.text("close, please")
        assert ws.closing() == (1011, "")
        ws.send(close_frame(1011))
        ws.assert_ends()
    d.wait_log("ended with 0 '', result -22", after=mark)


def test_the_handler_learns_code_and_reason(d):
    mark = d.mark()
    with Session(d.address, "/ws/listen") as ws:
        ws.close_and_wait(4321, "see you, µ".encode())
    d.wait_log("ended with 4321 'see you, µ', result 0", after=mark)


def test_no_code_is_1005(d):
    mark = d.mark()
    with Session(d.address, "/ws/listen") as ws:
        ws.send(close_frame())
        assert ws.closing() == (None, "")
        ws.assert_ends()
    d.wait_log("ended with 1005 '', result 0", after=mark)


@pytest.mark.parametrize("errno, code", [(0, 1000), (5, 1011), (12, 1011)])
def test_the_handlers_return_closes(d, errno, code):
    mark = d.mark()
    with Session(d.address, f"/ws/leave/{errno}") as ws:
        ws.text("go")
        assert ws.closing() == (code, "")
        ws.send(close_frame(code))
        ws.assert_ends()
    if errno:
        d.wait_log("leave.*failed in its session", after=mark)


# Time.

@awake.mattering
def test_who_says_nothing_is_closed(d):
    with Session(d.address, "/ws/echo-pieces") as ws:
        for _ in range(3):
            time.sleep(0.2)
            ws.exchange(b"not yet")
        with Clock(0.3):
            assert ws.closing() == (1001, "idle")
        ws.send(close_frame(1001))
        ws.assert_ends()


@awake.mattering
def test_pings_of_the_client_are_no_messages(d):
    with Clock(0.3), Session(d.address, "/ws/echo-pieces") as ws:
        ws.send(frame(b"", PING))
        assert ws.frame().opcode == PONG
        time.sleep(0.15)
        ws.send(frame(b"", PING))
        assert ws.frame().opcode == PONG
        assert ws.closing() == (1001, "idle")


@awake.mattering
def test_nobody_lives_for_ever(d):
    with Clock(0.5), Session(d.address, "/ws/message-echo") as ws:
        while True:
            ws.text("tick")
            f = ws.frame()
            if f.opcode != TEXT:
                break
            time.sleep(0.02)
        assert f.opcode == 8 and f.payload == b"\x03\xe9its time is over"
        ws.send(close_frame(1001))
        ws.assert_ends()


def test_who_stops_reading_is_cut_off(d):
    mark = d.mark()
    with Session(d.address, "/ws/push?n=20000&size=1000"):
        d.wait_log("push.*cut off: it has stopped taking what is sent to it", after=mark)
        d.wait_log(VANISHED, after=mark)


@awake.mattering
def test_who_takes_by_drops_is_cut_off(daemon):
    d = daemon(ws_routes.config({"/ws/push": "min_rate: 1MiB/s"}, send_timeout="2s", min_rate_after="1s"))
    mark = d.mark()
    with Session(d.address, "/ws/push?n=20000&size=1000", read_bytes=65536) as ws:
        with pytest.raises(ConnectionResetError):
            while ws.sock.recv(4096):
                time.sleep(0.02)  # 200 KiB a second at most
        d.wait_log("push.*cut off: it takes what is sent to it too slowly", after=mark)
        d.wait_log(VANISHED, after=mark)


# Clients that vanish.

def vanish_reset(ws):
    ws.reset()


def vanish_fin(ws):
    ws.close()


def vanish_half(ws):
    ws.half_close()


@pytest.mark.parametrize("how", [vanish_reset, vanish_fin, vanish_half])
@pytest.mark.parametrize("last", [b"", frame(b"whole"), frame(b"x" * 1000)[:500], frame(b"part", fin=False), b"\x81",
                                  frame(b"ping", PING), frame(b"x" * 200000)[:100000]], ids=range(7))
@pytest.mark.parametrize("target", ["/ws/listen", "/ws/ignore"])
def test_who_vanishes_is_missed(d, how, last, target):
    mark = d.mark()
    ws = Session(d.address, target)
    ws.send(last)
    how(ws)
    d.wait_log(VANISHED, after=mark)
    ws.close()


@pytest.mark.parametrize("how", [vanish_fin, vanish_half])
def test_a_close_frame_is_enough_of_a_goodbye(d, how):
    mark = d.mark()
    ws = Session(d.address, "/ws/listen")
    ws.send(frame(b"last words"), close_frame(1001))
    how(ws)
    d.wait_log("ended with 1001 '', result 0", after=mark)
    if how is vanish_half:
        assert ws.closing() == (1001, "")
        ws.assert_ends()
    ws.close()


def test_a_message_before_the_end_is_delivered(d):
    mark = d.mark()
    with Session(d.address, "/ws/counter") as ws:
        ws.send(frame(b"1"), frame(b"2"), frame(b"3"))
        ws.half_close()
        d.wait_log("counted 3, closed with 1006", after=mark)


@pytest.mark.parametrize("n", [1, 200])
@pytest.mark.parametrize("target", ["/ws/echo", "/ws/message-echo", "/ws/echo-deflate"])
def test_who_has_ended_one_half_may_read_on(d, target, n):
    with Session(d.address, target) as ws:
        ws.send(*[frame(b"%d" % i) for i in range(n)])
        ws.half_close()
        assert [ws.message() for _ in range(n)] == [(TEXT, b"%d" % i) for i in range(n)]
        ws.assert_ends()


# The daemon stops.

def test_stopping_says_1012_to_all(own):
    targets = ["/ws/echo", "/ws/message-echo", "/ws/listen", "/ws/ignore", "/ws/clock", "/ws/chat/x?name=ann",
               "/ws/echo-deflate"]
    sessions = [Session(own.address, target, deflate=True) for target in targets for _ in range(3)]
    own.send_signal(signal.SIGTERM)
    for ws in sessions:
        while (f := ws.frame()).opcode != 8:
            assert f.opcode == TEXT, f
        assert f.payload == b"\x03\xf4"
        ws.send(close_frame(1012))
        ws.assert_ends()
        ws.close()
    assert own.wait() == 0


def test_stopping_waits_for_no_answer_beyond_its_time(daemon):
    own = daemon(ws_routes.config(close_timeout="300ms"))
    with Session(own.address) as ws, Clock(0.3):
        own.send_signal(signal.SIGTERM)
        assert ws.closing() == (1012, "")
        ws.assert_ends()
        assert own.wait() == 0


def test_stopping_in_the_middle_of_a_message(own):
    with Session(own.address) as ws, Session(own.address, "/ws/push?n=1&size=3000000") as other:
        ws.send(frame(b"x" * 1000)[:500])
        own.send_signal(signal.SIGTERM)
        assert ws.closing() == (1012, "")
        ws.send(frame(b"x" * 1000)[500:], close_frame(1012))
        ws.assert_ends()
        # A frame that was begun is brought to its end.
        assert other.message() == (TEXT, b"x" * 3000000)
        assert other.closing() == (1012, "")
        other.send(close_frame(1012))
        other.assert_ends()
    assert own.wait() == 0


# Handlers that are called for each message.

def test_messages_come_one_after_the_other(d):
    mark = d.mark()
    with Session(d.address, "/ws/counter") as ws:
        ws.send(*[frame(b"sleep" if i % 4 == 0 else b"now") for i in range(20)])
        assert [ws.message()[1] for _ in range(20)] == [b"%d" % (i + 1) for i in range(20)]
        ws.close_and_wait()
    d.wait_log("counted 20, closed with 1000", after=mark)


def test_each_session_has_a_state_of_its_own(d):
    with Session(d.address, "/ws/counter") as one, Session(d.address, "/ws/counter") as other:
        for i in range(5):
            one.text("x")
            assert one.message()[1] == b"%d" % (i + 1)
        other.text("x")
        assert other.message()[1] == b"1"


def test_an_error_is_a_1011(d):
    mark = d.mark()
    with Session(d.address, "/ws/counter") as ws:
        ws.send(frame(b"x"), frame(b"fail"), frame(b"never seen"))
        assert ws.message()[1] == b"1"
        assert ws.closing() == (1011, "")
        ws.send(close_frame(1011))
        ws.assert_ends()
    d.wait_log("counted 2, closed with 1011", after=mark)
    assert "failed" in d.wait_log("counter.*(Input/output error|EIO)", after=mark)


def test_they_may_close(d):
    mark = d.mark()
    with Session(d.address, "/ws/counter") as ws:
        ws.send(frame(b"close"), frame(b"never seen"))
        assert ws.closing() == (4001, "asked")
        ws.send(close_frame(4001))
        ws.assert_ends()
    d.wait_log("counted 1, closed with 4001", after=mark)


def test_close_is_called_once_for_each(d):
    mark = d.mark()
    for how in (vanish_reset, vanish_fin, Session.close_and_wait):
        ws = Session(d.address, "/ws/counter")
        ws.text("first")
        assert ws.message()[1] == b"1"
        how(ws)
        ws.close()
    d.wait_log("counted 1, closed with", count=3, after=mark)
    assert len([line for line in d.err.lines[mark:] if "counted" in line]) == 3


# The examples.

def test_the_clock_ticks_and_answers(d):
    with Session(d.address, "/ws/clock") as ws:
        first = int(ws.message()[1])
        ws.text("hello")
        assert ws.message()[1] == b"you said hello"
        assert 900 <= int(ws.message()[1]) - first <= 1000 + 1000 * PROMPT_S
        ws.close_and_wait()


def test_a_chat_knows_who_is_there(d):
    with Session(d.address, "/ws/chat/lobby?name=ann") as ann:
        assert ann.message() == (TEXT, b"* ann joined")
        with Session(d.address, "/ws/chat/lobby?name=bob") as bob, Session(d.address, "/ws/chat/other") as far:
            assert ann.message()[1] == bob.message()[1] == b"* bob joined"
            bob.text("bob: hi")
            assert ann.message()[1] == bob.message()[1] == b"bob: hi"
            bob.reset()
            assert ann.message()[1] == b"* bob left"
            assert not select.select([far.sock], [], [], 0.05)[0]
        with Session(d.address, "/ws/chat/lobby?name=cid") as cid:
            assert ann.message()[1] == b"* cid joined"
            cid.binary(b"not text")
            assert cid.message()[1] == b"* cid joined"
            assert cid.closing() == (1003, "text only")
        assert ann.message()[1] == b"* cid left"
        ann.close_and_wait()


@pytest.mark.parametrize("target, status", [
    (f"x?name={'n' * 97}", 400),
    ("x?name=%ff", 400),
    ("r" * 2000, 413),
])
def test_a_chat_says_what_is_wrong_with_a_room_or_a_name(d, target, status):
    with d.connect() as c:
        c.send(f"GET /ws/chat/{target} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
               "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
               "Sec-WebSocket-Version: 13\r\n\r\n")
        assert c.response().status == status


def test_a_chat_takes_every_name_that_its_page_does(d):
    name = "ж" * 16 + "語" * 16
    with Session(d.address, f"/ws/chat/names?name={quote(name)}") as ws:
        assert ws.message() == (TEXT, f"* {name} joined".encode())
        ws.close_and_wait()


# Logs.

def test_a_session_has_a_line_when_it_opens_and_one_when_it_ends(d):
    with Session(d.address, "/ws/echo?here") as ws:
        d.wait_access(r'"GET /ws/echo\?here HTTP/1\.1" 101 ')
        ws.exchange(b"x" * 1000)
        ws.close_and_wait()
    d.wait_access(r'"GET /ws/echo\?here HTTP/1\.1" 1000 1000 ')
    with Session(d.address, "/ws/echo?there") as ws:
        d.wait_access(r'"GET /ws/echo\?there HTTP/1\.1" 101 ')
        ws.send(frame(b"", 3))
        ws.assert_failed(1002)
    d.wait_access(r'"GET /ws/echo\?there HTTP/1\.1" 1002 ')
    assert len([line for line in d.out.lines if "?here" in line or "?there" in line]) == 4


@pytest.mark.parametrize("wrong, words", [
    (frame(b"", mask=None), "1002 ws-unmasked"), (frame(b"", rsv=2), "1002 ws-reserved-bits"),
    (frame(b"", 3), "1002 ws-opcode"), (frame(b"x" * 126, PING), "1002 ws-frame"),
    (frame(b"", 0), "1002 ws-continuation"), (frame(b"", fin=False) + frame(b""), "1002 ws-interleaved"),
    (close_frame(5), "1002 ws-close"), (frame(b"\xff"), "1007 ws-not-utf8"),
    (frame(b"", BINARY, length=1 << 40, width=8) + b"x", "1009 ws-too-large"),
])
def test_what_was_wrong_is_said_once(d, wrong, words):
    mark = d.mark()
    with Session(d.address, "/ws/echo") as ws:
        host, port = ws.sock.getsockname()
        ws.send(*[wrong] * 10)
        ws.assert_failed(int(words.split()[0]))
    with Session(d.address, "/ws/listen") as ws:
        ws.close_and_wait()
    d.wait_log("ended with 1000", after=mark)
    lines = [line for line in d.err.lines[mark:] if f"{host}:{port}" in line]
    assert len(lines) == 1
    assert f"wsecho.echo: closed with {words}: " in lines[0] or f"/ws/echo: closed with {words}: " in lines[0]


def test_a_good_session_is_not_worth_a_line(d):
    mark = d.mark()
    with Session(d.address, "/ws/echo") as ws:
        port = ws.sock.getsockname()[1]
        ws.exchange(b"hello")
        ws.close_and_wait()
    with Session(d.address, "/ws/listen") as ws:
        ws.close_and_wait()
    d.wait_log("ended with 1000", after=mark)
    assert not [line for line in d.err.lines[mark:] if f":{port}" in line]


def test_nothing_is_left_of_many_sessions(d):
    pid, = d.workers()

    def n_descriptors():
        return len(list((daemon_module.pathlib.Path("/proc") / str(pid) / "fd").iterdir()))
    before = n_descriptors()

    def come_and_go(n):
        for i in range(n):
            with Session(d.address, ws_target(i)) as ws:
                ws.exchange(b"x" * (i % 5 * 2000))
                if i % 3 == 0:
                    ws.reset()
                elif i % 3 == 1:
                    ws.close_and_wait()

    def ws_target(i):
        return ["/ws/echo", "/ws/message-echo", "/ws/echo-deflate"][i % 3]
    threads = [threading.Thread(target=come_and_go, args=(60,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    daemon_module.wait_until(lambda: n_descriptors() <= before, d.story)
