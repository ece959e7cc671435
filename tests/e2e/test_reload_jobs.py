"""HUP with other pools of jobs: they come, change and go, and no job is lost by it."""
import os
import re
import signal
import threading

import jobs
from daemon import SANITIZED, wait_until
from jobs import EAGAIN, EMSGSIZE, ENOENT, ETIMEDOUT, Processes, Watch, ending, nice_of, tell
from process import is_running, pid_of, reload

ONE = jobs.config("processes: 1")
SLOW = jobs.config("processes: 1, pools: [{name: slow}]")
ROUNDS = 3 if SANITIZED else 10


def change(d, text):
    d.write_config(text)
    return reload(d)


def fails(d, text, words):
    mark = d.mark()
    d.write_config(text)
    d.send_signal(signal.SIGHUP)
    d.wait_log("the new configuration is not used: nothing has changed", after=mark)
    d.wait_log(words, after=mark)


def run(d, text, pool):
    """A job of that pool; Watch without a word which."""
    return Watch(d, "hold", d.dir / text, pool=pool)


def go(d, text):
    (d.dir / text).touch()


def has_gone(d, pool):
    """Its processes, and whatever would take a job for it."""
    wait_until(lambda: not Processes(d).all(pool), d.story)
    wait_until(lambda: tell(d, "echo", "x", pool=pool) == f"start {ENOENT}", d.story)
    return True


# Pools come and go.

def test_a_pool_that_is_new_is_there_with_the_first_new_worker(daemon):
    d = daemon(ONE)
    assert tell(d, "echo", "x", pool="slow") == f"start {ENOENT}"
    hub, workers = d.hub(), d.workers()
    change(d, SLOW)
    wait_until(lambda: int(d.get("/pid").text) not in workers, d.story)
    assert tell(d, "echo", "x", pool="slow") == "ok x"
    assert jobs.is_healthy(d) and jobs.is_healthy(d, pool="slow")
    Processes(d).wait(2, "slow")
    assert d.hub() == hub


def test_a_pool_that_was_removed_does_what_former_workers_have_for_it(daemon):
    d = daemon(SLOW)
    before = Processes(d).wait(2, "slow")
    late = d.connect()
    old = pid_of(late)
    with run(d, "first", "slow") as first, run(d, "second", "slow") as second:
        assert first.pid in before
        change(d, ONE)
        assert is_running(old)
        # Asked for by an old worker after the reload, with a process that is as old.
        late.request("GET", jobs.target("tell", "pid", pool="slow"))
        assert Processes(d).all("slow") == before
        go(d, "first")
        assert first.end() == "ok let go"
        assert second.pid in before
        go(d, "second")
        assert second.end() == "ok let go"
        assert int(late.response().text.split()[1]) in before
        late.close()
    wait_until(lambda: not is_running(old), d.story)
    assert has_gone(d, "slow")
    assert jobs.is_healthy(d)
    assert "was recycled" not in "\n".join(line for line in d.err.lines if "pool slow" in line)
    d.wait_log(r"a job process of pool slow \(pid \d+\) has ended, and no other is needed", count=2)


def test_a_pool_that_is_back_before_it_has_gone_is_served_by_new_processes(daemon):
    d = daemon(SLOW)
    before = Processes(d).wait(2, "slow")
    with run(d, "go", "slow") as job:
        running = job.pid
        change(d, ONE)
        change(d, SLOW)
        wait_until(lambda: set(Processes(d).all("slow")) & set(before) == {running}, d.story)
        go(d, "go")
        assert job.end() == "ok let go"
    wait_until(lambda: running not in Processes(d).all("slow"), d.story)
    assert jobs.is_healthy(d, pool="slow")
    Processes(d).wait(2, "slow")


def test_pools_may_come_and_go_again_and_again(daemon):
    d = daemon(ONE)
    for i in range(3):
        change(d, jobs.config(f"processes: 1, pools: [{{name: new{i}}}, {{name: slow}}]"))
        wait_until(lambda i=i: tell(d, "echo", "x", pool=f"new{i}") == "ok x", d.story)
        change(d, ONE)
        assert has_gone(d, f"new{i}") and has_gone(d, "slow")
    assert jobs.is_healthy(d)


def test_a_process_of_a_pool_that_leaves_is_not_replaced(daemon):
    d = daemon(SLOW)
    before = Processes(d).wait(2, "slow")
    with run(d, "go", "slow") as job:
        idle, = set(before) - {job.pid}
        change(d, ONE)
        os.kill(idle, signal.SIGKILL)
        d.wait_log(rf"pool slow \(pid {idle}\) ended: killed .*; no other is needed")
        go(d, "go")
        assert job.end() == "ok let go"
    assert has_gone(d, "slow")


def test_what_waits_fails_when_the_last_process_of_a_pool_that_leaves_has_died(daemon):
    d = daemon(SLOW)
    processes = Processes(d).wait(2, "slow")
    late = d.connect()
    pid_of(late)
    with run(d, "never", "slow") as running, run(d, "never", "slow") as waiting:
        assert running.pid in processes
        change(d, ONE)
        for pid in processes:
            os.kill(pid, signal.SIGKILL)
        assert running.end() == waiting.end() == f"end {jobs.ECHILD}"
        # Who comes in the moment before the hub hears that none is left fails like those who waited.
        said = late.call("GET", jobs.target("tell", "echo", "x", pool="slow")).text
        assert said in (f"start {ENOENT}", f"end {jobs.ECHILD}")
        late.close()
    assert jobs.is_healthy(d)


def test_jobs_may_begin_and_end_to_be_there(daemon):
    none = jobs.TOP + "workers: 1\nroutes: [{path: /pid, handler: e2e_process.pid}]\n"
    none = re.sub(r"\{path: e2e_(good|bad)_job.so\}, ", "", none)
    d = daemon(none)
    assert Processes(d).all() == []
    change(d, SLOW)
    wait_until(lambda: tell(d, "echo", "x", pool="slow") == "ok x", d.story)
    with run(d, "go", "slow") as running, run(d, "go", "slow") as waiting:
        assert running.pid in Processes(d).all("slow")
        change(d, none)
        go(d, "go")
        assert running.end() == waiting.end() == "ok let go"
    wait_until(lambda: not Processes(d).all(), d.story)


# What is said of them changes.

def test_processes_become_more_and_fewer(daemon):
    d = daemon(jobs.config("processes: 2"))
    for n in (5, 1, 3):
        Processes(d).wait(change(d, jobs.config(f"processes: {n}")) and n + 1)
        hold = f"hold-{n}"
        held = [Watch(d, "hold", d.dir / hold) for _ in range(n + 1)]
        # So many run at once: the last one waits.
        pids = {job.pid for job in held[:n]}
        assert len(pids) == n
        go(d, hold)
        for job in held:
            assert job.end() == "ok let go"
            job.leave()


def test_no_more_run_than_the_new_number_says(daemon):
    d = daemon(jobs.config("processes: 3"))
    held = [Watch(d, "hold", d.dir / f"held-{i}") for i in range(3)]
    before = [job.pid for job in held]
    change(d, jobs.config("processes: 1"))
    with Watch(d, "pid") as late:
        for i, job in enumerate(held):
            assert set(before[i:]) <= set(Processes(d).all())
            go(d, f"held-{i}")
            assert job.end() == "ok let go"
            job.leave()
        assert int(late.end().split()[1]) not in before
    Processes(d).wait(2)


def test_another_length_of_the_queue_is_in_force_and_keeps_who_waits(daemon):
    d = daemon(jobs.config("processes: 1, queue: 3"))
    with Watch(d, "hold", d.dir / "go") as running:
        assert running.pid
        waiting = [Watch(d, "hold", d.dir / "go") for _ in range(3)]
        assert tell(d, "echo", "x") == f"start {EAGAIN}"
        change(d, jobs.config("processes: 1, queue: 1"))
        assert tell(d, "echo", "x") == f"start {EAGAIN}"
        go(d, "go")
        for job in [running, *waiting]:
            assert job.end() == "ok let go"
            job.leave()
    with Watch(d, "hold", d.dir / "again") as running:
        assert running.pid
        with Watch(d, "hold", d.dir / "again") as waiting:
            assert tell(d, "echo", "x") == f"start {EAGAIN}"
            go(d, "again")
            assert waiting.end() == "ok let go"
        assert running.end() == "ok let go"


def test_other_times_are_in_force_for_jobs_that_start_then(daemon):
    d = daemon(jobs.config("processes: 2, grace: 300ms"))
    with Watch(d, "hold", d.dir / "go") as running:
        assert running.pid
        change(d, jobs.config("processes: 2, run_timeout: 100ms, grace: 300ms"))
        wait_until(lambda: tell(d, "hold", d.dir / "never") == f"end {ETIMEDOUT}", d.story)
        go(d, "go")
        assert running.end() == "ok let go"


def test_processes_are_as_nice_and_as_confined_as_is_said_now(daemon):
    d = daemon(jobs.config("processes: 1, nice: 0"))
    (d.dir / "go").touch()
    assert tell(d, "hold", d.dir / "go") == "ok let go"
    old = set(Processes(d).all())
    change(d, jobs.config("processes: 1, nice: 7, sandbox: true"))
    wait_until(lambda: not old & set(Processes(d).all()), d.story)
    pids = Processes(d).wait(2)

    def is_confined(pid):
        with open(f"/proc/{pid}/status", encoding="ascii") as status:
            return "Seccomp:\t2\n" in status.read()
    # Some time after each has been forked.
    wait_until(lambda: all(nice_of(pid) == 7 and is_confined(pid) for pid in pids), d.story)
    assert tell(d, "echo", "x") == "ok x"


def test_max_result_is_that_of_who_does_it(daemon):
    d = daemon(jobs.config("processes: 1, max_result: 100KiB"))
    late = [d.connect() for _ in range(2)]
    for c in late:
        pid_of(c)
    change(d, jobs.config("processes: 1, max_result: 400KiB"))
    wait_until(lambda: tell(d, "grow", 300 * 1024).startswith("ok "), d.story)
    # An old worker has no room for it, and no harm by it.
    r = late[0].call("GET", jobs.target("tell", "grow", 300 * 1024))
    assert r.text == f"end {EMSGSIZE}"
    assert late[1].call("GET", jobs.target("tell", "grow", 90 * 1024)).text.startswith("ok ")
    assert jobs.is_healthy(d)


# What cannot be done is refused.

def test_more_processes_than_there_is_room_for_are_refused(daemon):
    d = daemon(ONE)
    before = Processes(d).wait(2)
    fails(d, jobs.config("processes: 64"), "65 job processes are too many without a restart: there is room for 64")
    assert Processes(d).all() == before
    assert jobs.is_healthy(d)
    change(d, jobs.config("processes: 8"))
    Processes(d).wait(9)


# When something else goes wrong.

def test_the_next_hub_has_the_new_pools(daemon):
    d = daemon(ONE)
    change(d, SLOW)
    wait_until(lambda: tell(d, "echo", "x", pool="slow") == "ok x", d.story)
    with ending(d.hub()) as ended:
        os.kill(d.hub(), signal.SIGKILL)
        ended()
    wait_until(lambda: tell(d, "echo", "x", pool="slow") == "ok x", d.story)
    assert jobs.is_healthy(d, pool="slow")


def test_the_next_hub_goes_on_with_a_pool_that_leaves(daemon):
    d = daemon(SLOW)
    before = Processes(d).wait(2, "slow")
    with run(d, "never", "slow") as running, run(d, "go", "slow") as waiting:
        assert running.pid in before
        change(d, ONE)
        with ending(d.hub()) as ended:
            os.kill(d.hub(), signal.SIGKILL)
            ended()
        # It has failed with its hub; what had not begun goes to the next one, and to these processes.
        assert running.end() == f"end {jobs.ECHILD}"
        assert waiting.pid in before
        go(d, "go")
        assert waiting.end() == "ok let go"
    go(d, "never")
    assert has_gone(d, "slow")


class Load:
    """Jobs all the time, of a pool that is always there and of one that is there where its worker says so."""

    def __init__(self, d):
        self.d, self.done, self.bad, self.is_over = d, 0, [], False
        self.threads = [threading.Thread(target=self._run, args=(i,), daemon=True) for i in range(4)]
        for thread in self.threads:
            thread.start()

    def _run(self, i):
        n = 0
        while not self.is_over:
            try:
                for query in ({}, {"pool": "stays"}):
                    n += 1
                    word = f"{i}-{n}"
                    said = tell(self.d, "echo", word, **query)
                    if said != f"ok {word}":
                        self.bad.append((query, said))
                    self.done += 1
            except Exception as error:  # pylint: disable=broad-except
                self.bad.append(repr(error))

    def end(self):
        self.is_over = True
        for thread in self.threads:
            thread.join()
        return self.done, self.bad


def test_reloads_under_load_lose_no_job(daemon):
    def stays(more):
        return jobs.config(f"processes: 2, queue: 100, pools: [{{name: stays, processes: 1}}{more}]", "workers: 2\n")
    d = daemon(stays(""))
    load = Load(d)
    try:
        for i in range(ROUNDS):
            done = load.done
            change(d, stays(f", {{name: new{i}}}").replace("processes: 2,", "processes: 4,"))
            # In each direction some jobs have been done.
            wait_until(lambda done=done: load.done > done + 20, d.story)
            wait_until(lambda i=i: tell(d, "echo", "x", pool=f"new{i}") == "ok x", d.story)
            done = load.done
            change(d, stays(""))
            wait_until(lambda done=done: load.done > done + 20, d.story)
            assert has_gone(d, f"new{i}")
    finally:
        done, bad = load.end()
    assert done > 0 and not bad, f"{bad[:10]}\n{d.story()}"
    assert "died" not in d.err.text and "ECHILD" not in d.err.text


def test_what_was_counted_is_not_forgotten(daemon):
    more = ("workers: 1\n", "  - {path: /metrics, handler: weir.metrics}\n")
    d = daemon(jobs.config("processes: 1, pools: [{name: a}, {name: slow}]", more[0]) + more[1])

    def count(pool):
        found = re.search(rf'weir_jobs_submitted_total\{{pool="{pool}"\}} (\d+)', d.get("/metrics").text)
        return int(found.group(1)) if found else None
    assert jobs.is_healthy(d, 3, pool="slow")
    assert (count("default"), count("slow"), count("a")) == (0, 3, 0)
    # Its index is another now.
    change(d, jobs.config("processes: 1, pools: [{name: slow}, {name: b}]", more[0]) + more[1])
    wait_until(lambda: count("b") == 0 and count("a") is None, d.story)
    assert count("slow") == 3
    assert jobs.is_healthy(d, 1, pool="slow")
    assert (count("slow"), count("b")) == (4, 0)
    change(d, jobs.config("processes: 1", more[0]) + more[1])
    wait_until(lambda: count("slow") is None, d.story)
    change(d, jobs.config("processes: 1, pools: [{name: slow}]", more[0]) + more[1])
    wait_until(lambda: count("slow") == 4, d.story)
