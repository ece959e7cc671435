"""TERM and INT: nobody new is let in, who is idle goes at once, who is busy may finish, for a while."""
import os
import signal
import time

import pytest

import client
from daemon import wait_until
from process import begin, config, is_running, let_go, pid_of

TWO = config("workers: 2\n")
ONE = config("workers: 1\n")
HURRY = "workers: 1\ngraceful_timeout: 300ms\n"
BOTH = pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])


def begin_stop(d, number=signal.SIGTERM):
    """Tells it to; returns when every worker has begun to drain."""
    n_workers = len(d.workers())
    mark = d.mark()
    d.send_signal(number)
    d.wait_log(r"notice master: stopping: requests in flight have \d+ ms to finish", after=mark)
    d.wait_log("says goodbye", count=n_workers, after=mark)


@BOTH
def test_an_idle_daemon_ends_at_once(daemon, number):
    d = daemon(TWO)
    began = time.monotonic()
    assert d.stop(number) == 0
    assert time.monotonic() - began < 15  # the grace is 30 s
    d.wait_log("notice master: stopped$")


def test_modules_hear_of_the_stop_before_they_are_shut_down(daemon):
    d = daemon(ONE)
    assert d.stop() == 0
    said = [line.rpartition(": ")[2] for line in d.err.lines if "e2e_process." in line]
    assert said == ["begins", "says goodbye", "shuts down"]


@BOTH
def test_idle_connections_are_closed_at_once(daemon, number):
    d = daemon(TWO)
    idle = [d.connect() for _ in range(10)]
    for c in idle:
        pid_of(c)
    begin_stop(d, number)
    for c in idle:
        c.assert_closed()
    assert d.wait() == 0


def test_a_connection_that_never_said_anything_is_idle_too(daemon):
    d = daemon(ONE)
    with d.connect() as silent, d.connect() as other:
        pid_of(other)  # accepted later than the silent one
        begin_stop(d)
        silent.assert_closed()
    assert d.wait() == 0


@BOTH
def test_a_request_in_flight_is_answered_and_the_connection_closed(daemon, number):
    d = daemon(TWO)
    c, _ = begin(d, "/until/go", "waits for go")
    begin_stop(d, number)
    c.assert_silent()
    let_go(d, "go")
    r = c.response()
    assert (r.status, r["connection"], r.text) == (200, "close", "go has come\n")
    c.assert_closed()
    assert d.wait() == 0


def test_a_response_that_has_begun_is_sent_to_its_end(daemon):
    d = daemon(ONE)
    c = d.connect()
    c.request("GET", "/half/go")
    assert c.head().status == 200
    assert c.chunk() == b"first half\n"
    begin_stop(d)
    let_go(d, "go")
    assert c.chunk() == b"second half\n"
    assert c.chunk() == b""
    assert c.rest() == b"\r\n"
    assert d.wait() == 0


def test_half_a_head_may_be_completed(daemon):
    d = daemon(ONE)
    c = d.connect()
    pid_of(c)
    c.send("GET /pid HTTP/1.1\r\nHo")
    with d.connect() as other:
        pid_of(other)  # by now half a head has been read
        begin_stop(d)
    c.send("st: x\r\n\r\n")
    r = c.response()
    assert (r.status, r["connection"]) == (200, "close")
    c.assert_closed()
    assert d.wait() == 0


def test_requests_sent_before_the_stop_are_answered_in_their_order(daemon):
    d = daemon(ONE)
    c, pid = begin(d, "/until/go", "waits for go")
    c.request("GET", "/pid")
    with d.connect() as other:
        pid_of(other)
        begin_stop(d)
    let_go(d, "go")
    first = c.response()
    assert first.text == "go has come\n"
    # It had been read already, or the first answer says close: one or the other, never a third.
    if first["connection"] is None:
        assert int(c.response().text) == pid
    c.rest()
    assert d.wait() == 0


def test_nobody_is_let_in_any_more(daemon):
    d = daemon(TWO)
    c, _ = begin(d, "/until/go", "waits for go")
    begin_stop(d)
    wait_until(d.refuses, d.story)
    let_go(d, "go")
    assert c.response().status == 200
    assert d.wait() == 0


def test_who_was_in_the_queue_when_the_stop_began_is_answered(daemon):
    d = daemon(ONE)
    busy, pid = begin(d, "/stuck/go", "is stuck")
    queued = [d.connect() for _ in range(20)]
    for c in queued:
        c.request("GET", "/pid")
    mark = d.mark()
    d.send_signal(signal.SIGTERM)
    d.wait_log("stopping", after=mark)
    let_go(d, "go")
    assert busy.response().text == "go has come\n"
    for c in queued:
        r = c.response()
        assert (int(r.text), r["connection"]) == (pid, "close")
    assert d.wait() == 0


# The end of patience.

def test_what_is_not_done_when_the_grace_is_over_is_cancelled(daemon):
    d = daemon(config(HURRY))
    c, _ = begin(d, "/until/never", "waits for never")
    began = time.monotonic()
    begin_stop(d)
    r = c.response()
    assert time.monotonic() - began >= 0.3
    assert (r.status, r["connection"]) == (503, "close")
    d.wait_log("was cancelled, reason 2, waiting for never")  # WEIR_SHUTDOWN
    d.wait_log("the grace is over: 1 connections? (is|are) cut off")
    assert d.wait() == 0


def test_a_response_cut_off_by_the_end_of_the_grace_does_not_look_complete(daemon):
    d = daemon(config(HURRY))
    c = d.connect()
    c.request("GET", "/half/never")
    assert c.head().status == 200
    assert c.chunk() == b"first half\n"
    d.send_signal(signal.SIGTERM)
    with pytest.raises((client.Broken, ConnectionResetError)):
        c.chunk()
    assert d.wait() == 0


@pytest.mark.parametrize("how, words", [("stubborn", "is stubborn"), ("stuck", "is stuck")])
def test_a_worker_that_does_not_end_is_killed_and_the_exit_code_says_so(daemon, how, words):
    d = daemon(config(HURRY), exit_code=1)
    c, pid = begin(d, f"/{how}/never", words)
    d.send_signal(signal.SIGTERM)
    d.wait_log(rf"warn master: worker 0 \(pid {pid}\) did not end in time")
    assert d.wait() == 1
    assert not is_running(pid)
    with pytest.raises((client.Broken, ConnectionResetError)):
        c.response()


def test_a_module_that_hangs_while_it_shuts_down_is_killed(daemon):
    d = daemon(config(HURRY, "shutdown: hang"), exit_code=1)
    d.send_signal(signal.SIGTERM)
    d.wait_log("did not end in time")
    assert d.wait() == 1


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_it_at_once(daemon, second):
    d = daemon(config("workers: 2\ngraceful_timeout: 1h\n"), exit_code=1)
    c, _ = begin(d, "/until/never", "waits for never")
    begin_stop(d)
    d.send_signal(second)
    d.wait_log("warn master: told to stop a second time: ending at once")
    assert d.wait() == 1
    with pytest.raises((client.Broken, ConnectionResetError)):
        c.response()


def test_two_signals_at_once_end_it_too(daemon):
    d = daemon(config("workers: 1\ngraceful_timeout: 1h\n"), exit_code=None)
    c, pid = begin(d, "/until/never", "waits for never")
    d.send_signal(signal.SIGTERM)
    d.send_signal(signal.SIGINT)
    assert d.wait() in (0, 1)
    assert not is_running(pid)
    c.close()


def test_a_terminals_interrupt_which_all_processes_get_is_an_orderly_stop(daemon):
    d = daemon(TWO)
    c, _ = begin(d, "/until/go", "waits for go")
    os.killpg(d.pid, signal.SIGINT)
    d.wait_log("says goodbye", count=2)
    let_go(d, "go")
    assert c.response().status == 200
    assert d.wait() == 0


def test_a_service_managers_term_to_all_processes_is_an_orderly_stop(daemon):
    d = daemon(TWO)
    c, _ = begin(d, "/until/go", "waits for go")
    os.killpg(d.pid, signal.SIGTERM)
    d.wait_log("says goodbye", count=2)
    let_go(d, "go")
    assert c.response().status == 200
    assert d.wait() == 0


def test_a_stop_while_workers_start_is_a_stop(daemon):
    d = daemon(config("workers: 2\n", "startup: wait"), ready=None, exit_code=None)
    d.wait_log(r"e2e_process\.startup: waits", count=2)
    began = time.monotonic()
    assert d.stop() == 0
    assert time.monotonic() - began < 15
