"""HUP: another configuration, other modules, other workers, and nobody has noticed. WEIR_RELOADS: how often under load."""
import os
import re
import shutil
import signal
import subprocess

import pytest

import client
import jobs
from daemon import BUILD, SANITIZED, WAIT_S, name_of, wait_until
from process import begin, config, is_running, let_go, pid_of, reload, upgrade
from websocket import Session

RELOADS = int(os.environ.get("WEIR_RELOADS", 2 if SANITIZED else 5))
SESSIONS = int(os.environ.get("WEIR_RELOAD_SESSIONS", 100))
ONE = config("workers: 1\n")
TWO = config("workers: 2\n")

SITE = """
log_level: notice
access_log: off
workers: 2
reload_spread: %s
websocket_grace: %s
listen: [{address: "{address}"}]
module_path: ["{build}/tests/modules", "{build}/examples"]
modules: [{path: e2e_process.so, settings: {dir: "{dir}"}}, {path: wsecho.so}, {path: events.so}, {path: e2e_flow.so}]
routes:
  - {path: /pid, handler: e2e_process.pid}
  - {path: /ws/echo, websocket: true, handler: wsecho.echo}
  - {path: "/events/{topic}", methods: [GET], handler: events.listen}
  - {path: "/relay/{topic}", websocket: true, handler: e2e_flow.relay}
  - {path: "/publish/{topic}", handler: e2e_flow.publish}
"""


def site(spread="200ms", grace="0s"):
    return SITE % (spread, grace)


def fails(d, words):
    """HUP, and nothing comes of it but these words."""
    workers, mark = d.workers(), d.mark()
    d.send_signal(signal.SIGHUP)
    d.wait_log("the new configuration is not used: nothing has changed", after=mark)
    d.wait_log(words, after=mark)
    assert set(workers) <= set(d.workers())
    assert d.get("/pid").status == 200
    return workers


# Under load.

class Wrk:
    """wrk, until it is asked what it has seen."""

    def __init__(self, d, *arguments):
        # It reads what malloc() has not cleared, and then does not hear that it is to end.
        env = {name: value for name, value in os.environ.items() if name != "MALLOC_PERTURB_"}
        self.process = subprocess.Popen(
            ["wrk", "-t1", "-d600", "--timeout", str(int(WAIT_S)), *arguments, f"http://127.0.0.1:{d.port}/pid"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env)

    def result(self):
        """How many requests it made, and what it complains about."""
        self.process.send_signal(signal.SIGINT)
        text = self.process.communicate(timeout=WAIT_S)[0]
        complaints = re.findall(r"Socket errors.*|Non-2xx.*|unable.*", text)
        return int(re.search(r"(\d+) requests in", text).group(1)), complaints, text

    def kill(self):
        self.process.kill()
        self.process.wait()


@pytest.mark.skipif(not shutil.which("wrk"), reason="needs wrk")
def test_reloads_under_load_fail_no_request(daemon):
    d = daemon(site())
    loads = [Wrk(d, "-c20"), Wrk(d, "-c10", "-H", "Connection: close")]
    try:
        for _ in range(RELOADS):
            workers = d.workers()
            reload(d)
            # The next generation is others', and has answered.
            wait_until(lambda: int(d.get("/pid").text) not in workers, d.story)
        results = [load.result() for load in loads]
    finally:
        for load in loads:
            load.kill()
    for n, complaints, text in results:
        assert n > 0 and not complaints, text + d.story()
    assert len(re.findall("reloaded: ", d.err.text)) == RELOADS


def test_sessions_see_nothing_but_1012(daemon):
    d = daemon(site())
    sessions = [Session(d.address) for _ in range(SESSIONS)]
    for s in sessions:
        assert s.ask("before") == "before"
    workers = d.workers()
    reload(d)
    for s in sessions:
        assert s.closing() == (1012, "")
        s.close()
    with Session(d.address) as s:
        assert s.ask("after") == "after"
    wait_until(lambda: not any(map(is_running, workers)), d.story)


def test_sessions_may_stay_and_hear_what_others_publish(daemon):
    d = daemon(site(grace="1h"))
    with Session(d.address, "/relay/news") as s, Session(d.address) as echo:
        reload(d)
        assert echo.ask("still here") == "still here"
        assert d.get("/publish/news?text=new").status == 200
        assert s.hear().startswith("new ")
        d.send_signal(signal.SIGTERM)
        assert echo.closing()[0] == 1012
    assert d.wait() == 0


def test_streams_of_events_end_well(daemon):
    d = daemon(site())
    c = d.connect()
    c.request("GET", "/events/x")
    assert c.head().status == 200
    assert c.chunk() == b":\n"
    reload(d)
    while c.chunk():
        pass
    assert c._exactly(2) == b"\r\n"
    r = c.call("GET", "/pid")
    assert (r.status, r["connection"]) == (200, "close")


def test_a_request_in_flight_is_answered_by_the_old_worker(daemon):
    d = daemon(TWO)
    c, pid = begin(d, "/until/go", "waits for go")
    idle = d.connect()
    old = pid_of(idle)
    reload(d)
    d.wait_log("says goodbye", count=2)
    # Who is idle has not been sent away, but is after its next answer.
    r = idle.call("GET", "/pid")
    assert (int(r.text), r["connection"]) == (old, "close")
    idle.assert_closed()
    assert pid_of(d.connect()) not in (old, pid)
    c.assert_silent()
    let_go(d, "go")
    r = c.response()
    assert (r.text, r["connection"]) == ("go has come\n", "close")
    wait_until(lambda: not is_running(pid), d.story)


def test_who_is_idle_goes_in_the_end(daemon):
    d = daemon(config("workers: 1\ngraceful_timeout: 400ms\n"))
    idle = d.connect()
    pid = pid_of(idle)
    reload(d)
    idle.assert_closed()
    wait_until(lambda: not is_running(pid), d.story)


def test_what_is_not_done_at_the_end_of_the_grace_is_cancelled(daemon):
    d = daemon(config("workers: 1\ngraceful_timeout: 300ms\n"))
    c, pid = begin(d, "/until/never", "waits for never")
    reload(d)
    r = c.response()
    assert (r.status, r["connection"]) == (503, "close")
    wait_until(lambda: not is_running(pid), d.story)


def test_an_old_worker_that_does_not_end_is_killed(daemon):
    d = daemon(config("workers: 1\ngraceful_timeout: 300ms\n"))
    c, pid = begin(d, "/stuck/never", "is stuck")
    reload(d)
    d.wait_log(rf"warn master: worker 0 \(pid {pid}\) did not end in time")
    # Before the daemon stops: then it would be one that did not stop cleanly.
    d.wait_log(rf"warn master: worker 0 \(pid {pid}\) did not stop cleanly: killed by signal 9")
    assert not is_running(pid)
    assert d.get("/pid").status == 200
    c.close()


# What changes.

def test_other_routes_are_there_and_former_ones_gone(daemon):
    d = daemon(ONE)
    d.write_config(ONE.replace("path: /quiet", "path: /silent"))
    assert d.get("/quiet").status == 200
    reload(d)
    assert d.get("/silent").status == 200
    assert d.get("/quiet").status == 404


def test_a_module_that_was_installed_anew_is_seen(daemon, tmp_path):
    module = tmp_path / "hello.so"
    shutil.copy(BUILD / "examples/hello.so", module)
    d = daemon("log_level: notice\nworkers: 1\nlisten: [{address: \"{address}\"}]\n"
               f"modules: [{{path: {module}}}]\nroutes: [{{path: /hello, handler: hello.hello}}]\n")
    # By rename, as install(1) does not: what is mapped must not change.
    (tmp_path / "new.so").write_bytes(module.read_bytes().replace(b"hello, world", b"other, world"))
    (tmp_path / "new.so").rename(module)
    assert d.get("/hello").text == "hello, world\n"
    reload(d)
    assert d.get("/hello").text == "other, world\n"


def test_listeners_come_stay_and_go(daemon, port):
    d = daemon(ONE)
    other = port()
    queued = d.connect()
    d.write_config(ONE.replace('[{address: "{address}"}]',
                               '[{address: "{address}"}, {address: "127.0.0.1:%d"}, {address: "unix:{dir}/s"}]' % other))
    reload(d)
    # First: who says nothing for five seconds is sent away.
    assert queued.call("GET", "/pid").status == 200
    assert client.get(("127.0.0.1", other), "/pid").status == 200
    assert client.get(d.dir / "s", "/pid").status == 200
    d.write_config(ONE.replace("{address}", f"127.0.0.1:{other}"))
    reload(d)
    assert client.get(("127.0.0.1", other), "/pid").status == 200
    assert not (d.dir / "s").exists()
    wait_until(d.refuses, d.story)


@pytest.mark.skipif(not shutil.which("wrk"), reason="needs wrk")
def test_binary_upgrades_under_load_fail_no_request(daemon):
    d = daemon(site())
    loads = [Wrk(d, "-c20"), Wrk(d, "-c10", "-H", "Connection: close")]
    try:
        for _ in range(2):
            workers = d.workers()
            upgrade(d)
            wait_until(lambda: int(d.get("/pid").text) not in workers, d.story)
            reload(d)
        results = [load.result() for load in loads]
    finally:
        for load in loads:
            load.kill()
    for n, complaints, text in results:
        assert n > 0 and not complaints, text + d.story()
    assert re.search(rf"notice master: ready: listening on .*, pid {d.pid}\n.*\Z", d.err.text, re.S)


def test_after_a_binary_upgrade_old_workers_finish_what_they_have(daemon):
    d = daemon(TWO + 'access_log: "{dir}/access.log"\n')
    hub = d.hub()
    c, pid = begin(d, "/until/go", "waits for go")
    with d.connect() as idle:
        old = pid_of(idle)
        upgrade(d)
        # A busy old worker is not waited for: it may not have heard yet that it was replaced.
        d.wait_log("says goodbye", count=2)
        r = idle.call("GET", "/pid")
        assert (int(r.text), r["connection"]) == (old, "close")
    assert int(d.get("/pid").text) not in (old, pid)
    assert is_running(pid) and is_running(hub)
    let_go(d, "go")
    assert c.response().text == "go has come\n"
    wait_until(lambda: not is_running(pid) and not is_running(hub), d.story)
    # Nobody is a stranger to the new master.
    for one in d.workers():
        os.kill(one, signal.SIGKILL)
    d.wait_log("is ready again", count=2)
    assert d.stop() == 0


def test_a_program_that_is_not_fine_is_not_executed(daemon):
    d = daemon(ONE)
    workers = d.workers()
    d.write_config(ONE + "nonsense: 1\n")
    upgrade(d, "the new program is not used: nothing has changed")
    assert 'unknown key "nonsense"' in d.err.text
    assert d.workers() == workers
    d.write_config(ONE)
    upgrade(d)
    assert d.get("/pid").status == 200


def test_an_upgrade_keeps_unix_sockets_and_other_addresses(daemon):
    d = daemon(ONE.replace('[{address: "{address}"}]', '[{address: "{address}"}, {address: "unix:{dir}/s"}]'))
    queued = client.Connection(d.dir / "s")
    upgrade(d)
    assert queued.call("GET", "/pid").status == 200
    assert client.get(d.dir / "s", "/pid").status == 200
    assert d.stop() == 0
    assert not (d.dir / "s").exists()


def answers_everywhere(d, n_workers):
    """Every socket that the kernel spreads connections over has somebody who accepts."""
    connections = [d.connect() for _ in range(60)]
    pids = {pid_of(c) for c in connections}
    for c in connections:
        c.close()
    assert len(pids) <= n_workers, d.story()


def test_the_number_of_workers_may_change(daemon):
    d = daemon(config("workers: 3\n"))
    for n in (1, 4, 2):
        d.write_config(config(f"workers: {n}\n"))
        assert reload(d).endswith(f"{n} worker{'s' if n > 1 else ''}")
        wait_until(lambda n=n: len(d.workers()) == n, d.story)
        answers_everywhere(d, n)


def test_ttin_and_ttou(daemon):
    d = daemon(TWO)
    d.send_signal(signal.SIGTTIN)
    d.wait_log("SIGTTIN: 3 workers from now on")
    d.wait_log(r"worker 2 is ready, pid")
    answers_everywhere(d, 3)
    for n in (2, 1):
        d.send_signal(signal.SIGTTOU)
        d.wait_log(f"SIGTTOU: {n} workers from now on")
        wait_until(lambda n=n: len(d.workers()) == n, d.story)
        answers_everywhere(d, n)
    d.send_signal(signal.SIGTTOU)
    d.wait_log("one worker stays")
    reload(d)
    wait_until(lambda: len(d.workers()) == 2, d.story)
    answers_everywhere(d, 2)


def job_processes(d):
    return {pid for pid in d.children() if (name_of(pid) or "").startswith("weir:job")}


def test_job_processes_are_replaced_and_their_jobs_done(daemon):
    d = daemon(jobs.config())
    before = job_processes(d)
    hub = d.hub()
    with jobs.Watch(d, "hold", d.dir / "go") as job:
        running = job.pid
        reload(d)
        wait_until(lambda: job_processes(d) & before == {running}, d.story)
        assert int(jobs.tell(d, "pid").split()[1]) not in before
        (d.dir / "go").touch()
        assert job.end() == "ok let go"
    wait_until(lambda: not job_processes(d) & before, d.story)
    assert d.hub() == hub


# What changes nothing.

def test_a_bad_configuration_changes_nothing_and_is_explained(daemon):
    d = daemon(ONE)
    good = d.config.read_text()
    d.write_config(ONE.replace("e2e_process.half", "e2e_process.harf") + "wokers: 3\n")
    fails(d, r"unknown key \"wokers\"")
    assert re.search(r"weir\.yaml:\d+:\d+: module 'e2e_process' has no handler 'harf'", d.err.text)
    d.config.write_text(good)
    reload(d)


@pytest.mark.parametrize("text", ["", "# not written yet\n", "workers: 1\n"])
def test_a_file_without_routes_changes_nothing(daemon, text):
    """Whoever writes it anew in its place may be half-way."""
    d = daemon(ONE)
    good = d.config.read_text()
    d.config.write_text(text)
    fails(d, r"there are no routes any more")
    d.config.write_text(good)
    reload(d)
    assert d.get("/pid").status == 200


def test_workers_that_cannot_start_change_nothing(daemon):
    d = daemon(TWO, reports="SEGV|ABRT|abort")
    good = d.config.read_text()
    d.config.write_text(re.sub("log_level: .*", "log_level: error", good))
    let_go(d, "doomed")
    workers = fails(d, r"ended while it started: .*(SIGABRT|exit code)")
    (d.dir / "doomed").unlink()
    wait_until(lambda: sorted(d.workers()) == sorted(workers), d.story)
    d.config.write_text(good)
    mark = d.mark()
    reload(d)
    # Nor has the level of the log.
    d.wait_log("reading the configuration again", after=mark)


def test_an_address_that_is_taken_changes_nothing(daemon, port):
    d = daemon(ONE)
    taken = port()
    other = daemon(ONE.replace("{address}", f"127.0.0.1:{taken}"))
    d.write_config(ONE.replace('[{address: "{address}"}]',
                               '[{address: "{address}"}, {address: "127.0.0.1:%d"}]' % taken))
    fails(d, rf"cannot listen on 127\.0\.0\.1:{taken}: another process already does")
    assert client.get(("127.0.0.1", taken), "/pid").status == 200
    assert other.stop() == 0


def test_a_hub_cannot_be_changed(daemon):
    d = daemon(ONE)
    d.write_config(ONE + "max_publication: 5KiB\n")
    fails(d, "max_publication cannot be changed without a restart")


# Other signals.

def test_quit_waits_without_limit(daemon):
    d = daemon(config("workers: 1\ngraceful_timeout: 100ms\n"))
    c, pid = begin(d, "/until/go", "waits for go")
    d.send_signal(signal.SIGQUIT)
    d.wait_log("stopping: requests in flight may take as long as they need")
    d.wait_log("says goodbye")
    c.assert_silent(1.2)
    assert is_running(pid)
    let_go(d, "go")
    assert c.response().status == 200
    assert d.wait() == 0


def test_term_after_quit_is_no_longer_patient(daemon):
    d = daemon(config("workers: 1\ngraceful_timeout: 300ms\n"))
    c, _ = begin(d, "/until/never", "waits for never")
    d.send_signal(signal.SIGQUIT)
    d.wait_log("says goodbye")
    d.send_signal(signal.SIGTERM)
    assert c.response().status == 503
    assert d.wait() == 0


def test_usr1_opens_the_access_log_again(daemon):
    d = daemon(TWO + 'access_log: "{dir}/access.log"\n')
    log, moved = d.dir / "access.log", d.dir / "access.log.1"
    log.rename(moved)
    d.send_signal(signal.SIGUSR1)
    d.wait_log("SIGUSR1: opening logs again")
    wait_until(log.exists, d.story)

    def has_lines():
        d.get("/pid")
        return "GET /pid" in log.read_text()
    wait_until(has_lines, d.story)
    reload(d)
    wait_until(has_lines, d.story)


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGQUIT, signal.SIGTTIN])
def test_workers_do_not_mind_signals_for_the_master(daemon, number):
    d = daemon(ONE)
    pid = d.workers()[0]
    os.kill(pid, number)
    assert int(d.get("/pid").text) == pid
