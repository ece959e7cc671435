"""Routes whose handlers take their worker with them too often: they are closed, the others go on."""
import os
import re
import signal

import pytest

import client
import websocket

CONFIG = """
workers: 2
log_level: notice
crash_limit: 3
crash_window: 1h
access_log: off
listen: [{address: "{address}"}]
module_path: ["{build}/tests/modules"]
modules: [{path: e2e_crash.so}]
routes:
  - {path: /pid, handler: e2e_crash.pid}
  - {path: "/crash/{way}", methods: [GET], handler: e2e_crash.in_handler}
  - {path: /crash, handler: e2e_crash.in_handler}
  - {path: /spawned, handler: e2e_crash.in_spawned}
  - {path: /background, handler: e2e_crash.in_background}
  - {path: /session, handler: e2e_crash.in_session, websocket: true}
  - {path: /message, handler: e2e_crash.in_message, websocket: true}
"""
CLOSED = r"error master: the route %s \(e2e_crash\.%s\) has crashed 3 times within 3600 s: it is answered 503"


def crash(d, begin):
    """begin() is the end of a worker: waits until there is another."""
    mark = d.mark()
    with pytest.raises((client.Broken, OSError)):
        begin()
    d.wait_log("is ready again", after=mark)


def both(d):
    """A connection to each of the two workers."""
    found = {}
    for _ in range(200):
        c = d.connect()
        pid = int(c.call("GET", "/pid").text)
        if pid in found:
            c.close()
        found.setdefault(pid, c)
        if len(found) == 2:
            return found
    raise AssertionError(f"200 connections, and only one worker\n{d.story()}")


def knows(connection, target):
    return connection.call("GET", target).status == 503


def test_a_route_that_keeps_crashing_is_closed_and_the_others_go_on(daemon):
    d = daemon(CONFIG)
    for i in range(3):
        assert "has crashed" not in d.err.text
        crash(d, lambda: d.get(f"/crash/{i}"))
    d.wait_log(CLOSED % (r"/crash/\{way\}", "in_handler") + r".*; when it is mended, a reload \(SIGHUP\) or a restart")
    # Who was there then has heard of it by a message before it answers a request.
    workers = both(d)
    for c in workers.values():
        r = c.call("GET", "/crash/x")
        assert r.status == 503 and "crashed too often" in r.text
        assert r["retry-after"] is None
        assert c.call("HEAD", "/crash/x").status == 503
        assert c.call("POST", "/crash/x").status == 405
    # Nobody died of that, and who comes later knows it from the beginning.
    assert set(workers) == set(d.workers())
    mark = d.mark()
    os.kill(d.workers()[0], signal.SIGKILL)
    d.wait_log("is ready again", after=mark)
    for c in both(d).values():
        assert knows(c, "/crash/x") and c.call("GET", "/pid").status == 200
    assert len(re.findall("has crashed 3 times", d.err.text)) == 1


def test_a_reload_opens_it_again(daemon):
    d = daemon(CONFIG)
    for _ in range(3):
        crash(d, lambda: d.get("/crash"))
    d.wait_log(CLOSED % ("/crash", "in_handler"))
    for c in both(d).values():
        assert knows(c, "/crash")
    mark = d.mark()
    os.kill(d.pid, signal.SIGHUP)
    d.wait_log("reloaded: listening on", after=mark)

    def until_it_crashes():
        while d.get("/crash").status == 503:
            pass  # an old worker, which may take a connection still

    for _ in range(3):
        assert len(re.findall("has crashed 3 times", d.err.text)) == 1
        crash(d, until_it_crashes)
    d.wait_log(CLOSED % ("/crash", "in_handler"), count=2)


def test_routes_with_the_same_handler_are_counted_apart(daemon):
    d = daemon(CONFIG)
    crash(d, lambda: d.get("/crash/a"))
    crash(d, lambda: d.get("/crash"))
    crash(d, lambda: d.get("/crash"))
    assert "has crashed" not in d.err.text
    crash(d, lambda: d.get("/crash"))
    d.wait_log(CLOSED % ("/crash", "in_handler"))
    crash(d, lambda: d.get("/crash/a"))


def test_a_task_that_a_handler_has_spawned_is_the_routes(daemon):
    d = daemon(CONFIG)
    for _ in range(3):
        crash(d, lambda: d.get("/spawned"))
    d.wait_log(CLOSED % ("/spawned", "in_spawned"))
    d.wait_log(r"error worker \d: SIGABRT in abort_later \(\S*e2e_crash\.c:\d+\) of e2e_crash\.in_spawned \(GET /spawned, ")


def test_a_background_task_closes_no_route(daemon):
    d = daemon(CONFIG)
    for _ in range(4):
        mark = d.mark()
        assert d.get("/background").text == "soon\n"
        d.wait_log("is ready again", after=mark)
    assert "has crashed" not in d.err.text


@pytest.mark.parametrize("name", ["session", "message"])
def test_a_websocket_route_is_closed_to_new_sessions(daemon, name):
    def begin():
        with websocket.Session(d.address, f"/{name}") as ws:
            ws.send(websocket.frame(b"crash"))
            ws.message()

    d = daemon(CONFIG)
    for _ in range(3):
        crash(d, begin)
    d.wait_log(CLOSED % (f"/{name}", f"in_{name}"))
    for c in both(d).values():
        assert c.call("GET", f"/{name}").status == 503
