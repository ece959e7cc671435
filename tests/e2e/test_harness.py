"""The harness itself: a daemon that misbehaves fails its test, a response that is not HTTP too."""
import os
import socket
import subprocess
import threading

import pytest

import client
from daemon import Daemon, wait_until
from gate import Gate

# Stands in for weir: says that it is ready, then waits for SIGTERM and does what argv says.
FAKE = """#!/usr/bin/python3
import os, signal, subprocess, sys, time
what = sys.argv[1]
log_path = [part for part in os.environ["ASAN_OPTIONS"].split(":") if part.startswith("log_path=")][0][9:]
if what == "report":
    open(log_path + ".1", "w").write("ERROR: AddressSanitizer: made up")
if what == "child":
    subprocess.Popen(["/usr/bin/sleep", "60"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                     stderr=subprocess.DEVNULL)
code = 7 if what == "code" else 0
signal.signal(signal.SIGTERM, lambda *_: os._exit(code))
if what != "mute":
    print("notice: ready: listening", file=sys.stderr, flush=True)
if what == "die":
    os._exit(0)
while True:
    signal.pause()
"""


@pytest.fixture
def fake(tmp_path, port):
    path = tmp_path / "fake"
    path.write_text(FAKE)
    path.chmod(0o755)
    started = []

    def start(what, **options):
        started.append(Daemon(tmp_path / "dir", port, None, [what], program=path, **options))
        return started[-1]

    yield start
    for one in started:
        one.kill()


def test_lets_an_orderly_daemon_pass(fake):
    d = fake("nothing")
    d.wait_ready()
    d.finish()


def test_fails_for_another_exit_code(fake):
    d = fake("code")
    d.wait_ready()
    with pytest.raises(AssertionError, match="exit code 7"):
        d.finish()


def test_takes_the_exit_code_a_test_expects(fake):
    d = fake("code", exit_code=7)
    d.wait_ready()
    d.finish()


def test_fails_for_a_report_of_a_sanitizer(fake):
    d = fake("report")
    d.wait_ready()
    with pytest.raises(AssertionError, match="made up"):
        d.finish()


def test_lets_only_expected_reports_pass(fake):
    d = fake("report", reports="made up")
    d.wait_ready()
    d.finish()


def test_fails_for_a_child_left_behind(fake):
    d = fake("child")
    d.wait_ready()
    assert len(d.children()) == 1
    with pytest.raises(AssertionError, match="left behind"):
        d.finish()
    wait_until(lambda: not d._stray())    # it was killed, and may still be about to die


def test_fails_when_the_daemon_is_never_ready(fake):
    d = fake("mute")
    d.err.wait_for = lambda pattern: None  # as after WAIT_S
    with pytest.raises(AssertionError, match="not ready"):
        d.wait_ready()


def test_does_not_wait_for_the_words_of_the_dead(fake):
    d = fake("die")
    d.wait_ready()
    with pytest.raises(AssertionError, match="no line matches 'never said'"):
        d.wait_log("never said")


def test_gives_no_port_twice(port):
    assert len({port() for _ in range(20)}) == 20


@pytest.fixture
def answer():
    """answer(bytes): a connection to a server that sends just that and closes."""
    threads = []

    def serve(data):
        listener = socket.create_server(("127.0.0.1", 0))

        def run():
            with listener, listener.accept()[0] as sock:
                sock.sendall(data)
                sock.shutdown(socket.SHUT_WR)
                while sock.recv(65536):
                    pass
        threads.append(threading.Thread(target=run))
        threads[-1].start()
        connection = client.Connection(listener.getsockname())
        opened.append(connection)
        return connection

    opened = []
    yield serve
    for connection in opened:
        connection.close()
    for thread in threads:
        thread.join(10)


def test_reads_a_response_of_each_kind(answer):
    connection = answer(b"HTTP/1.1 100 Continue\r\n\r\n"
                        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nX: a\r\nx:  b \r\n\r\nabc"
                        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nde\r\n0\r\nT: v\r\n\r\n"
                        b"HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n"
                        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n"
                        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nfgh")
    first = connection.response()
    assert (first.status, first.body, first.values("x")) == (200, b"abc", ["a", "b"])
    assert [interim.status for interim in first.interim] == [100]
    second = connection.response()
    assert (second.body, second.trailers) == (b"de", [("t", "v")])
    assert connection.response().body == b""
    assert connection.response("HEAD").body == b""
    assert connection.response().body == b"fgh"
    connection.assert_closed()


@pytest.mark.parametrize("data", [
    b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\n\n", b"HTTP/1.1  200 OK\r\n\r\n", b"200 OK\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", b"HTTP/1.1 200 OK\r\na : b\r\n\r\n",
    b"HTTP/1.1 200 OK\r\na: b\r\n c\r\n\r\n", b"HTTP/1.1 200 OK\r\na: b\rc\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab",
    b"HTTP/1.1 200 OK\r\nContent-Length: -3\r\n\r\nabc",
    b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
    b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\nbody without an end",
])
def test_refuses_what_is_not_http(answer, data):
    with pytest.raises(client.Broken):
        answer(data).response()


def test_refuses_a_field_that_comes_twice_where_one_is_meant(answer):
    response = answer(b"HTTP/1.1 204 No Content\r\nA: 1\r\nA: 2\r\n\r\n").response()
    with pytest.raises(AssertionError, match="came 2 times"):
        assert response["a"]


def test_tells_silence_from_the_end(answer):
    with pytest.raises(AssertionError, match="closed: True"):
        answer(b"").assert_silent()


def test_the_gate_sees_a_real_leak(tmp_path):
    source = tmp_path / "leak.c"
    source.write_text("#include <stdlib.h>\nint main(void) { char *volatile p = malloc(9); p = 0; return !!p; }\n")
    subprocess.run(["gcc", "-g", "-fsanitize=address", "-o", tmp_path / "leak", source], check=True)
    with Gate() as gate:
        subprocess.run([tmp_path / "leak"], env=gate.env(), check=False)
        assert ["LeakSanitizer" in report for report in gate.reports()] == [True]
    assert not os.path.exists(gate.dir)
