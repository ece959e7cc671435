"""The hub may die at any time: it is replaced, its end is said, and nobody else notices."""
import os
import re
import signal

import pytest

from daemon import name_of, wait_until
from process import Load, begin, config, is_running, let_go, n_descriptors, pid_of

TWO = config("workers: 2\n")


def wait_for_hub(d, other_than=None):
    """Its pid, when it is there and all have been introduced to it."""
    def is_there():
        pid = d.hub()
        return pid if pid and pid != other_than and n_introduced(pid) == len(d.workers()) else None
    return wait_until(is_there, d.story)


def links(pid):
    found = []
    for number in os.listdir(f"/proc/{pid}/fd"):
        try:
            found.append(os.readlink(f"/proc/{pid}/fd/{number}"))
        except OSError:
            pass
    return found


def n_introduced(pid):
    """Workers: each has two sockets, for publications and for jobs. One more is the master's."""
    return (sum(link.startswith("socket:") for link in links(pid)) - 1) / 2


def everybody(d):
    return [d.pid, *d.children()]


def test_there_is_one(daemon):
    d = daemon(config("workers: 3\n"))
    assert wait_for_hub(d)
    assert len(d.children()) == 4


def test_it_is_replaced_at_once_and_the_reason_said(daemon):
    d = daemon(TWO)
    pid = wait_for_hub(d)
    workers = d.workers()
    os.kill(pid, signal.SIGKILL)
    d.wait_log(rf"error master: the hub \(pid {pid}\) ended: killed by signal 9 \(SIGKILL\); starting another$")
    assert wait_for_hub(d, other_than=pid)
    assert d.workers() == workers


def test_killed_again_and_again_it_costs_no_request_and_no_descriptor(daemon):
    d = daemon(config("workers: 2\naccess_log: off\n"))
    pid = wait_for_hub(d)
    workers = d.workers()
    before = {name_of(one): n_descriptors(one) for one in everybody(d)}
    load = Load(d, n=4)
    for _ in range(6):
        load.wait_for(50)
        os.kill(pid, signal.SIGKILL)
        pid = wait_for_hub(d, other_than=pid)
    load.wait_for(50)
    load.finish()
    assert not load.refused and not load.broken
    assert d.workers() == workers
    assert len(re.findall(r"the hub \(pid \d+\) ended: killed by signal 9", d.err.text)) == 6
    wait_until(lambda: {name_of(one): n_descriptors(one) for one in everybody(d)} == before, d.story)


def test_who_keeps_dying_has_to_wait(daemon):
    d = daemon(TWO)
    mark = d.mark()
    pid = None
    for pause in ("$", " in 100 ms: it keeps dying$", " in 200 ms: it keeps dying$"):
        pid = wait_for_hub(d, other_than=pid)
        os.kill(pid, signal.SIGABRT)
        d.wait_log(rf"\(pid {pid}\) ended: killed by signal 6 \(SIGABRT\).*; starting another{pause}", after=mark)
        assert d.get("/pid").status == 200


def test_a_new_worker_gets_to_know_it(daemon):
    d = daemon(TWO)
    pid = wait_for_hub(d)
    before = n_descriptors(pid)
    for _ in range(3):
        mark = d.mark()
        os.kill(d.workers()[0], signal.SIGKILL)
        d.wait_log("is ready again", after=mark)
        wait_until(lambda: n_descriptors(pid) == before, d.story)
    assert d.hub() == pid


def test_it_holds_neither_listening_sockets_nor_the_access_log(daemon):
    d = daemon(config("workers: 2\naccess_log: \"{dir}/access.log\"\n"))
    pid = wait_for_hub(d)
    held = links(pid)
    mine = {link for link in held if link.startswith("socket:")}
    assert len(mine) == 5
    for worker in d.workers():
        # Pairs have an inode for each end: what two processes see is one socket.
        assert not mine & set(links(worker))
        assert any(link.endswith("/access.log") for link in links(worker))
    assert not any(link.endswith("/access.log") for link in held)
    assert os.readlink(f"/proc/{pid}/fd/1") == "/dev/null"


def test_it_loads_no_module(daemon):
    d = daemon(TWO)
    with open(f"/proc/{wait_for_hub(d)}/maps", encoding="utf-8") as maps:
        assert "e2e_process.so" not in maps.read()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_it_ignores_what_a_terminal_sends(daemon, number):
    d = daemon(TWO)
    pid = wait_for_hub(d)
    os.kill(pid, number)
    os.kill(d.workers()[0], signal.SIGKILL)
    d.wait_log("is ready again")
    assert wait_for_hub(d) == pid


def test_told_to_terminate_it_is_replaced(daemon):
    d = daemon(TWO)
    pid = wait_for_hub(d)
    os.kill(pid, signal.SIGTERM)
    d.wait_log(rf"notice master: the hub \(pid {pid}\) ended: exit code 0; starting another$")
    assert wait_for_hub(d, other_than=pid)


def test_one_that_is_stuck_hinders_nobody(daemon):
    d = daemon(TWO)
    pid = wait_for_hub(d)
    os.kill(pid, signal.SIGSTOP)
    mark = d.mark()
    os.kill(d.workers()[0], signal.SIGKILL)
    d.wait_log("is ready again", after=mark)
    for _ in range(20):
        assert d.get("/pid").status == 200
    assert d.stop() == 0
    assert re.search(rf"warn master: the hub \(pid {pid}\) did not end in time", d.err.text)


def test_it_is_the_last_to_end(daemon):
    d = daemon(TWO)
    pid = wait_for_hub(d)
    c, worker = begin(d, "/until/go", "waits for go")
    d.send_signal(signal.SIGTERM)
    d.wait_log("says goodbye", count=2)
    wait_until(lambda: d.workers() == [worker], d.story)
    assert d.hub() == pid
    let_go(d, "go")
    assert c.response().text == "go has come\n"
    assert d.wait() == 0


def test_killed_while_the_daemon_stops_it_is_not_replaced(daemon):
    d = daemon(TWO)
    pid = wait_for_hub(d)
    c, _ = begin(d, "/until/go", "waits for go")
    d.send_signal(signal.SIGTERM)
    d.wait_log("says goodbye", count=2)
    os.kill(pid, signal.SIGKILL)
    d.wait_log(rf"warn master: the hub \(pid {pid}\) did not stop cleanly: killed by signal 9")
    let_go(d, "go")
    assert c.response().text == "go has come\n"
    assert d.wait() == 0
    assert "starting another" not in d.err.text


def test_when_the_master_is_killed_it_stays_for_the_workers_and_no_longer(daemon):
    d = daemon(TWO, exit_code=-signal.SIGKILL)
    pid = wait_for_hub(d)
    c, worker = begin(d, "/until/go", "waits for go")
    d.process.kill()
    d.wait_log("the master is gone", count=2)
    wait_until(lambda: n_introduced(pid) <= 1, d.story)
    assert is_running(pid)
    let_go(d, "go")
    assert c.response().text == "go has come\n"
    wait_until(lambda: not is_running(worker) and not is_running(pid), d.story)


def test_a_kill_of_worker_and_hub_together_is_survived(daemon):
    d = daemon(TWO)
    hub = wait_for_hub(d)
    with d.connect() as c:
        pid = pid_of(c)
        other = next(worker for worker in d.workers() if worker != pid)
        os.kill(other, signal.SIGKILL)
        os.kill(hub, signal.SIGKILL)
        d.wait_log("is ready again")
        assert wait_for_hub(d, other_than=hub)
        assert pid_of(c) == pid
