"""Health checks on an address of their own: what they say is true, also while workers cannot say anything."""
import os
import signal
import time

import pytest

import client
from daemon import children_of, name_of, wait_until

CONFIG = """
workers: 2
log_level: notice
access_log: off
stall_limit: 100ms
listen: [{address: "{address}"}]
health: {listen: "unix:{dir}/health.sock", stall: 2s, notice: %s}
module_path: ["{build}/tests/modules"]
modules: [{path: e2e_module.so}, {path: e2e_stall.so}]
routes:
  - {path: /hello, handler: e2e_module.hello}
  - {path: "/nap/{ms}", handler: e2e_stall.nap}
"""


def ask(d, path, method="GET"):
    with client.Connection(d.dir / "health.sock") as c:
        return c.call(method, path)


def ctl_of(d):
    """The pid of the ctl process, once there is one."""
    return wait_until(lambda: next((pid for pid in children_of(d.pid) if name_of(pid) == "weir:ctl"), None))


@pytest.fixture
def d(daemon):
    return daemon(CONFIG % "0")


def test_all_is_well(d):
    for path in ("/healthz", "/readyz"):
        response = ask(d, path)
        assert (response.status, response.text) == (200, "ok\n")
        assert response["cache-control"] == "no-store"
        assert ask(d, path, "HEAD").status == 200
        assert ask(d, path, "POST").status == 405
    assert ask(d, "/hello").status == 404
    # And it is nowhere else.
    assert d.get("/healthz").status == 404


def test_a_worker_that_is_stuck_is_named_while_it_is(d):
    with d.connect() as c:
        c.request("GET", "/nap/60000")
        found = wait_until(lambda: (r := ask(d, "/healthz")).status == 503 and r.text)
        words = found.splitlines()
        assert len(words) == 1
        assert " is stuck: its loop has not turned for " in words[0]
        assert ask(d, "/readyz").status == 503
        # By its pid it can be helped; another takes its place, and all is well again.
        os.kill(int(words[0].partition("(pid ")[2].partition(")")[0]), signal.SIGKILL)
    wait_until(lambda: ask(d, "/healthz").status == 200 and ask(d, "/readyz").status == 200)


def test_a_worker_that_was_stopped_is_named_also_if_it_had_nothing_to_do(d):
    pid = d.workers()[0]
    os.kill(pid, signal.SIGSTOP)
    try:
        words = wait_until(lambda: (r := ask(d, "/healthz")).status == 503 and r.text)
        assert f"(pid {pid}) is stopped, by a signal or a debugger" in words
        assert ask(d, "/readyz").status == 503
    finally:
        os.kill(pid, signal.SIGCONT)
    wait_until(lambda: ask(d, "/healthz").status == 200 and ask(d, "/readyz").status == 200)


def test_a_worker_that_has_nothing_to_do_is_well(d):
    # For longer than "stall": its loop does not turn either.
    until = time.monotonic() + 2.5
    while time.monotonic() < until:
        assert ask(d, "/healthz").status == 200
        time.sleep(0.1)


def test_who_asks_waits_for_the_next_ctl_process(d):
    for _ in range(3):
        pid = ctl_of(d)
        os.kill(pid, signal.SIGKILL)
        assert ask(d, "/readyz").status == 200
        assert ctl_of(d) != pid
        assert d.get("/hello").status == 200
    d.wait_log("error master: the ctl process .* killed by signal 9 .*; starting another", 3)


def test_not_ready_before_it_stops_listening(daemon):
    d = daemon(CONFIG % "60s")
    d.process.send_signal(signal.SIGTERM)
    d.wait_log("notice master: stopping in 60000 ms; until then clients are served")
    response = ask(d, "/readyz")
    assert (response.status, response.text) == (503, "the daemon is leaving\n")
    assert ask(d, "/healthz").status == 200
    assert d.get("/hello").status == 200
    # The end of the test asks a second time: then it does not wait any longer.
