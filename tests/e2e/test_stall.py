"""Handlers that hold the loop, or crash: the log says which, where in their code, and nobody else suffers."""
import os
import re
import signal
import threading
import time

import pytest

import client
from daemon import SANITIZED, wait_until
from process import connect_to, let_go, pid_of

CONFIG = """
log_level: info
listen: [{address: "{address}"}]
module_path: ["{build}/tests/modules"]
modules: [{path: e2e_stall.so, settings: {dir: "{dir}"}}]
access_log: off
routes:
  - {path: "/burn/{ms}/{name}", handler: e2e_stall.burn}
  - {path: "/nap/{ms}", handler: e2e_stall.nap}
  - {path: "/nap/{ms}/{name}", handler: e2e_stall.nap}
  - {path: "/spawn/{ms}/{name}", handler: e2e_stall.spawn}
  - {path: "/crash/{how}", handler: e2e_stall.crash}
  - {path: "/pid", handler: e2e_stall.pid}
"""
ONE = "workers: 1\n" + CONFIG
TWO = "workers: 2\n" + CONFIG
ID = "[0-9a-f]{16}"


def frame(name):
    """A line of a backtrace that names this function of the module, its file and its line."""
    return rf"#\d+ {name} at \S*tests/modules/e2e_stall\.c:\d+ \(e2e_stall\.so\+0x[0-9a-f]+\)$"


def line_of(words):
    """The number of the line of the module's source that has these words."""
    source = os.path.join(os.path.dirname(__file__), "../modules/e2e_stall.c")
    with open(source, encoding="utf-8") as lines:
        return next(n for n, line in enumerate(lines, 1) if words in line)


def test_who_computes_is_named_while_it_still_does(daemon):
    d = daemon(ONE)
    with d.connect() as c:
        c.request("GET", "/burn/1000/end")
        line = d.wait_log(r"warn worker 0: e2e_stall\.burn \(GET /burn/1000/end, route /burn/\{ms\}/\{name\}, request " + ID +
                          r"\) has held the loop for \d+ ms: it computes$")
        assert int(re.search(r"for (\d+) ms", line)[1]) >= 100
        c.assert_silent()  # not answered yet
        let_go(d, "end")
        assert c.response().status == 200
    d.wait_log(r"warn worker 0: " + frame("burn_now"))
    d.wait_log(r"warn worker 0: " + frame("burn"))
    line = d.wait_log(r"warn worker 0: the loop turns again, after \d+ ms$")
    assert int(re.search(r"after (\d+) ms", line)[1]) >= 1000


def test_who_sleeps_in_a_system_call_is_named_and_not_woken(daemon):
    d = daemon(ONE)
    with d.connect() as c:
        c.request("GET", "/nap/500/end")
        d.wait_log(r"e2e_stall\.nap \(GET /nap/500/end, route /nap/\{ms\}/\{name\}, request " + ID +
                   r"\) has held the loop for \d+ ms: it sleeps in clock_nanosleep\(\)$")
        let_go(d, "end")
        # Its nanosleep(2) was not interrupted: it says so.
        assert c.response().text == "slept\n"
    d.wait_log(r"warn worker 0: " + frame("nap_now"))
    d.wait_log(r"warn worker 0: " + frame("nap"))
    d.wait_log("the loop turns again")


def test_a_task_that_a_handler_has_spawned_is_named_with_it(daemon):
    d = daemon(ONE)
    with d.connect() as c:
        c.request("GET", "/spawn/0/end")
        d.wait_log(r"burn_later \(\S*e2e_stall\.c:\d+\) of e2e_stall\.spawn \(GET /spawn/0/end, route /spawn/\{ms\}/\{name\}, "
                   r"request " + ID + r"\).*: it computes$")
        let_go(d, "end")
        assert c.response().text == "burnt\n"
    d.wait_log(frame("burn_later"))


def test_the_other_worker_goes_on(daemon):
    d = daemon(TWO)
    stuck, pid = connect_to(d, lambda pid: True)
    other, _ = connect_to(d, lambda other: other != pid)
    stuck.request("GET", "/nap/500/end")
    d.wait_log(r"e2e_stall\.nap .* has held the loop")
    for _ in range(20):
        assert pid_of(other) != pid
    stuck.assert_silent()
    let_go(d, "end")
    assert stuck.response().text == "slept\n"


def test_a_handler_that_is_slow_each_time_does_not_fill_the_log(daemon):
    began = time.monotonic()
    d = daemon("stall_limit: 10ms\n" + ONE)
    for _ in range(20):
        assert d.get("/nap/50").status == 200
    d.wait_log("the loop turns again")
    # Three, and one more for every five seconds that this has taken.
    assert len(re.findall("it sleeps in", d.err.text)) <= 3 + (time.monotonic() - began) // 5
    # But who is stuck until there may be another line is told of then.
    with d.connect() as c:
        c.request("GET", "/burn/0/end")
        d.wait_log(r"e2e_stall\.burn \(GET /burn/0/end, .* has held the loop for \d+ ms")
        let_go(d, "end")
        assert c.response().status == 200


def test_without_a_limit_nobody_watches(daemon):
    d = daemon("stall_limit: 0s\n" + ONE)
    assert os.listdir(f"/proc/{d.workers()[0]}/task") == [str(d.workers()[0])]
    assert d.get("/nap/300").text == "slept\n"
    assert "loop" not in d.err.text


def test_past_stall_abort_the_worker_is_replaced(daemon):
    d = daemon("stall_abort: 2s\n" + TWO)
    victim, pid = connect_to(d, lambda pid: True)
    victim.request("GET", "/burn/0/never")
    d.wait_log(r"warn worker \d: e2e_stall\.burn \(GET /burn/0/never")
    d.wait_log(r"error worker \d: the loop has not turned for \d+ ms: longer than stall_abort")
    d.wait_log(rf"error master: worker \d \(pid {pid}\) ended: killed by signal 9 \(SIGKILL\): it has held its "
               r"loop for longer than stall_abort \(2000 ms\); the last request was for e2e_stall\.burn; "
               r"starting another")
    with pytest.raises((client.Broken, ConnectionResetError)):
        victim.response()
    d.wait_log("is ready again")
    d.wait_log(frame("burn_now"))
    assert len(d.workers()) == 2 and pid not in d.workers()


def test_an_idle_worker_is_not_woken_by_its_watchdog(daemon):
    d = daemon(ONE)
    pid = d.workers()[0]
    assert d.get("/pid").status == 200
    watcher = next(tid for tid in os.listdir(f"/proc/{pid}/task") if tid != str(pid))

    def switches():
        with open(f"/proc/{pid}/task/{watcher}/status", encoding="utf-8") as lines:
            return [line for line in lines if "ctxt_switches" in line]

    def is_still():
        before = switches()
        threading.Event().wait(1)
        return switches() == before
    # Not at once: first it looks whether the loop turns again, and the loop may have a time-out to see to.
    wait_until(is_still, d.story)


# What crashes.

@pytest.mark.skipif(SANITIZED, reason="its own handler speaks first")
def test_a_crash_is_logged_with_function_file_and_line(daemon):
    d = daemon(TWO)
    c, pid = connect_to(d, lambda pid: True)
    c.request("GET", "/crash/segv")
    d.wait_log(rf"error master: worker \d \(pid {pid}\) ended: killed by signal 11 \(SIGSEGV\)")
    d.wait_log(r"error worker \d: SIGSEGV at address 0x8 in e2e_stall\.crash \(GET /crash/segv, route /crash/\{how\}, request " +
               ID + r"\)$")
    where = d.wait_log(r"error worker \d: #0 crash_now at \S*tests/modules/e2e_stall\.c:\d+ \(e2e_stall\.so")
    assert f"e2e_stall.c:{line_of('the line that the backtrace names')} " in where
    d.wait_log(frame("crash"))
    d.wait_log("is ready again")


def test_a_failed_assertion_is_seen_through_the_c_library(daemon):
    d = daemon(TWO)
    c, pid = connect_to(d, lambda pid: True)
    c.request("GET", "/crash/assert")
    d.wait_log(rf"error master: worker \d \(pid {pid}\) ended: killed by signal 6 \(SIGABRT\)")
    d.wait_log(r"error worker \d: SIGABRT in e2e_stall\.crash \(GET /crash/assert, route /crash/\{how\}, request ")
    d.wait_log(frame("crash_now"))
    d.wait_log(frame("crash"))
    d.wait_log("is ready again")


def test_a_signal_from_outside_is_logged_with_where_the_worker_was(daemon):
    d = daemon(TWO, reports="SEGV")
    pid = d.workers()[0]
    os.kill(pid, signal.SIGABRT)
    d.wait_log(r"error worker \d: SIGABRT in no task$")
    d.wait_log(r"error worker \d: #\d+ worker_main at \S+ \(libweir")
    d.wait_log("is ready again")


def test_the_report_of_a_crash_is_finished_before_the_daemon_ends(daemon):
    d = daemon(ONE)
    with d.connect() as c:
        c.request("GET", "/crash/assert")
        d.wait_log(r"ended: killed by signal 6")
        assert d.stop() == 0
    assert re.search(frame("crash"), d.err.text, re.MULTILINE)
