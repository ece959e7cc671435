"""Blocking calls on a worker's threads: others are served meanwhile, and who leaves is not waited for longer
than must be. Files are written and read that way."""
import os
import signal

import pytest

import client
from daemon import wait_until
from process import let_go

CONFIG = """
workers: 1
log_level: info
listen: [{address: "{address}"}]
module_path: ["{build}/tests/modules"]
modules: [{path: e2e_threads.so, settings: {dir: "{dir}"}}]
routes:
  - {path: /hello, handler: e2e_threads.hello}
  - {path: "/blocks/{name}", handler: e2e_threads.blocks}
  - {path: "/looks/{name}", handler: e2e_threads.looks}
  - {path: "/put/{name}", handler: e2e_threads.put, max_body: 64MiB}
  - {path: "/get/{name}", handler: e2e_threads.get}
  - {path: "/lines/{name}", handler: e2e_threads.lines}
"""
HURRY = CONFIG + "graceful_timeout: 300ms\n"
N_THREADS = 4


def begin(d, target, n=1):
    """n connections whose handlers block, or wait to block."""
    mark = d.mark()
    connections = [d.connect() for _ in range(n)]
    for c in connections:
        c.request("GET", target)
    d.wait_log("blocks$", count=n, after=mark)
    return connections


def begin_running(d, target):
    """A connection whose handler's call is running on a thread."""
    c, = begin(d, target)
    wait_until((d.dir / (target.rpartition("/")[2] + ".begun")).exists, d.story)
    return c


def n_threads(pid):
    return len(os.listdir(f"/proc/{pid}/task"))


def test_others_are_served_while_handlers_block(daemon):
    d = daemon(CONFIG)
    blocked = begin(d, "/blocks/go", n=3 * N_THREADS)
    for _ in range(20):
        assert d.get("/hello").text == "hello\n"
    for c in blocked:
        c.assert_silent()
    let_go(d, "go")
    assert [c.response().text for c in blocked] == ["blocked\n"] * len(blocked)


@pytest.mark.parametrize("more, n", [("", N_THREADS), ("threads: 2\n", 2)], ids=["default", "two"])
def test_threads_are_started_when_they_are_needed_and_few(daemon, more, n):
    d = daemon(CONFIG + more)
    assert d.get("/hello").status == 200
    worker, = d.workers()
    before = n_threads(worker)
    blocked = begin(d, "/blocks/go", n=3 * n)
    wait_until(lambda: n_threads(worker) == before + n, d.story)
    let_go(d, "go")
    for c in blocked:
        assert c.response().status == 200
    assert n_threads(worker) == before + n


def test_a_client_that_leaves_takes_its_waiting_call_along(daemon):
    d = daemon(CONFIG)
    running = begin(d, "/blocks/go", n=N_THREADS)
    waiting, = begin(d, "/blocks/never")
    waiting.reset()
    d.wait_log("was told ECANCELED$")
    let_go(d, "go")
    for c in running:
        assert c.response().text == "blocked\n"


def test_a_client_that_leaves_makes_a_running_call_unwanted(daemon):
    d = daemon(CONFIG)
    c = begin_running(d, "/looks/never")
    c.reset()
    d.wait_log("was told EINTR$")


def test_a_call_that_does_not_look_is_waited_for(daemon):
    d = daemon(CONFIG)
    c = begin_running(d, "/blocks/go")
    mark = d.mark()
    c.reset()
    assert d.get("/hello").status == 200
    let_go(d, "go")
    d.wait_log("was told 0$", after=mark)


def test_a_call_that_runs_may_finish_when_the_daemon_stops(daemon):
    d = daemon(CONFIG)
    c = begin_running(d, "/blocks/go")
    d.send_signal(signal.SIGTERM)
    d.wait_log("notice master: stopping")
    c.assert_silent()
    let_go(d, "go")
    assert c.response().text == "blocked\n"
    assert d.wait() == 0


def test_a_call_that_looks_ends_with_the_grace(daemon):
    d = daemon(HURRY)
    c = begin_running(d, "/looks/never")
    d.send_signal(signal.SIGTERM)
    d.wait_log("was told EINTR$")
    assert d.wait() == 0
    c.close()


def test_a_worker_whose_call_never_ends_is_killed(daemon):
    d = daemon(HURRY, exit_code=1)
    c = begin_running(d, "/blocks/never")
    d.send_signal(signal.SIGTERM)
    d.wait_log(r"warn master: worker 0 \(pid \d+\) did not end in time")
    assert d.wait() == 1
    with pytest.raises((client.Broken, ConnectionResetError)):
        c.response()


def test_files_are_written_and_read(daemon):
    d = daemon(CONFIG)
    body = os.urandom(3_000_001)
    assert d.call("PUT", "/put/file", body=body).status == 201
    assert (d.dir / "file").read_bytes() == body
    assert d.get("/get/file").body == body
    assert d.get("/get/none").status == 404


def test_files_are_read_by_line(daemon):
    d = daemon(CONFIG)
    text = b"".join(b"x" * (i % 300) + b"\n" for i in range(20000)) + b"y" * 100_001 + b"\n" + b"z" * 100_000
    (d.dir / "file").write_bytes(text)
    assert d.get("/lines/file").text == "20002 lines, 1 too long, longest 100000\n"


def test_a_closed_file_leaves_no_descriptor(daemon):
    d = daemon(CONFIG)
    (d.dir / "file").write_bytes(b"x" * 1000)
    worker, = d.workers()
    with d.connect() as c:
        assert c.call("GET", "/get/file").status == 200
        before = len(os.listdir(f"/proc/{worker}/fd"))
        for _ in range(100):
            assert c.call("GET", "/get/file").status == 200
        wait_until(lambda: len(os.listdir(f"/proc/{worker}/fd")) <= before, d.story)
