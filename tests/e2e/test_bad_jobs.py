"""Jobs that misbehave: each ends in an error of its own request and a line in the log, and the pool
is as good as before."""
import errno
import os
import re
import signal

import pytest

import jobs
from daemon import SANITIZED, wait_until
from jobs import ECHILD, EMSGSIZE, ETIMEDOUT, Processes, Watch, ending, target

# Sanitizers take terabytes of address space.
MEMORY = "" if SANITIZED else ", memory: 256MiB"
CONFIG = jobs.config(f"processes: 2, grace: 200ms, max_result: 1MiB{MEMORY}")
DEATHS = r"AddressSanitizer|UndefinedBehavior|LeakSanitizer"


@pytest.fixture(name="d")
def _d(daemon):
    """Its pool had three processes, and has them again when the test is over."""
    d = daemon(CONFIG, reports=DEATHS)
    Processes(d).wait(3)
    yield d
    Processes(d).wait(3)
    assert jobs.is_healthy(d, 6)
    assert d.get("/hello").status == 200


def tell(d, job, text=None, **query):
    return d.get(target("bad/tell", job, text, **query)).text


@pytest.mark.parametrize("job, how", [
    ("crash", r"signal 6 \(SIGABRT\)"),
    ("exit", r"exit code 7|exited with 7"),
    ("exit_well", r"exit code 0|exited with 0"),
    ("kill", r"signal 9 \(SIGKILL\)"),
])
def test_one_that_dies_is_an_error_of_its_own_request_and_said(d, job, how):
    with Watch(d, "hold", d.dir / "go") as other:
        assert other.pid
        mark = d.mark()
        assert tell(d, job) == f"end {ECHILD}"
        line = d.wait_log(how, after=mark)
        assert re.search(job, d.err.text), f"the log does not say which job it was: {line}"
        assert d.get(target("bad/run", job)).status == 500
        d.wait_log(rf"job e2e_bad_job\.{job} failed: its process ended: .*({how})", after=mark)
        (d.dir / "go").touch()
        assert other.end() == "ok let go"


def test_one_that_writes_into_a_large_input_dies_of_it(d):
    """It is mapped from what nobody can write to, not even by another mapping."""
    assert d.call("POST", "/bad/tell/write_input", body=b"x" * 200_000).text == f"end {ECHILD}"
    if not SANITIZED:
        d.wait_log(r"signal 11 \(SIGSEGV\)|signal 7 \(SIGBUS\)")


def test_the_log_says_whose_job_has_died(daemon):
    d = daemon(jobs.config("processes: 1", jobs.TAKES_IDS), reports=DEATHS)
    mark = d.mark()
    assert d.get(target("bad/tell", "kill"), jobs.IDS).text == f"end {ECHILD}"
    d.wait_log(r"signal 9 \(SIGKILL\).*; it ran e2e_bad_job\.kill \[abc-1\]", after=mark)
    assert d.get(target("bad/run", "crash"), jobs.IDS).status == 500
    d.wait_log(r"e2e_bad_job\.run: .*signal 6 \(SIGABRT\).* \[abc-1\]$", after=mark)
    if not SANITIZED:
        d.wait_log(r"e2e_bad_job\.crash \(request abc-1\)", after=mark)


def test_the_log_has_a_backtrace_of_a_crash(d):
    assert tell(d, "crash") == f"end {ECHILD}"
    if not SANITIZED:
        d.wait_log(r"\bcrash\b.*e2e_bad_job")


@pytest.mark.parametrize("job", ["never", "stop"])
def test_one_that_never_returns_is_killed(d, job):
    with Watch(d, job, handler="bad/watch", max_run=200) as one, ending(one.pid) as ended:
        assert one.end() == f"end {ETIMEDOUT}"
        ended()


@pytest.mark.parametrize("job", ["never", "stop"])
def test_one_that_never_returns_is_killed_when_its_client_goes(d, job):
    with Watch(d, job, handler="bad/watch") as one, ending(one.pid) as ended:
        one.leave()
        ended()


@pytest.mark.skipif(SANITIZED, reason="sanitizers need all the address space there is")
@pytest.mark.parametrize("job, ends", [("eat", ["end -12", "end -10"]), ("eat_blindly", ["end -10"]),
                                       ("eat_work", ["end -12", "end -10"])])
def test_one_that_allocates_without_end_is_stopped_by_the_limit(d, job, ends):
    assert tell(d, job) in ends


def test_one_that_forks_leaves_nobody_behind(d):
    text = tell(d, "fork")
    found = re.fullmatch(r"ok fork (\d+)", text)
    if not found:
        assert re.fullmatch(r"end -\d+", text), text
        return
    pid = int(found.group(1))
    wait_until(lambda: not os.path.exists(f"/proc/{pid}"), d.story)


def test_one_that_comes_back_twice_gives_one_answer(d):
    text = tell(d, "fork_twice")
    assert text in ("ok parent", "ok child") or re.fullmatch(r"end -\d+", text), text


@pytest.mark.parametrize("seed", range(6))
def test_one_that_writes_nonsense_on_its_descriptors_loses_its_process(d, seed):
    text = tell(d, "nonsense", seed)
    assert text == "ok " or re.fullmatch(r"end -\d+", text), text


@pytest.mark.parametrize("job", ["close", "shut"])
def test_one_that_closes_its_descriptors_loses_its_process(d, job):
    mark = d.mark()
    assert tell(d, job) == f"end {ECHILD}"
    d.wait_log("job", after=mark)


def test_timers_that_one_leaves_behind_do_not_end_the_next(daemon):
    d = daemon(jobs.config("processes: 1"))
    for _ in range(3):
        assert tell(d, "leave_timers") == "ok "
        assert tell(d, "burn") == "ok "


def test_a_second_result_is_refused(d):
    assert tell(d, "two_results") == "end -114"


def test_a_result_beyond_the_limit_is_refused(d):
    assert tell(d, "too_much", 1 << 20).startswith("ok ")
    assert tell(d, "too_much", (1 << 20) + 1) == f"end {EMSGSIZE}"


def test_many_at_once(d):
    """More than there are processes, all of the bad kinds, and good ones between them."""
    watches = []
    for i in range(5):
        for job in ("crash", "exit", "kill", "close", "two_results"):
            watches.append((job, Watch(d, job, handler="bad/watch")))
        watches.append(("echo", Watch(d, "echo", f"good {i}")))
    for job, watch in watches:
        end = watch.end()
        if job == "echo":
            assert re.fullmatch(r"ok good \d", end), end
        else:
            assert end == ("end -114" if job == "two_results" else f"end {ECHILD}"), (job, end)


def test_one_that_dies_as_soon_as_it_starts_does_not_keep_the_machine_busy(daemon):
    """Its processes die before they are ready; new ones come with growing pauses."""
    d = daemon(jobs.config("processes: 1"))
    processes = Processes(d)
    for _ in range(5):
        for pid in processes.all():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
    processes.wait(2)
    wait_until(lambda: jobs.tell(d, "echo", "x") == "ok x", d.story)


# ---- in a sandbox

def test_a_sandbox_keeps_jobs_from_everything_but_their_paths(daemon, tmp_path):
    inside, outside = tmp_path / "in", tmp_path / "out"
    for directory in (inside, outside):
        directory.mkdir()
        (directory / "file").write_text("x")
    d = daemon(jobs.config(f'processes: 1, sandbox: true, sandbox_paths: ["{inside}"]'))
    found = dict(re.findall(r"(\w+) (-?\d+)", tell(d, "try", inside / "file")))
    assert int(found["read"]) == 0, found
    for what in ("connect", "write", "passwd", "exec"):
        assert int(found[what]) < 0, found
    found = dict(re.findall(r"(\w+) (-?\d+)", tell(d, "try", outside / "file")))
    assert int(found["read"]) < 0, found
    assert jobs.is_healthy(d)
    assert d.get(f"/large?size={1 << 20}").text == str(1 << 20)


def test_a_sandbox_keeps_jobs_from_other_processes_of_their_user(daemon):
    d = daemon(jobs.config("processes: 1, sandbox: true"))
    found = dict(re.findall(r"(\w+) (-?\d+)", tell(d, "try_others")))
    assert len(found) == 10 and set(found.values()) == {str(-errno.EPERM)}, found
    assert jobs.is_healthy(d)


def test_without_a_sandbox_they_may(daemon, tmp_path):
    (tmp_path / "file").write_text("x")
    d = daemon(jobs.config("processes: 1"))
    found = dict(re.findall(r"(\w+) (-?\d+)", tell(d, "try", tmp_path / "file")))
    assert (int(found["read"]), int(found["write"]), int(found["passwd"])) == (0, 0, 0), found
    found = dict(re.findall(r"(\w+) (-?\d+)", tell(d, "try_others")))
    assert [found[what] for what in ("nice", "pin", "param", "signal", "pidfd")] == ["0"] * 5, found
