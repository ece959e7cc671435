"""Master and workers: who dies is replaced, its reason is said, and nobody else notices."""
import os
import re
import signal
import socket

import pytest

import client
from daemon import SANITIZED, name_of, wait_until
from process import Load, begin, config, connect_to, is_running, let_go, pid_of

TWO = config("workers: 2\n")
ONE = config("workers: 1\n")

# How the process ends: what the master says of it. A sanitizer ends it in its own way.
CRASHES = {
    "segv": r"exit code 1|signal 11 \(SIGSEGV\)",
    "abort": r"signal 6 \(SIGABRT\)",
    "overflow": r"exit code 1|signal 11 \(SIGSEGV\)",
    "exit": r"exit code 42",
    "kill": r"signal 9 \(SIGKILL\), perhaps because memory ran out",
}
CRASH_REPORTS = "SEGV|stack-overflow"


def test_the_master_has_the_workers_it_was_asked_for(daemon):
    d = daemon(config("workers: 3\n"))
    assert len(d.workers()) == 3
    assert {pid_of(connect_to(d, lambda pid: True)[0]) for _ in range(100)} == set(d.workers())
    d.wait_log(rf"ready: listening on 127\.0\.0\.1:{d.port}, 3 workers, pid {d.pid}$")


def test_each_process_has_a_name(daemon):
    d = daemon(TWO)
    wait_until(d.hub, d.story)
    assert sorted(map(name_of, d.children())) == ["weir:hub", "weir:worker 0", "weir:worker 1"]


# Who dies is replaced.

def test_a_worker_killed_is_replaced_at_once_and_its_reason_said(daemon):
    d = daemon(TWO)
    before = d.workers()
    os.kill(before[0], signal.SIGKILL)
    d.wait_log(rf"error master: worker \d \(pid {before[0]}\) ended: killed by signal 9 \(SIGKILL\), "
               r"perhaps because memory ran out.*; starting another$")
    d.wait_log(r"notice master: worker \d is ready again, pid \d+")
    after = d.workers()
    assert len(after) == 2 and before[1] in after and before[0] not in after


def test_the_masters_words_on_a_death_name_the_last_route(daemon):
    d = daemon(ONE)
    c, pid = begin(d, "/until/never", "waits for never")
    os.kill(pid, signal.SIGKILL)
    d.wait_log(rf"pid {pid}\) ended: .*; the last request was for e2e_process\.until; starting another$")
    c.close()


@pytest.mark.parametrize("how", CRASHES)
def test_a_handler_that_crashes_takes_only_its_own_worker(daemon, how):
    d = daemon(TWO, reports=CRASH_REPORTS)
    survivor, other = begin(d, "/until/go", "waits for go")
    victim, pid = connect_to(d, lambda pid: pid != other)
    mark = d.mark()
    victim.request("GET", f"/crash/{how}")
    with pytest.raises((client.Broken, ConnectionResetError)):
        victim.response()
    d.wait_log(rf"error master: worker \d \(pid {pid}\) ended: .*({CRASHES[how]}).*"
               r"; the last request was for e2e_process\.crash; starting another", after=mark)
    d.wait_log("is ready again", after=mark)
    let_go(d, "go")
    assert survivor.response().text == "go has come\n"
    assert pid_of(survivor) == other
    assert other in d.workers() and len(d.workers()) == 2


@pytest.mark.skipif(SANITIZED, reason="its own handler speaks first")
def test_a_stack_that_overflows_is_named(daemon):
    d = daemon(TWO)
    with d.connect() as c:
        c.request("GET", "/crash/overflow")
        d.wait_log(r"error worker \d: task e2e_process\.crash has overflowed its stack of \d+ bytes")
        d.wait_log("is ready again")


def test_what_waits_in_a_dead_workers_queue_is_answered_by_the_next(daemon):
    d = daemon(ONE)
    busy, pid = begin(d, "/stuck/never", "is stuck")
    queued = [d.connect() for _ in range(20)]
    for c in queued:
        c.request("GET", "/pid")
    os.kill(pid, signal.SIGKILL)
    answers = {int(c.response().text) for c in queued}
    assert answers == set(d.workers()) and pid not in answers
    with pytest.raises((client.Broken, ConnectionResetError)):
        busy.response()


def test_under_load_a_kill_costs_only_the_connections_of_that_worker(daemon):
    d = daemon(config("workers: 3\naccess_log: off\n"))
    load = Load(d)
    dead = set()
    for _ in range(3):
        load.wait_for(100)
        pid = d.workers()[0]
        mark = d.mark()
        os.kill(pid, signal.SIGKILL)
        dead.add(pid)
        d.wait_log("is ready again", after=mark)
    load.wait_for(100)
    load.finish()
    assert not load.refused
    # At most what each client had open then; one that had been answered knows by whom.
    assert len(load.broken) <= 3 * len(load.threads)
    assert {pid for pid, _ in load.broken} <= dead | {None}


def test_a_worker_told_to_terminate_leaves_and_is_replaced_and_no_request_fails(daemon):
    d = daemon(config("workers: 2\naccess_log: off\n"))
    load = Load(d)
    for _ in range(3):
        load.wait_for(50)
        pid = d.workers()[0]
        mark = d.mark()
        os.kill(pid, signal.SIGTERM)
        d.wait_log(rf"notice master: worker \d \(pid {pid}\) ended: exit code 0; starting another", after=mark)
        d.wait_log("is ready again", after=mark)
    load.finish()
    assert not load.refused
    # A client may have been about to send its next request on a connection that closed as idle.
    for _, problem in load.broken:
        assert isinstance(problem, (client.Broken, ConnectionResetError, BrokenPipeError)), problem


def test_a_worker_told_to_terminate_that_does_not_end_is_killed_and_replaced(daemon):
    d = daemon(config("workers: 1\ngraceful_timeout: 300ms\n"))
    c, pid = begin(d, "/stubborn/never", "is stubborn")
    os.kill(pid, signal.SIGTERM)
    d.wait_log(rf"warn master: worker 0 \(pid {pid}\) did not end in time")
    d.wait_log("is ready again")
    assert d.get("/pid").status == 200
    c.close()


# Who keeps dying has to wait.

def test_a_crash_loop_backs_off_and_the_others_serve_meanwhile(daemon):
    d = daemon(TWO)
    let_go(d, "doomed")
    pid = d.workers()[0]
    mark = d.mark()
    os.kill(pid, signal.SIGKILL)
    d.wait_log(r"killed by signal 9 .*; starting another$", after=mark)
    for pause in (100, 200, 400):
        d.wait_log(rf"signal 6 \(SIGABRT\); starting another in {pause} ms: it keeps dying$", after=mark)
    # The kernel still gives connections to the dead worker's socket.
    for _ in range(50):
        assert d.get("/pid").status == 200
    (d.dir / "doomed").unlink()
    d.wait_log("is ready again", after=mark)
    assert len(d.workers()) == 2


def test_when_the_only_worker_is_in_a_crash_loop_clients_wait_for_it(daemon):
    d = daemon(ONE)
    let_go(d, "doomed")
    mark = d.mark()
    os.kill(d.workers()[0], signal.SIGKILL)
    d.wait_log(r"in 100 ms: it keeps dying", after=mark)
    with d.connect() as c:
        c.request("GET", "/pid")
        d.wait_log(r"in 200 ms: it keeps dying", after=mark)
        (d.dir / "doomed").unlink()
        assert c.response().status == 200


def test_a_crash_loop_does_not_hinder_the_stop(daemon):
    d = daemon(ONE)
    let_go(d, "doomed")
    os.kill(d.workers()[0], signal.SIGKILL)
    d.wait_log(r"in 400 ms: it keeps dying")
    assert d.stop() == 0


# Nobody outlives the master.

def is_free(port):
    """Could another daemon have it? Not while anybody listens."""
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(("127.0.0.1", port))
            s.listen(1)
        except OSError:
            return False
        return True


def test_workers_end_when_the_master_is_killed_and_the_address_is_free(daemon):
    d = daemon(TWO, exit_code=-signal.SIGKILL)
    workers = d.workers()
    d.process.kill()
    wait_until(lambda: not any(map(is_running, workers)), d.story)
    d.wait()
    assert len(re.findall(r"error worker \d: the master is gone: stopping", d.err.text)) == 2
    assert len(re.findall("shuts down", d.err.text)) == 2
    assert is_free(d.port)


def test_what_is_in_flight_when_the_master_is_killed_is_finished(daemon):
    d = daemon(TWO, exit_code=-signal.SIGKILL)
    c, pid = begin(d, "/until/go", "waits for go")
    d.process.kill()
    d.wait_log("the master is gone", count=2)
    wait_until(lambda: is_free(d.port), d.story)  # although a worker still runs
    assert is_running(pid)
    let_go(d, "go")
    r = c.response()
    assert (r.text, r["connection"]) == ("go has come\n", "close")
    wait_until(lambda: not is_running(pid), d.story)


def test_a_handler_that_never_ends_does_not_outlive_the_master(daemon):
    d = daemon(config("workers: 1\ngraceful_timeout: 100ms\n"), exit_code=-signal.SIGKILL)
    c, pid = begin(d, "/stubborn/never", "is stubborn")
    d.process.kill()
    wait_until(lambda: not is_running(pid), d.story)
    c.close()


def test_the_next_daemon_can_start_on_the_address_of_one_that_was_killed(daemon):
    first = daemon(TWO, exit_code=-signal.SIGKILL)
    workers = first.workers()
    first.process.kill()
    wait_until(lambda: not any(map(is_running, workers)), first.story)
    second = daemon(TWO.replace("{address}", f"127.0.0.1:{first.port}"))
    second.address = first.address
    assert second.get("/pid").status == 200
