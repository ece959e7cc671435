"""weirctl and the control socket: what a running daemon tells of itself, and does when it is told to."""
import json
import os
import signal
import socket
import stat
import subprocess

import pytest

from daemon import BUILD, children_of, environment, name_of, wait_until
from gate import Gate
from routes import release, wait_gate

CONFIG = """
workers: %d
log_level: info
access_log: off
stall_limit: 100ms
listen: [{address: "{address}"}]
control: {socket: "{dir}/control.sock"}
module_path: ["{build}/tests/modules", "{build}/examples"]
modules: [{path: e2e_module.so}, {path: e2e_stall.so}, {path: wsecho.so}]
routes:
  - {path: /hello, handler: e2e_module.hello}
  - {path: "/hold/{gate}", handler: e2e_module.hold}
  - {path: "/release/{gate}", handler: e2e_module.release}
  - {path: "/tree/{gate}", handler: e2e_module.tree}
  - {path: "/nap/{ms}", handler: e2e_stall.nap}
"""
UNREACHABLE = 69


@pytest.fixture
def d(daemon):
    return daemon(CONFIG % 2)


@pytest.fixture
def one(daemon):
    """With one worker: a gate is in the worker that one asks."""
    return daemon(CONFIG % 1)


def run(d, words):
    return subprocess.run([BUILD / "weirctl", "-s", d.dir / "control.sock", *map(str, words)],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(Gate()),
                          check=False)


def weirctl(d, *words, code=0):
    """What it prints. On a slow machine a worker may be late for once: what can be done again is."""
    done = run(d, words)
    if code == 0 and done.returncode == 1 and (words[-1] in ("status", "ps", "conns") or "loglevel" in words):
        done = wait_until(lambda: (again := run(d, words)).returncode == 0 and again, d.story)
    assert code in (None, done.returncode), f"{words}: {done}\n{d.story()}"
    return done.stdout + (done.stderr if code else "")


def table(d, name, *words, code=0):
    return json.loads(weirctl(d, "--json", *words, code=code) or "{}").get(name)


def states(d):
    """Of all workers, while some of them may come and go."""
    return {w["state"] for w in table(d, "workers", "status", code=None) or []}


def ctl_of(d):
    return wait_until(lambda: next((pid for pid in children_of(d.pid) if name_of(pid) == "weir:ctl"), None))


def hold(d, path):
    """A request whose handler waits: the connection, and its task of ps."""
    c = d.connect()
    c.request("GET", path)
    return c, wait_until(lambda: next((t for t in table(d, "tasks", "ps") if t["request"] == f"GET {path}"
                                       and not t["task"]), None))


def raw(d, data):
    """What the control socket says to these bytes, until it has closed."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(20)
        s.connect(str(d.dir / "control.sock"))
        try:
            s.sendall(data)
            s.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: s.recv(65536), b""))
        except (BrokenPipeError, ConnectionResetError):
            return b""


def test_status_tells_of_the_daemon_and_each_worker(d):
    assert stat.S_IMODE(os.stat(d.dir / "control.sock").st_mode) == 0o660
    assert d.get("/hello").status == 200
    (daemon,) = table(d, "daemon", "status")
    assert (daemon["master"], daemon["phase"], daemon["workers"]) == (d.pid, "running", 2)
    workers = table(d, "workers", "status")
    assert sorted(w["pid"] for w in workers) == sorted(d.workers())
    assert {w["state"] for w in workers} == {"ready"}
    assert sum(w["requests"] for w in workers) == 1
    people = weirctl(d, "status")
    assert people.startswith("VERSION ") and "\nSLOT " in people.replace("\n ", "\n")
    top = weirctl(d, "top", "-n", 2, "-i", 0.01)
    assert top.count("requests/s:") == 2


def test_ps_tells_what_each_task_awaits(one):
    d = one
    with d.connect() as c:
        c.request("GET", "/tree/1")
        wait_gate(d, 1, 6)
        tasks = table(d, "tasks", "ps")
        assert {t["handler"] for t in tasks} == {"e2e_module.tree"}
        assert {t["request"] for t in tasks} == {"GET /tree/1"}
        assert [t["awaits"] for t in tasks if not t["task"]] == ["weir_join"]
        leaves = [t for t in tasks if t["task"].startswith("leaf ")]
        assert {t["awaits"] for t in leaves} == {"weir_sem_take"}
        assert all(0 < t["stack"] < 65536 and t["since"] >= 0 for t in tasks)
        assert len({t["id"] for t in tasks}) == len(tasks)
        release(d, 1, len(leaves))
        assert c.response().status == 200
    assert table(d, "tasks", "ps") == []


def test_bt_names_functions_files_and_lines(one):
    d = one
    c, task = hold(d, "/hold/1")
    with c:
        frames = [f["frame"] for f in table(d, "frames", "bt", task["id"])]
        assert any("weir_sem_take at " in f for f in frames), frames
        assert any(" hold at " in f and "e2e_module.c:" in f for f in frames), frames
        # It was only looked at.
        release(d, 1)
        assert c.response().status == 200
    assert "any more" in weirctl(d, "bt", task["id"], code=1)


def test_kill_cancels_a_task_or_closes_a_connection(d):
    c, task = hold(d, "/hold/1")
    with c:
        assert "cancelled: e2e_module.hold" in weirctl(d, "kill", task["id"])
        assert c.response().status == 503
    with d.connect() as c:
        assert c.call("GET", "/hello").status == 200
        client = "%s:%d" % c.sock.getsockname()
        (conn,) = [x for x in table(d, "conns", "conns") if x["client"] == client]
        assert (conn["protocol"], conn["state"]) == ("http/1.1", "idle")
        weirctl(d, "kill", conn["id"])
        c.assert_closed()
    assert "any more" in weirctl(d, "kill", conn["id"], code=1)
    d.wait_log(r"notice worker \d: cancelled: e2e_module.hold, by weirctl")


def test_a_worker_that_is_stuck_is_said_and_holds_up_nobody(d):
    with d.connect() as c:
        c.request("GET", "/nap/60000")
        d.wait_log("has held the loop for")
        answer = wait_until(lambda: len((said := json.loads(weirctl(d, "--json", "status", code=1)))["notes"]) == 1
                            and said, d.story)
        (stuck,) = [w for w in answer["workers"] if "conns" not in w]
        assert "conns" in next(w for w in answer["workers"] if w is not stuck)
        (note,) = answer["notes"]
        assert note.startswith(f"worker {stuck['slot']} (pid {stuck['pid']}) did not answer: its loop has not turned")
        os.kill(stuck["pid"], signal.SIGKILL)
    wait_until(lambda: states(d) == {"ready"})


def test_a_worker_is_drained_and_replaced(d):
    first = {w["slot"]: w["pid"] for w in table(d, "workers", "status")}
    slot = min(first)
    weirctl(d, "drain", slot)
    wait_until(lambda: states(d) == {"ready"} and
               first[slot] not in {w.get("pid") for w in table(d, "workers", "status", code=None)})
    assert d.get("/hello").status == 200
    assert "no such slot" in weirctl(d, "drain", 60000, code=1)


def test_the_daemon_is_reloaded_and_stopped(d):
    first = sorted(w["pid"] for w in table(d, "workers", "status"))
    weirctl(d, "reload")
    d.wait_log("reloaded: listening on")
    wait_until(lambda: not set(first) & {w.get("pid") for w in table(d, "workers", "status", code=None)})
    wait_until(lambda: states(d) == {"ready"})
    weirctl(d, "drain")
    assert d.process.wait(20) == 0
    assert "no daemon listens" in weirctl(d, "status", code=UNREACHABLE)
    assert not (d.dir / "control.sock").exists()


def test_the_level_of_the_log_can_be_changed(d):
    assert weirctl(d, "loglevel") == "info\n"
    weirctl(d, "loglevel", "error")
    mark = d.mark()
    _, task = hold(d, "/hold/1")
    weirctl(d, "kill", task["id"])  # a notice, and an error
    d.wait_log("error worker .*ECANCELED", after=mark)
    assert "by weirctl" not in d.story().partition("ECANCELED")[0].splitlines()[-1]
    assert "a level is" in weirctl(d, "loglevel", "loud", code=2)


def test_the_level_is_the_hubs_too_until_the_next_reload(daemon):
    d = daemon(CONFIG.replace("log_level: info", "log_level: notice").replace("e2e_stall.so},", "e2e_stall.so}, "
               "{path: e2e_good_job.so},") % 1 +
               '  - {path: "/tell/{job}", handler: e2e_good_job.tell}\njobs: {processes: 1}\n')
    assert d.get("/tell/pid").status == 200
    weirctl(d, "loglevel", "info")
    weirctl(d, "reload")
    d.wait_log("reloaded: listening on")
    wait_until(lambda: weirctl(d, "loglevel") == "notice\n")
    weirctl(d, "loglevel", "info")
    weirctl(d, "drain")
    d.wait_log("info hub: jobs of pool default")


def test_the_death_of_ctl_harms_nobody(one):
    d = one
    c, task = hold(d, "/hold/1")
    with c:
        for _ in range(3):
            pid = ctl_of(d)
            os.kill(pid, signal.SIGKILL)
            wait_until(lambda: ctl_of(d) != pid)
            # The next one is introduced to all workers, and knows what they know.
            wait_until(lambda: [t["id"] for t in table(d, "tasks", "ps", code=None) or []] == [task["id"]])
        release(d, 1)
        assert c.response().status == 200


NONSENSE = [b"\0" * 10000, b"status" * 100, b"x" * 300 + b"\n", b"", b"\n" * 200, b"status", b"bt\n",
            b"kill 0-zzzzzzzz\n", b"status status status\n"]


def test_who_talks_nonsense_loses_only_its_connection(d):
    for data in NONSENSE:
        answer = raw(d, data)
        assert all(line[:2] == b"E\t" or line == b"." for line in answer.splitlines()), data[:20]
    assert weirctl(d, "status")


def test_many_clients_do_not_lock_others_out(d):
    clients = []
    for _ in range(40):
        clients.append(socket.socket(socket.AF_UNIX))
        clients[-1].connect(str(d.dir / "control.sock"))
    assert weirctl(d, "status")
    for one in clients:
        one.close()


def test_a_line_at_a_time_is_enough(d):
    lines = raw(d, b"status\r\nloglevel\nfoo\n").split(b"\n.\n")
    assert lines[0].startswith(b"T\tdaemon\t")
    assert lines[1] == b"T\tresult\tsaid:s\nR\tinfo"
    assert lines[2].startswith(b"E\tcommands are status, ")
    assert lines[3] == b""


def test_bad_usage_is_said_without_a_daemon(d):
    for words in ([], ["foo"], ["bt"], ["top", "-n", "0"], ["status", "1"], ["--foo"]):
        assert weirctl(d, *words, code=2)
    assert "weirctl " in weirctl(d, "--version")
    assert "usage: weirctl" in weirctl(d, "--help")
