"""Jobs as handlers and operators see them: results, progress, cancelling, pools, queues, draining."""
import os
import pathlib
import re
import signal

import pytest

import jobs
from daemon import SANITIZED, name_of, stat_of, wait_until
from jobs import EAGAIN, ECANCELED, ECHILD, EMSGSIZE, ENOENT, ETIMEDOUT, Processes, Watch, ending, tell

MIB = 1024 * 1024
GRACE_S = 0.3
CONFIG = jobs.config("processes: 2, queue: 64, grace: 300ms, max_result: 80MiB")
# What a machine that others use, too, may take longer than it should.
LATE_S = 10 if SANITIZED else 3


@pytest.fixture(scope="module")
def d(shared_daemon):
    return shared_daemon(CONFIG)


@pytest.fixture
def go(d, request):
    """A file that is not there yet."""
    return d.dir / re.sub(r"\W", "-", request.node.name)


# ---- there and back

@pytest.mark.parametrize("text", ["", "x", "words with spaces", "\u00fc", "x" * 4000])
def test_a_result_comes_back(d, text):
    assert tell(d, "echo", text) == f"ok {text}"


def test_a_job_that_gives_no_result_has_an_empty_one(d):
    assert tell(d, "nothing") == "ok "


@pytest.mark.parametrize("size", [0, 1, 65535, 65536, 65537, 1_000_000, 64 * MIB])
def test_payloads_of_any_size_go_in_and_come_back(d, size):
    assert d.get(f"/large?size={size}").text == str(size)


@pytest.mark.parametrize("size", [65536, 5_000_000])
def test_payloads_may_be_large_one_way_only(d, size):
    body = bytes((i + (i >> 8) * 7 + (i >> 16) * 13) & 255 for i in range(size))
    assert d.call("POST", "/tell/check", body=body).text == f"ok {size} good bytes"
    r = d.get(jobs.target("run", "grow", size))
    assert (r.status, r.body) == (200, body)


def test_nothing_of_large_payloads_stays_mapped_or_open(d):
    def left():
        pids = [*d.workers(), *Processes(d).all(), d.hub()]
        mapped = [line for pid in pids for line in pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines()]
        return [what for what in [*mapped, *(what for pid in pids for what in jobs.descriptors(pid).values())]
                if "memfd:" in what]
    before = len(left())
    for _ in range(3):
        assert d.get(f"/large?size={8 * MIB}").text == str(8 * MIB)
    wait_until(lambda: len(left()) <= before, lambda: "\n".join(left()))


def test_a_jobs_own_error_is_what_await_says(d):
    assert tell(d, "fail", 5) == "end -5"
    assert tell(d, "fail", 4000) == "end -4000"


def test_a_result_does_not_count_if_the_job_failed(d):
    assert tell(d, "fail_late") == "end -34"


def test_errors_left_to_the_server_are_statuses(d):
    assert d.get(jobs.target("run", "fail", 5)).status == 500
    assert d.get(jobs.target("run", "fail", -EMSGSIZE)).status == 413


def test_an_unknown_job_is_told_at_once(d):
    assert tell(d, "no_such_job") == f"start {ENOENT}"
    assert d.get("/run/no_such_job").status == 500
    d.wait_log(r"/run/no_such_job: failed \(500\): ENOENT")
    # Of another module, for that matter.
    assert tell(d, "crash") == f"start {ENOENT}"


def test_an_unknown_pool_is_told_at_once(d):
    assert tell(d, "echo", "x", pool="no-such-pool") == f"start {ENOENT}"
    assert tell(d, "echo", "x", pool="default") == "ok x"


def test_an_input_beyond_max_result_is_refused_before_it_goes_anywhere(daemon):
    d = daemon(jobs.config("processes: 1, max_result: 100KiB"))
    assert d.call("POST", "/tell/nothing", body=b"x" * 102400).text == "ok "
    assert d.call("POST", "/tell/nothing", body=b"x" * 102401).text == f"start {EMSGSIZE}"
    assert d.call("POST", "/run/nothing", body=b"x" * 102401).status == 413
    assert jobs.is_healthy(d)


def test_a_result_beyond_max_result_is_the_jobs_to_hear(daemon):
    d = daemon(jobs.config("processes: 1, max_result: 100KiB"))
    assert tell(d, "grow", 102400).startswith("ok ")
    assert tell(d, "grow", 102401) == f"end {EMSGSIZE}"
    assert jobs.is_healthy(d)


# ---- whose it is

def test_a_job_knows_its_request_and_so_does_what_it_logs(daemon):
    d = daemon(jobs.config("processes: 1", jobs.TAKES_IDS))
    said = d.get(jobs.target("tell", "whose", "a book"), jobs.IDS).text
    assert re.fullmatch(rf"ok abc-1 00-{'4b' * 16}-(?!00f067aa0ba902b7)[0-9a-f]{{16}}-01", said)
    d.wait_log(r"e2e_good_job\.whose: has read a book \[abc-1\]$")


def test_a_job_of_nobody_known_has_a_trace_of_its_own(d):
    assert re.fullmatch(r"ok [0-9a-f]{16} 00-[0-9a-f]{32}-[0-9a-f]{16}-00",
                        d.get(jobs.target("tell", "whose"), jobs.IDS).text)
    d.wait_log(r"e2e_good_job\.whose: has read $")


def test_a_job_whose_process_is_killed_for_its_request_is_said_with_that(daemon):
    d = daemon(jobs.config("processes: 1, grace: 100ms", jobs.TAKES_IDS))
    mark = d.mark()
    said = d.get(jobs.target("tell", "deaf", d.dir / "never", max_run=1), jobs.IDS).text
    assert said == f"end {ETIMEDOUT}"
    d.wait_log(r"job e2e_good_job\.deaf of pool default ran for too long: .* was killed \[abc-1\]$", after=mark)


# ---- progress

def test_reports_arrive_while_it_runs(d, go):
    with Watch(d, "hold", go) as job:
        assert job.pid in Processes(d).all()
        go.touch()
        assert job.end() == "ok let go"


def test_the_newest_report_replaces_unread_ones(d):
    with Watch(d, "chatter", 20000) as job:
        seen = []
        while (line := job.line()) and not line.startswith(("ok", "end")):
            seen.append(int(line))
    assert line == "ok "
    assert seen == sorted(set(seen)), "out of order, or twice"
    assert seen[-1] == 20000, "the last one is never lost"
    assert len(seen) < 20000


# ---- where it runs

def test_it_runs_in_a_process_of_its_own(d):
    pid = int(tell(d, "pid").split()[1])
    assert pid in Processes(d).all()
    assert stat_of(pid)[1] == d.pid, "the master's child"


def test_there_is_a_spare_process(d):
    assert len(Processes(d).wait(3)) == 3


def test_no_more_run_at_once_than_there_may(daemon):
    d = daemon(jobs.config("processes: 2"))
    go = d.dir / "go"
    first, second = Watch(d, "hold", go), Watch(d, "hold", go)
    assert first.pid != second.pid
    third = Watch(d, "hold", go)
    third.connection.assert_silent()
    go.touch()
    assert [job.end() for job in (first, second, third)] == ["ok let go"] * 3


def test_without_jobs_there_are_no_job_processes(daemon):
    d = daemon("""
log_level: info
workers: 1
listen: [{address: "{address}"}]
module_path: ["{build}/examples"]
modules: [{path: hello.so}]
routes: [{path: /hello, handler: hello.hello}]
""")
    assert d.get("/hello").status == 200
    wait_until(lambda: d.hub() and len(d.workers()) == 1)
    assert len(d.children()) == 2, Processes(d).names()


def test_startup_of_a_module_is_for_workers_only(daemon):
    d = daemon(jobs.config("processes: 3"))
    assert jobs.is_healthy(d)
    assert d.err.text.count("e2e_good_job.startup: starts up") == 1, "one worker"


def test_it_has_no_descriptor_that_it_does_not_need(d, go):
    with d.connect() as other, Watch(d, "hold", go) as job:
        assert other.call("GET", "/hello").status == 200
        kinds = [what for number, what in jobs.descriptors(job.pid).items() if number > 2]
        sockets = [what for what in kinds if what.startswith("socket:")]
        # Its pipe to the hub, and the master's control.
        assert len(sockets) == 2, kinds
        listed = pathlib.Path("/proc/net/tcp").read_text()
        assert not [what for what in sockets if what[8:-1] in listed.split()], "a socket of clients"
        assert not [what for what in kinds if "eventpoll" in what], kinds
        go.touch()
        assert job.end() == "ok let go"


def test_it_cannot_gain_privileges(d, go):
    with Watch(d, "hold", go) as job:
        status = pathlib.Path(f"/proc/{job.pid}/status").read_text()
        assert re.search(r"^NoNewPrivs:\s+1$", status, re.MULTILINE)
        go.touch()
        assert job.end() == "ok let go"


def test_its_process_is_nicer_than_workers(daemon):
    d = daemon(jobs.config("processes: 2, nice: 19"))
    assert {jobs.nice_of(pid) for pid in Processes(d).wait(3)} == {19}
    assert jobs.nice_of(d.hub()) == jobs.nice_of(d.workers()[0]) == os.getpriority(os.PRIO_PROCESS, 0)


def test_other_clients_are_served_while_jobs_compute(daemon):
    d = daemon(jobs.config("processes: 2"))
    go = d.dir / "go"
    running = [Watch(d, "deaf", go) for _ in range(2)]
    assert all(job.pid for job in running)
    for _ in range(50):
        assert d.get("/hello").status == 200
    go.touch()
    assert [job.end() for job in running] == ["ok let go"] * 2


# ---- pools

POOLS = jobs.config("processes: 1, queue: 1, pools: [{name: slow, processes: 2, queue: 5, nice: 3}, {name: mild}]")


def test_a_named_pool_has_processes_and_numbers_of_its_own(daemon):
    d = daemon(POOLS)
    processes = Processes(d)
    processes.wait(2 + 3 + 2)
    go = d.dir / "go"
    slow = [Watch(d, "hold", go, pool="slow") for _ in range(2)]
    assert {jobs.nice_of(job.pid) for job in slow} == {3}
    with Watch(d, "hold", go, pool="mild") as mild, Watch(d, "hold", go) as usual:
        assert jobs.nice_of(mild.pid) == jobs.nice_of(usual.pid) == 0
        assert len({job.pid for job in [*slow, mild, usual]}) == 4
        go.touch()
        assert [job.end() for job in [*slow, mild, usual]] == ["ok let go"] * 4


def test_slow_jobs_do_not_starve_quick_ones(daemon):
    d = daemon(POOLS)
    go = d.dir / "go"
    slow = [Watch(d, "hold", go, pool="slow") for _ in range(2)]
    assert all(job.pid for job in slow)
    slow += [Watch(d, "hold", go, pool="slow") for _ in range(5)]
    assert tell(d, "echo", "x", pool="slow") == f"start {EAGAIN}"
    assert jobs.is_healthy(d)
    go.touch()
    assert [job.end() for job in slow] == ["ok let go"] * 7


# ---- the queue

def test_a_full_queue_is_a_503_that_says_when_to_come_back(daemon):
    d = daemon(jobs.config("processes: 1, queue: 2"))
    go = d.dir / "go"
    taken = [Watch(d, "hold", go)]
    assert taken[0].pid
    taken += [Watch(d, "hold", go) for _ in range(2)]
    r = d.get("/run/echo?input=x")
    assert r.status == 503 and int(r["retry-after"]) >= 1
    assert tell(d, "echo", "x") == f"start {EAGAIN}"
    go.touch()
    assert [job.end() for job in taken] == ["ok let go"] * 3
    assert tell(d, "echo", "x") == "ok x"


def test_larger_priorities_go_first(daemon):
    d = daemon(jobs.config("processes: 1, queue: 10"))
    go, out = d.dir / "go", d.dir / "order"
    with Watch(d, "hold", go) as first:
        assert first.pid
        waiting = []
        for number, priority in ((1, 0), (2, 0), (3, 5), (4, -5), (5, 5)):
            waiting.append(Watch(d, "note", f"{number} 0 {out}", priority=priority))
        go.touch()
        assert [job.end() for job in waiting] == [f"ok {i}" for i in range(1, 6)]
    assert out.read_text().split() == ["3", "5", "1", "2", "4"]


def test_routes_take_turns(daemon):
    d = daemon(jobs.config("processes: 1, queue: 20"))
    go, out = d.dir / "go", d.dir / "order"
    with Watch(d, "hold", go) as first, d.connect() as late:
        assert first.pid
        many = [Watch(d, "note", f"{number} 0 {out}") for number in range(10)]
        late.request("GET", jobs.target("anyway", "note", f"100 0 {out}"))
        d.wait_log("started anyway")
        go.touch()
        assert late.response().text == "100"
        assert [job.end() for job in many] == [f"ok {i}" for i in range(10)]
    order = out.read_text().split()
    assert order.index("100") <= 1, order
    order.remove("100")
    assert order == [str(i) for i in range(10)]


# ---- one job over many inputs

def test_map_gives_results_in_order(d):
    body = "\n".join(f"number {i}" for i in range(100))
    lines = d.call("POST", "/map/echo", body=body.encode()).text.splitlines()
    assert lines == ["0", *body.splitlines()]


def test_map_says_which_items_failed(d):
    lines = d.call("POST", "/map/fail", body=b"0\n7\n0\n9").text.splitlines()
    assert lines == ["-7", "", "error -7", "", "error -9"]


def test_map_goes_through_a_queue_that_is_shorter(daemon):
    d = daemon(jobs.config("processes: 2, queue: 1"))
    body = "\n".join(str(i) for i in range(150))
    assert d.call("POST", "/map/echo", body=body.encode()).text.split() == ["0", *body.split()]


# ---- cancelling

def test_when_the_client_goes_a_job_that_asks_ends_by_itself(d, go):
    with Watch(d, "asked", go) as job:
        pid = job.pid
        job.leave()
        wait_until(go.exists, d.story)
    assert go.read_text() == "asked\n"
    assert pid in Processes(d).all(), "its process goes on with other jobs"


def test_when_the_client_goes_a_job_that_does_not_ask_is_killed(d, go):
    with Watch(d, "deaf", go) as job, ending(job.pid) as ended:
        before = Processes(d).all()
        job.leave()
        took = ended()
        assert GRACE_S * 0.9 <= took < GRACE_S + LATE_S
    wait_until(lambda: job.pid not in Processes(d).all() and len(Processes(d).all()) == len(before))
    assert jobs.is_healthy(d)


def test_when_the_client_goes_a_job_that_waits_never_runs(daemon):
    d = daemon(jobs.config("processes: 1, grace: 300ms"))
    go, out = d.dir / "go", d.dir / "order"
    with Watch(d, "hold", go) as first:
        assert first.pid
        second, third = Watch(d, "note", f"1 0 {out}"), Watch(d, "note", f"2 0 {out}")
        second.leave()
        d.wait_access(r"/watch/note\?input=1")
        go.touch()
        assert third.end() == "ok 2"
    assert out.read_text() == "2\n"


def test_a_deadline_that_passes_while_it_runs_ends_it(d, go):
    text = tell(d, "asked", go, handler="deadline", ms=200)
    assert text == f"end {ETIMEDOUT}"
    wait_until(go.exists, d.story)


def test_a_deadline_that_passes_while_it_waits_ends_it(daemon):
    d = daemon(jobs.config("processes: 1"))
    go, out = d.dir / "go", d.dir / "order"
    with Watch(d, "hold", go) as first:
        assert first.pid
        assert tell(d, "note", f"1 0 {out}", handler="deadline", ms=100) == f"end {ETIMEDOUT}"
        go.touch()
        assert first.end() == "ok let go"
    assert jobs.is_healthy(d)
    assert not out.exists()


def test_who_is_cancelled_in_a_group_takes_its_job_along(d, go):
    assert tell(d, "asked", go, handler="race", ms=200) == f"0, the job {ECANCELED}"
    wait_until(go.exists, d.story)


def test_who_wins_in_a_group_has_its_result(d):
    assert tell(d, "echo", "x", handler="race", ms=60000) == "0, the job 0"


def test_a_job_that_runs_for_too_long_is_asked_then_killed(daemon):
    d = daemon(jobs.config("processes: 2, run_timeout: 200ms, grace: 300ms"))
    out = d.dir / "out"
    assert tell(d, "asked", out) == f"end {ETIMEDOUT}"
    assert out.read_text() == "asked\n"
    with Watch(d, "deaf", d.dir / "go") as job, ending(job.pid) as ended:
        assert job.end() == f"end {ETIMEDOUT}"
        ended()
    assert d.get(jobs.target("run", "asked", out)).status == 504
    assert jobs.is_healthy(d)


def test_a_job_may_ask_for_less_time_and_for_more(daemon):
    d = daemon(jobs.config("processes: 2, run_timeout: 100ms, max_run: 1h, grace: 300ms"))
    go = d.dir / "go"
    with Watch(d, "hold", go, max_run=3600_000) as job:
        assert job.pid
        # As long as it takes one that did not ask to be ended, on the other process.
        assert tell(d, "asked", d.dir / "out") == f"end {ETIMEDOUT}"
        go.touch()
        assert job.end() == "ok let go"
    d = daemon(jobs.config("processes: 1, run_timeout: 1h, max_run: 1h"))
    assert tell(d, "asked", d.dir / "out", max_run=100) == f"end {ETIMEDOUT}"


def test_finish_anyway_outlives_the_answer(d, go):
    out = go.with_name("anyway")
    r = d.get(jobs.target("leave", "hold", go))
    assert (r.status, r.text) == (202, "started")
    assert d.get(jobs.target("leave", "note", f"1 0 {out}")).status == 202
    wait_until(out.exists, d.story)
    go.touch()
    assert jobs.is_healthy(d)


def test_finish_anyway_outlives_its_client(d, go):
    out = go.with_name("outlives")
    with d.connect() as c:
        mark = d.mark()
        c.request("GET", jobs.target("anyway", "note", f"1 300 {out}"))
        d.wait_log("started anyway", after=mark)
    wait_until(out.exists, d.story)
    d.wait_access(r"/anyway/note\?input=1\+300")


# ---- processes come and go

def test_a_killed_job_fails_alone(daemon):
    d = daemon(jobs.config("processes: 2"))
    go = d.dir / "go"
    with Watch(d, "hold", go) as one, Watch(d, "hold", go) as other:
        pids = one.pid, other.pid
        os.kill(pids[0], signal.SIGKILL)
        assert one.end() == f"end {ECHILD}"
        d.wait_log(rf"{pids[0]}\b.*signal 9 \(SIGKILL\)")
        Processes(d).wait(3)
        go.touch()
        assert other.end() == "ok let go"
    assert jobs.is_healthy(d)


def test_a_spare_takes_the_place_of_one_that_died(daemon):
    d = daemon(jobs.config("processes: 1"))
    processes = Processes(d)
    before = processes.wait(2)
    with Watch(d, "hold", d.dir / "go") as job:
        assert job.pid in before
        waiting = Watch(d, "pid")
        os.kill(job.pid, signal.SIGKILL)
        assert job.end() == f"end {ECHILD}"
        pid = int(waiting.end().split()[1])
    assert pid in before and pid != job.pid, "not one that had to be started first"
    assert job.pid not in processes.wait(2)


def test_the_pool_outlives_the_hub(daemon):
    d = daemon(jobs.config("processes: 2"))
    processes = Processes(d)
    before = processes.wait(3)
    assert jobs.is_healthy(d)
    hub = d.hub()
    os.kill(hub, signal.SIGKILL)
    wait_until(lambda: d.hub() not in (None, hub), d.story)
    wait_until(lambda: tell(d, "pid").startswith("ok "), d.story)
    assert processes.wait(3) == before


def test_when_the_hub_dies_running_jobs_fail_and_waiting_ones_go_to_the_next(daemon):
    d = daemon(jobs.config("processes: 1, grace: 300ms"))
    go, out = d.dir / "go", d.dir / "order"
    with Watch(d, "asked", d.dir / "was-asked") as running:
        assert running.pid
        waiting = Watch(d, "note", f"1 0 {out}")
        os.kill(d.hub(), signal.SIGKILL)
        assert running.end() == f"end {ECHILD}"
        assert waiting.end() == "ok 1"
    assert (d.dir / "was-asked").read_text() == "asked\n", "it heard that nobody wants it"
    assert out.read_text() == "1\n"
    assert jobs.is_healthy(d)
    assert not go.exists()


def test_when_the_hub_dies_a_deaf_job_is_killed_by_the_next(daemon):
    d = daemon(jobs.config("processes: 1, grace: 300ms"))
    with Watch(d, "deaf", d.dir / "go") as running, ending(running.pid) as ended:
        os.kill(d.hub(), signal.SIGKILL)
        assert running.end() == f"end {ECHILD}"
        ended()
    assert jobs.is_healthy(d)


def test_when_a_worker_dies_its_jobs_go_too(daemon):
    d = daemon(jobs.config("processes: 1, grace: 300ms", "workers: 2\n"))
    out = d.dir / "order"
    with Watch(d, "asked", d.dir / "was-asked") as running:
        worker = worker_of(d, running)
        assert running.pid
        waiting = [Watch(d, "note", f"{i} 0 {out}") for i in range(8)]
        own = [i for i, job in enumerate(waiting) if worker_of(d, job) == worker]
        os.kill(worker, signal.SIGKILL)
        for i, job in enumerate(waiting):
            if i not in own:
                assert job.end() == f"ok {i}"
    assert (d.dir / "was-asked").read_text() == "asked\n"
    assert sorted(out.read_text().split()) == [str(i) for i in range(8) if i not in own]
    assert jobs.is_healthy(d)


def worker_of(d, job):
    """The worker at the other end of that connection."""
    local = job.connection.sock.getsockname()[1]
    rows = [line.split() for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]]
    inode = next(row[9] for row in rows if row[2].endswith(f":{local:04X}") and row[1].endswith(f":{d.port:04X}"))
    return next(pid for pid in d.workers() if f"socket:[{inode}]" in jobs.descriptors(pid).values())


@pytest.mark.parametrize("option", ["recycle_jobs: 5", "recycle_age: 50ms", "recycle_resident: 1MiB"])
def test_processes_are_recycled(daemon, option):
    d = daemon(jobs.config(f"processes: 1, {option}"))
    first, n = tell(d, "count").split()[1:]
    assert n == "1"
    wait_until(lambda: tell(d, "count").split()[1] != first, d.story)
    assert jobs.is_healthy(d)


def test_without_recycling_one_process_does_many_jobs(daemon):
    d = daemon(jobs.config("processes: 1"))
    counts = [tell(d, "count").split()[1:] for _ in range(30)]
    assert len({pid for pid, _ in counts}) == 1
    assert [int(n) for _, n in counts] == list(range(1, 31))


def shared(pid):
    """Bytes of the memory that this process shares with others of the daemon, the largest piece."""
    sizes = [0]
    for line in open(f"/proc/{pid}/maps", encoding="ascii"):
        if " rw-s " in line and "/dev/zero" in line:
            begin, end = (int(part, 16) for part in line.split()[0].split("-"))
            sizes.append(end - begin)
    return max(sizes)


def test_jobs_have_nothing_of_what_workers_share(daemon):
    d = daemon(jobs.config("processes: 1"))
    own = 256 * 1024  # what the master reads when a process has died
    assert all(shared(pid) > own for pid in d.workers())
    # They have it until they have begun.
    wait_until(lambda: all(shared(pid) <= own for pid in Processes(d).wait(2)), d.story)


# ---- stopping

def test_a_running_job_is_waited_for_when_the_daemon_stops(daemon):
    d = daemon(jobs.config("processes: 1"))
    go = d.dir / "go"
    with Watch(d, "hold", go) as job:
        assert job.pid
        d.send_signal(signal.SIGTERM)
        d.wait_log("stopping|drain")
        go.touch()
        assert job.end() == "ok let go"
    assert d.wait() == 0


def test_a_job_that_does_not_end_when_the_daemon_stops_fails_with_a_reason(daemon):
    d = daemon(jobs.config("processes: 1, grace: 200ms", "workers: 1\ngraceful_timeout: 300ms\n"), exit_code=None)
    with Watch(d, "deaf", d.dir / "go") as job, ending(job.pid) as ended:
        d.send_signal(signal.SIGTERM)
        ended()
    assert d.wait() in (0, 1)


def test_two_signals_end_everything_at_once(daemon):
    d = daemon(jobs.config("processes: 2"), exit_code=None)
    with Watch(d, "deaf", d.dir / "go") as job, ending(job.pid) as ended:
        d.send_signal(signal.SIGTERM)
        d.wait_log("stopping|drain")
        d.send_signal(signal.SIGTERM)
        ended()
    d.wait()


def test_job_processes_end_with_their_master(daemon):
    """One that does not ask is ended by the kernel's alarm, a minute later: test_job_process.c."""
    d = daemon(jobs.config("processes: 2"), exit_code=-9)
    with Watch(d, "hold", d.dir / "go") as job:
        pids = Processes(d).wait(3)
        assert job.pid in pids
        d.send_signal(signal.SIGKILL)
        d.process.wait()
        job.leave()
        wait_until(lambda: not [pid for pid in pids if (name_of(pid) or "").startswith("weir:job")], d.story)
