"""More bytes than memory, clients that are slow, and clients that leave."""
import array
import concurrent.futures
import fcntl
import hashlib
import os
import pathlib
import socket
import termios
import threading
import time

import awake
import daemon as daemon_module
import pytest
import routes

HOST = "Host: localhost\r\n"
MIB = 1024 * 1024
LARGE = 64 * MIB
# What one connection may hold at most while nobody reads: the kernel's buffers on both sides.
KERNEL_MAX = 24 * MIB
# "At once", on a busy machine: far below the second after which the kernel is asked.
AT_ONCE_S = 0.5 if not daemon_module.SANITIZED else 2


@pytest.fixture(scope="module")
def site(shared_daemon):
    return shared_daemon(routes.config(access_log="off"))


@pytest.fixture
def d(site):
    """One daemon for all; when a test is over, nobody must be left waiting in it."""
    yield site
    routes.wait_nobody(site)


# Memory.

class Memory:
    """How far the worker's memory has grown, at its peak, since this was made."""

    def __init__(self, d):
        (self.pid,) = d.workers()
        pathlib.Path(f"/proc/{self.pid}/clear_refs").write_text("5")
        self.before = self._read("VmHWM")

    def _read(self, name):
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(name + ":"):
                return int(line.split()[1]) * 1024
        raise AssertionError(f"no {name}")

    def assert_bounded(self, limit=4 * MIB):
        grown = self._read("VmHWM") - self.before
        if not daemon_module.SANITIZED:
            assert grown < limit, f"grew by {grown} bytes"


def blocks(size):
    """The same bytes for sender and receiver, made on the way."""
    for i in range(size // MIB):
        yield hashlib.sha256(b"%d" % i).digest() * (MIB // 32)


def digest_of(parts):
    total = hashlib.sha256()
    for part in parts:
        total.update(part)
    return total.hexdigest()


def receive(c, size):
    """So many bytes of a body, in pieces: what the client's parser has already, then the socket's."""
    while size:
        if not c.buffer:
            assert c._more(), f"{size} bytes are missing"
        part, c.buffer = c.buffer[:size], c.buffer[size:]
        size -= len(part)
        yield part


def receive_chunks(c):
    while part := c.chunk():
        yield part


def send_all(c, parts):
    for part in parts:
        c.send(part)


def test_echoes_64_mib_without_holding_them(d):
    assert d.call("POST", "/echo", body=bytes(2 * MIB)).status == 200
    memory = Memory(d)
    with concurrent.futures.ThreadPoolExecutor(1) as pool, d.connect(timeout=60) as c:
        c.send(f"POST /echo HTTP/1.1\r\n{HOST}Content-Length: {LARGE}\r\n\r\n")
        sending = pool.submit(send_all, c, blocks(LARGE))
        assert c.head().status == 200
        assert digest_of(receive_chunks(c)) == digest_of(blocks(LARGE))
        sending.result()
    memory.assert_bounded()


def test_takes_64_mib_in_chunks_without_holding_them(d):
    memory = Memory(d)
    with d.connect(timeout=60) as c:
        c.send(f"POST /body/count HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n")
        for part in blocks(LARGE):
            c.send(b"%x\r\n" % len(part) + part + b"\r\n")
        c.send(b"0\r\n\r\n")
        assert int(c.response("POST").text) == LARGE
    memory.assert_bounded()


def test_gives_64_mib_without_holding_them(d):
    memory = Memory(d)
    with d.connect(timeout=60) as c:
        c.request("GET", f"/stream?size=65536&n={LARGE // 65536}&length={LARGE}")
        assert int(c.head()["content-length"]) == LARGE
        assert sum(map(len, receive(c, LARGE))) == LARGE
        assert c.call("GET", "/hello").status == 200
    memory.assert_bounded()


def test_one_write_may_be_larger_than_every_buffer(site):
    with site.connect(timeout=60) as c:
        r = c.call("GET", f"/stream?size={900 * 1024}&n=20")
        assert (r.status, len(r.body)) == (200, 20 * 900 * 1024)


# Back-pressure.

def wait_stuck(d, name):
    """Until a counter of the module has not moved for a while; its value."""
    last = [None, 0]

    def is_stuck():
        now, value = time.monotonic(), routes.state(d)[name]
        if value != last[0]:
            last[:] = value, now
        return now - last[1] > 0.3

    daemon_module.wait_until(is_stuck, d.story)
    return last[0]


def test_a_handler_waits_while_its_client_does_not_read(d):
    before = routes.state(d)["written"]
    mark = d.mark()
    with d.connect() as c:
        c.request("GET", "/stream")
        written = wait_stuck(d, "written") - before
        assert 0 < written < KERNEL_MAX
        for _ in range(20):
            assert d.get("/hello").status == 200
        assert routes.state(d)["written"] - before == written
        assert c.head().status == 200
        taken = 0
        while taken <= written:
            taken += len(c.chunk())
        assert routes.state(d)["written"] - before > written
    d.wait_log("stream ended with ECANCELED, cancelled by disconnect", after=mark)


@pytest.mark.parametrize("target", ["/stream", "/stream?length=9000000000", "/tagged/stream"])
def test_an_endless_answer_to_head_holds_nobody_up(d, target):
    mark = d.mark()
    with d.connect() as c:
        c.request("HEAD", target)
        assert c.head().status == 200
        for _ in range(20):
            assert d.get("/hello").status == 200
    d.wait_log("stream ended with E(CANCELED|PIPE), cancelled by disconnect", after=mark)


def test_many_slow_readers_cost_little_and_hold_nobody_up(d):
    assert d.get("/stream?n=100").status == 200
    memory = Memory(d)
    clients = [d.connect() for _ in range(50)]
    mark = d.mark()
    for c in clients:
        c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        c.request("GET", "/stream")
    wait_stuck(d, "written")
    began = awake.now()
    for _ in range(100):
        assert d.get("/hello").status == 200
    assert awake.now() - began < 10 * AT_ONCE_S
    # Each may have its high-water mark of 64 KiB, a buffer, and a stack.
    memory.assert_bounded(50 * 160 * 1024)
    for c in clients:
        c.close()
    d.wait_log("stream ended with ECANCELED, cancelled by disconnect", count=50, after=mark)


def send_until_stuck(c):
    """As much as the server, and the kernel for it, takes; how much that was."""
    data, sent = bytes(MIB), 0
    c.sock.settimeout(0.3)
    try:
        while True:
            sent += c.sock.send(data)
    except socket.timeout:
        return sent
    finally:
        c.sock.settimeout(daemon_module.WAIT_S)


def test_a_client_waits_while_its_handler_does_not_read(d):
    before, mark = routes.state(d)["read"], d.mark()
    size = 200 * MIB
    with d.connect(timeout=60) as c:
        c.send(f"POST /body/count?gate=1 HTTP/1.1\r\n{HOST}Content-Length: {size}\r\n\r\n")
        sent = send_until_stuck(c)
        assert sent < KERNEL_MAX
        routes.wait_gate(d, 1, after=mark)
        assert routes.state(d)["read"] - before == 0
        for _ in range(20):
            assert d.get("/hello").status == 200
        routes.release(d, 1)
        left = size - sent
        while left:
            left -= c.sock.send(bytes(min(left, MIB)))
        assert int(c.response("POST").text) == size


def test_a_slow_uploader_holds_nobody_up(d):
    with d.connect() as c:
        c.send(f"POST /body/count HTTP/1.1\r\n{HOST}Content-Length: 100\r\n\r\n")
        for i in range(100):
            c.send(b"x")
            assert d.get("/hello").status == 200
        assert int(c.response("POST").text) == 100


def test_who_does_not_read_the_answers_of_a_pipeline_is_not_read_either(d):
    n = 60_000
    request = f"GET /hello HTTP/1.1\r\n{HOST}\r\n".encode()
    memory = Memory(d)
    with concurrent.futures.ThreadPoolExecutor(1) as pool, d.connect(timeout=60) as c:
        sending = pool.submit(c.send, request * n)
        for _ in range(50):
            assert d.get("/hello").status == 200
        for _ in range(n):
            assert c.response().body == b"hello\n"
        sending.result()
    memory.assert_bounded()


def test_files_reach_a_slow_reader_whole(d):
    n, size = 40, 300 * 1024
    content = bytes(i % 251 for i in range(size))
    with d.connect(timeout=60) as c:
        for i in range(n):
            c.request("GET", "/file" + ("?promise=1" if i % 2 else ""))
        for _ in range(20):
            assert d.get("/hello").status == 200
        for _ in range(n):
            r = c.response()
            assert (r.status, r.body == content) == (200, True)


def test_three_hundred_handlers_wait_at_once(d):
    mark = d.mark()
    clients = [d.connect() for _ in range(300)]
    for c in clients:
        c.request("GET", "/hold/2")
    routes.wait_gate(d, 2, count=300, after=mark)
    with d.connect() as other:
        for _ in clients:
            other.request("GET", "/release/2")
        for _ in clients:
            assert other.response().status == 200
    for c in clients:
        assert c.response().body == b"held\n"
        c.close()


# Leaving.

def leave_by_end(c):
    c.close()


def leave_by_reset(c):
    c.reset()


LEAVE = pytest.mark.parametrize("leave", [leave_by_end, leave_by_reset])


def assert_logged_within(d, pattern, mark, seconds, count=1):
    began = awake.now()
    d.wait_log(pattern, count=count, after=mark)
    assert awake.now() - began < seconds


@LEAVE
def test_a_handler_that_waits_hears_at_once_that_its_client_left(d, leave):
    mark = d.mark()
    c = d.connect()
    c.request("GET", "/hold/3")
    routes.wait_gate(d, 3, after=mark)
    leave(c)
    assert_logged_within(d, "hold ended with ECANCELED, cancelled by disconnect", mark, AT_ONCE_S)


@LEAVE
def test_a_handler_in_its_answer_hears_it_too(d, leave):
    mark = d.mark()
    c = d.connect()
    c.request("GET", "/half/3")
    assert c.head().status == 200
    assert c.chunk() == b"first half\n"
    leave(c)
    assert_logged_within(d, "hold_half ended with ECANCELED, cancelled by disconnect", mark, AT_ONCE_S)


@LEAVE
def test_a_handler_that_waits_for_the_body_hears_it_too(d, leave):
    mark = d.mark()
    c = d.connect()
    c.send(f"POST /body HTTP/1.1\r\n{HOST}Content-Length: 100\r\n\r\nsome")
    c.assert_silent(0.05)
    leave(c)
    assert_logged_within(d, "body ended with ECANCELED, cancelled by disconnect", mark, AT_ONCE_S)


@LEAVE
def test_a_handler_whose_client_does_not_read_hears_it_too(d, leave):
    mark = d.mark()
    c = d.connect()
    c.request("GET", "/stream")
    wait_stuck(d, "written")
    leave(c)
    assert_logged_within(d, "stream ended with ECANCELED, cancelled by disconnect", mark, AT_ONCE_S)


def send_unread(c, data):
    """More than the daemon reads ahead, but no more than its kernel takes: the end follows at once."""
    c.send(data)

    def is_taken():
        unsent = array.array("i", [0])
        fcntl.ioctl(c.sock, termios.TIOCOUTQ, unsent)
        return unsent[0] == 0

    daemon_module.wait_until(is_taken)


@LEAVE
def test_a_handler_hears_within_a_second_while_the_body_is_not_read(d, leave):
    mark = d.mark()
    c = d.connect()
    send_unread(c, f"POST /body/count?gate=3 HTTP/1.1\r\n{HOST}Content-Length: {MIB}\r\n\r\n" + "x" * 50_000)
    routes.wait_gate(d, 3, after=mark)
    leave(c)
    assert_logged_within(d, "body_count ended with ECANCELED, cancelled by disconnect", mark, 1 + 2 * AT_ONCE_S)


@LEAVE
def test_a_handler_hears_within_a_second_while_a_pipeline_is_not_read(d, leave):
    mark = d.mark()
    c = d.connect()
    send_unread(c, f"GET /hold/3 HTTP/1.1\r\n{HOST}\r\n" + f"GET /hello HTTP/1.1\r\n{HOST}\r\n" * 1250)
    routes.wait_gate(d, 3, after=mark)
    leave(c)
    assert_logged_within(d, "hold ended with ECANCELED, cancelled by disconnect", mark, 1 + 2 * AT_ONCE_S)


def test_its_whole_tree_of_tasks_is_cancelled(d):
    mark = d.mark()
    c = d.connect()
    c.request("GET", "/tree/4")
    routes.wait_gate(d, 4, count=6, after=mark)
    c.close()
    assert_logged_within(d, "tree ended with ECANCELED, cancelled by disconnect", mark, AT_ONCE_S)
    d.wait_log("leaf ended with ECANCELED, cancelled by disconnect", count=6, after=mark)
    d.wait_log("branch ended with ECANCELED, cancelled by disconnect", count=2, after=mark)


def test_its_tasks_pass_when_it_stays(d):
    mark = d.mark()
    with d.connect() as c:
        c.request("GET", "/tree/4")
        routes.wait_gate(d, 4, count=6, after=mark)
        for _ in range(6):
            routes.release(d, 4)
        assert c.response().body == b"all passed\n"


def test_what_is_shielded_is_finished_although_its_client_left(d):
    mark = d.mark()
    c = d.connect()
    c.request("GET", "/shielded/5")
    routes.wait_gate(d, 5, after=mark)
    c.close()
    d.wait_log("clean-up ended with success, cancelled by disconnect", after=mark)


def test_a_handler_with_the_flag_finishes_although_its_client_left(d):
    mark = d.mark()
    c = d.connect()
    c.request("GET", "/anyway/5")
    routes.wait_gate(d, 5, after=mark)
    c.reset()
    assert d.get("/hello").status == 200
    assert "finish_anyway ended" not in "\n".join(d.err.lines[mark:])
    routes.release(d, 5)
    d.wait_log("finish_anyway ended with EPIPE, cancelled by nobody", after=mark)


def test_a_handler_that_ignores_it_is_slowed_down_and_named(d):
    mark = d.mark()
    c = d.connect()
    c.request("GET", "/stubborn/5")
    routes.wait_gate(d, 5, after=mark)
    c.close()
    d.wait_log(r"e2e_module\.stubborn goes on although", after=mark)
    assert d.get("/hello").status == 200
    d.wait_log("stubborn ended with ECANCELED, cancelled by disconnect", after=mark)


def test_a_thousand_clients_that_leave_leave_nothing_behind(d):
    with d.connect() as other:
        for i in range(1000):
            with d.connect() as c:
                c.request("GET", "/hold/6")
                if i % 2:
                    assert other.call("GET", "/hello").status == 200
                if i % 3 == 0:
                    c.reset()
    assert routes.wait_state(d, lambda state: state["waiting"] == 0)


# Leaving by halves.

def test_half_a_connection_means_that_the_client_left(d):
    mark = d.mark()
    with d.connect() as c:
        c.request("GET", "/hold/7")
        routes.wait_gate(d, 7, after=mark)
        c.half_close()
        assert_logged_within(d, "hold ended with ECANCELED, cancelled by disconnect", mark, AT_ONCE_S)
        c.assert_closed()


def assert_waits_and_answers(d, c, mark, log="hold"):
    """The client has closed its half; the handler waits on, and its answer arrives."""
    routes.wait_gate(d, 7, after=mark)
    c.half_close()
    c.assert_silent(0.2)
    assert d.get("/hello").status == 200
    assert f"{log} ended" not in "\n".join(d.err.lines[mark:])
    routes.release(d, 7)
    r = c.response()
    c.assert_closed()
    return r


def test_a_route_may_say_that_it_does_not(d):
    mark = d.mark()
    with d.connect() as c:
        c.request("GET", "/hold/7/finish")
        assert assert_waits_and_answers(d, c, mark).body == b"held\n"


def test_it_does_not_after_connection_close(d):
    mark = d.mark()
    with d.connect() as c:
        c.request("GET", "/hold/7", {"Connection": "close"})
        assert assert_waits_and_answers(d, c, mark).body == b"held\n"


def test_it_does_not_on_http_1_0(d):
    mark = d.mark()
    with d.connect() as c:
        c.request("GET", "/hold/7", version="1.0")
        assert assert_waits_and_answers(d, c, mark).body == b"held\n"


def test_it_does_not_for_an_answer_that_is_there_at_once(d):
    for _ in range(50):
        with d.connect() as c:
            c.request("GET", "/hello")
            c.half_close()
            assert c.response().body == b"hello\n"
            c.assert_closed()


def test_a_pipeline_before_it_is_answered(d):
    mark = d.mark()
    with d.connect() as c:
        c.send(f"GET /hold/7/finish HTTP/1.1\r\n{HOST}\r\n" + f"GET /hello HTTP/1.1\r\n{HOST}\r\n" * 3)
        routes.wait_gate(d, 7, after=mark)
        c.half_close()
        routes.release(d, 7)
        assert [c.response().body for _ in range(4)] == [b"held\n"] + [b"hello\n"] * 3
        c.assert_closed()


def test_a_whole_stream_reaches_who_has_closed_its_half(d):
    with d.connect() as c:
        c.request("GET", "/stream/finish?n=1000")
        c.half_close()
        assert len(c.response().body) == 1000 * 16384
        c.assert_closed()


def test_gone_is_gone_on_every_route(d):
    for target, fields in (("/hold/7/finish", {}), ("/hold/7", {"Connection": "close"})):
        mark = d.mark()
        c = d.connect()
        c.request("GET", target, fields)
        routes.wait_gate(d, 7, after=mark)
        c.reset()
        d.wait_log("hold ended with ECANCELED, cancelled by disconnect", after=mark)


@pytest.mark.parametrize("target,version", [("/body/finish", "1.1"), ("/body", "1.0")])
def test_half_a_body_is_refused_where_the_half_does_not_mean_gone(d, target, version):
    mark = d.mark()
    with d.connect() as c:
        c.send(f"POST {target} HTTP/{version}\r\n{HOST}Content-Length: 100\r\n\r\nsome")
        c.half_close()
        r = c.response("POST")
        assert (r.status, r["connection"]) == (400, "close")
        c.assert_closed()
    d.wait_log("refused with 400 body-cut", after=mark)


def test_half_a_head_is_nothing(d):
    with d.connect() as c:
        c.send(f"GET /hello HTTP/1.1\r\n{HOST}")
        c.half_close()
        c.assert_closed()


# Sessions that live long.

def test_a_connection_does_not_grow_with_its_requests(d):
    def talk(c, n):
        request = f"POST /body HTTP/1.1\r\n{HOST}Content-Length: 5\r\n\r\nhello".encode() * 100
        for _ in range(n // 100):
            c.send(request)
            for _ in range(100):
                assert c.response("POST").body == b"hello"

    with d.connect() as c:
        talk(c, 2_000)
        memory = Memory(d)
        talk(c, 20_000)
        memory.assert_bounded(MIB // 2)


def test_readers_and_writers_at_once(d):
    """Everything above at the same time, from eight threads, each of which believes nothing."""
    is_over = threading.Event()
    body = os.urandom(300_000)

    def client(number):
        done = 0
        while not is_over.is_set():
            with d.connect(timeout=60) as c:
                assert c.call("POST", "/echo", body=body).body == body
                assert len(c.call("GET", "/stream?n=20").body) == 20 * 16384
                c.request("GET", "/hold/8")
                if number % 2:
                    c.reset()
            done += 1
        return done

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        clients = [pool.submit(client, number) for number in range(8)]
        time.sleep(2)
        is_over.set()
        assert all(one.result() > 0 for one in clients)
