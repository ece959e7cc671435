"""Clients that are slow on purpose, a thousand of each kind: the others do not notice, and they are gone in time.
And what else a worker runs short of: descriptors, and memory for buffers."""
import errno
import hashlib
import os
import pathlib
import select
import socket
import stat
import threading
import time

import pytest

import awake
import client
import daemon as daemon_module
import routes
from test_flow import MIB, Memory

HOST = "Host: localhost\r\n"
POST = f"POST /body HTTP/1.1\r\n{HOST}"
CROWD = 300 if daemon_module.SANITIZED else 1000
ECHO = (32 if daemon_module.SANITIZED else 1024) * MIB
# What the clients of this file get: as little as the server's looks once a second allow.
LIMITS = {"header_timeout": "2s", "body_timeout": "2s", "send_timeout": "2s", "keep_alive": "2s",
          "min_rate": "1KiB/s", "min_rate_after": "1s"}
TIMEOUT_S = 2
# Beyond the time-out: a look each second, a lingering end of two, and a machine that others use as well.
LATE_S = 30 if daemon_module.SANITIZED else 10
# A request of somebody else, while a thousand drip: some milliseconds, but this process is busy with them too.
SERVED_WITHIN_S = 10 if daemon_module.SANITIZED else 4
DRIP_S = 0.25
ENOUGH = 65536  # bytes of an answer, to see what it is


@pytest.fixture(scope="module")
def d(shared_daemon):
    d = shared_daemon(routes.config(log_level="notice", access_log="off", **LIMITS))
    d.idle = n_descriptors(worker_of(d))
    return d


def worker_of(d):
    (pid,) = d.workers()
    return pid


def n_descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


class Crowd:
    """Connections that all do the same, badly. text: what each says at first; drop: what
    it adds, again and again; sip: how many bytes it takes each time."""

    def __init__(self, address, text, drop=b"", sip=0, size=CROWD):
        self.address, self.text, self.drop, self.sip = address, text, drop, sip
        self.poll = select.epoll()
        self.socks = {}
        self.ends = []  # what each received last
        for _ in range(size):
            self._add()

    def _add(self):
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # else a thousand would fill the kernel
        sock.settimeout(daemon_module.WAIT_S)
        sock.connect(self.address)
        sock.sendall(self.text)
        sock.setblocking(False)
        self.socks[sock.fileno()] = sock
        self.poll.register(sock, select.EPOLLRDHUP)

    def _leave(self, fd):
        sock = self.socks.pop(fd)
        received = b""
        try:
            while len(received) < ENOUGH and (data := sock.recv(ENOUGH)):
                received += data
        except OSError:
            pass  # a reset
        self.ends.append(received)
        self.poll.unregister(fd)
        sock.close()

    def _trickle(self):
        for sock in self.socks.values():
            try:
                if self.drop:
                    sock.send(self.drop)
                if self.sip:
                    sock.recv(self.sip)
            except OSError:
                pass  # it is closed: the poll says so

    def run(self, is_over, seconds):
        """Until the server has none of them left. A reset may never reach who has no room for what comes before it."""
        start = time.monotonic()
        next_drop = start
        while not is_over():
            now = time.monotonic()
            assert now - start < seconds, f"the server still has them; {len(self.socks)} have heard nothing"
            if now >= next_drop:
                self._trickle()
                next_drop = now + DRIP_S
            for fd, _ in self.poll.poll(0.05):
                self._leave(fd)
        for fd in list(self.socks):
            self._leave(fd)

    def close(self):
        for sock in self.socks.values():
            sock.close()
        self.poll.close()


OTHERS = 2  # connections that somebody else has at a time


class Others:
    """Somebody else, who asks for /hello all the time, on a new connection and on one that stays."""

    def __init__(self, address):
        self.address = address
        self.slowest, self.n, self.problem = 0, 0, None
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _ask(self, connection):
        start = awake.now()
        assert connection.call("GET", "/hello").body == b"hello\n"
        self.slowest = max(self.slowest, awake.now() - start)
        self.n += 1

    def _stay(self):
        """On one connection; as long as it is not this process that lets it idle until it is closed."""
        with client.Connection(self.address) as kept:
            asked = time.monotonic()
            while time.monotonic() - asked < TIMEOUT_S / 2 and not self._is_over.wait(0.02):
                self._ask(kept)
                asked = time.monotonic()
                with client.Connection(self.address) as fresh:
                    self._ask(fresh)

    def _run(self):
        try:
            while not self._is_over.is_set():
                self._stay()
        except Exception as problem:  # noqa: BLE001 - it is the test's to report
            self.problem = problem

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *what):
        self._is_over.set()
        self._thread.join()
        if what[0] is None:
            assert self.problem is None, self.problem
            assert self.n > 10
            assert self.slowest < SERVED_WITHIN_S, f"the slowest of {self.n} took {self.slowest:.2f} s"


KINDS = {
    "a head that drips": (f"GET /hello HTTP/1.1\r\n{HOST}X: ", {"drop": b"x"}, 408),
    "a head that stops": (f"GET /hello HTTP/1.1\r\n{HOST}", {}, 408),
    "a body that drips": (f"{POST}Content-Length: 100000\r\n\r\n", {"drop": b"x"}, 408),
    "a body that stops": (f"{POST}Content-Length: 100000\r\n\r\nsome", {}, 408),
    "half a chunk": (f"{POST}Transfer-Encoding: chunked\r\n\r\n10\r\nhalf", {}, 408),
    "a reader that reads nothing": (f"GET /stream?n=10000 HTTP/1.1\r\n{HOST}\r\n", {}, None),
    "a reader that drips": (f"GET /stream?n=10000 HTTP/1.1\r\n{HOST}\r\n", {"sip": 10}, None),
    "nothing at all": ("", {}, None),
    "an idle connection": (f"GET /hello HTTP/1.1\r\n{HOST}\r\n", {}, 200),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_thousand_of_each_kind_cost_others_nothing_and_are_gone_in_time(d, kind):
    text, how, status = KINDS[kind]
    pid = worker_of(d)
    with Others(d.address):
        crowd = Crowd(d.address, text.encode(), **how)
        try:
            daemon_module.wait_until(lambda: n_descriptors(pid) > d.idle + CROWD // 2, d.story)
            crowd.run(lambda: n_descriptors(pid) <= d.idle + OTHERS, TIMEOUT_S + LATE_S)
        finally:
            crowd.close()
    assert len(crowd.ends) == CROWD
    if status:
        wrong = [end for end in crowd.ends if not end.startswith(b"HTTP/1.1 %d " % status)]
        assert not wrong, f"{len(wrong)} of them, such as {wrong[0][:200]!r}"
    daemon_module.wait_until(lambda: n_descriptors(pid) <= d.idle, d.story)
    assert worker_of(d) == pid


# What routes say.

@awake.mattering
def test_a_route_may_be_more_patient(daemon):
    config = routes.config(log_level="info", body_timeout="300ms", min_rate="1KiB/s", min_rate_after="300ms")
    config = config.replace('{path: "/body/small", handler: e2e_module.body, max_body: 1KiB}',
                            '{path: "/body/small", handler: e2e_module.body, min_rate: 0, body_timeout: 10s}')
    assert "min_rate: 0" in config
    d = daemon(config)

    def send_slowly(target):
        with d.connect() as c:
            c.send(f"POST {target} HTTP/1.1\r\n{HOST}Content-Length: 8\r\n\r\n")
            for _ in range(8):
                if select.select([c.sock], [], [], 0.2)[0]:
                    break
                c.send("x")
            return c.response("POST")

    assert send_slowly("/body/small").body == b"x" * 8
    assert send_slowly("/body").status == 408
    d.wait_log("refused with 408 body-too-slow: the body arrives too slowly")


@awake.mattering
def test_a_slow_handler_does_not_count_against_its_client(daemon):
    d = daemon(routes.config(log_level="info", body_timeout="300ms", send_timeout="300ms", min_rate="1KiB/s",
                             min_rate_after="300ms"))
    with d.connect() as c:
        c.send(f"POST /body/late/1 HTTP/1.1\r\n{HOST}Content-Length: 5\r\n\r\nh")
        routes.wait_gate(d, 1)
        c.assert_silent(1)
        c.send("ello")
        routes.release(d, 1)
        assert c.response("POST").status == 200


# One gibibyte through both directions.

def test_a_gibibyte_goes_through_echo_in_little_memory(daemon):
    d = daemon(routes.config(log_level="notice", access_log="off", min_rate="1KiB/s"))
    assert d.call("POST", "/echo", body=bytes(2 * MIB)).status == 200
    block = hashlib.sha256(b"block").digest() * (MIB // 32)
    memory = Memory(d)
    with d.connect(timeout=60) as c:
        def send():
            for _ in range(ECHO // MIB):
                c.send(block)
        c.send(f"POST /echo HTTP/1.1\r\n{HOST}Content-Length: {ECHO}\r\n\r\n")
        sender = threading.Thread(target=send, daemon=True)
        sender.start()
        head = c.head()
        assert head.status == 200
        n = 0
        if head["transfer-encoding"]:
            while part := c.chunk():
                n += len(part)
        else:
            n = len(c.buffer)
            while n < ECHO:
                got = c.sock.recv_into(bytearray(MIB))
                assert got, f"{ECHO - n} bytes are missing"
                n += got
        sender.join()
        assert n == ECHO
    memory.assert_bounded()


# Out of descriptors.

def limited(directory, n):
    """weir, with so many descriptors and no more."""
    script = directory / "limited"
    script.write_text(f'#!/bin/sh\nulimit -n {n}\nexec "{daemon_module.BUILD}/weir" "$@"\n')
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return script


def busy_s(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_without_descriptors_clients_are_told_and_served_again_later(daemon, tmp_path):
    d = daemon(routes.config(log_level="notice", access_log="off"), program=limited(tmp_path, 64))
    pid = worker_of(d)
    crowd = [d.connect() for _ in range(80)]
    try:
        d.wait_log("cannot accept connections: Too many open files; they wait")
        # Those beyond the limit are answered, one and all, without having asked.
        refused = []
        poll = select.poll()
        for c in crowd:
            poll.register(c.sock, select.POLLIN)
        by_fd = {c.sock.fileno(): c for c in crowd}

        def is_all_told():
            for fd, _ in poll.poll(100):
                r = by_fd[fd].response()
                assert (r.status, r["connection"]) == (503, "close")
                refused.append(by_fd[fd])
                poll.unregister(fd)
            return len(refused) >= len(crowd) - 64
        daemon_module.wait_until(is_all_told, d.story)
        served = [c for c in crowd if c not in refused]
        assert len(served) > 20
        # Who is in is served as ever, and nobody spins.
        before, start = busy_s(pid), time.monotonic()
        while time.monotonic() - start < 1:
            assert served[0].call("GET", "/hello").body == b"hello\n"
            with d.connect() as late:
                assert late.response().status == 503
        assert busy_s(pid) - before < (0.9 if daemon_module.SANITIZED else 0.4)
        assert d.err.text.count("cannot accept connections") == 1
    finally:
        for c in crowd:
            c.close()

    def is_back():
        try:
            return d.get("/hello").status == 200
        except (client.Broken, OSError) as problem:
            assert getattr(problem, "errno", errno.ECONNRESET) == errno.ECONNRESET
            return False
    daemon_module.wait_until(is_back, d.story)
    d.wait_log("connections are accepted again; [1-9][0-9]* were refused meanwhile")
    assert worker_of(d) == pid


# Out of buffers.

def test_beyond_the_memory_budget_the_slowest_pay(daemon):
    d = daemon(routes.config(log_level="notice", access_log="off", memory_budget="4MiB"))
    pid = worker_of(d)
    before = n_descriptors(pid)
    text = f"GET /stream?n=10000 HTTP/1.1\r\n{HOST}\r\n".encode()
    with Others(d.address) as others:
        crowd = Crowd(d.address, text, size=200)
        try:
            d.wait_log(r"memory_budget \(4096 KiB\) is used up: the [0-9]+ slowest connections are closed")
            # 80 KiB each: about fifty find room.
            daemon_module.wait_until(lambda: n_descriptors(pid) - before < 80, d.story)
            assert n_descriptors(pid) - before > 20
            daemon_module.wait_until(lambda: others.n > 10 or others.problem, d.story)
        finally:
            crowd.close()
    assert worker_of(d) == pid
