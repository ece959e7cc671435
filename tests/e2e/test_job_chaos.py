"""Job processes and the hub are killed at random while clients start jobs, wait for them, and leave.
Every job that was taken ends exactly once, none runs twice, and in the end the same workers serve
with as many descriptors as before.

    WEIR_SEED=7 WEIR_CHURN_S=60 python3 -m pytest tests/e2e/test_job_chaos.py
"""
import collections
import itertools
import os
import random
import re
import signal
import threading
import time

import client
import jobs
from daemon import WAIT_S, wait_until
from jobs import EAGAIN, ECHILD, ECANCELED, Processes, target
from process import n_descriptors

SECONDS = float(os.environ.get("WEIR_CHURN_S", 6))
SEED = int(os.environ.get("WEIR_SEED", time.time_ns() % 1_000_000))
N_CLIENTS = 10

CONFIG = jobs.config("processes: 2, queue: 16, grace: 100ms, pools: [{name: other, processes: 1, queue: 4}]",
                     "workers: 2\naccess_log: off\n").replace("log_level: info", "log_level: notice")
# What may become of a job here: its result; no room; its process or the hub died; it was killed
# while it was cancelled.
GOOD = re.compile(rf"ok (\d+)|start {EAGAIN}|end ({ECHILD}|{ECANCELED}|{EAGAIN})")


class Clients:
    """Each number is one job, which writes it into a file when it runs."""

    def __init__(self, d, out):
        self.d = d
        self.out = out
        self.numbers = itertools.count(1)   # next() of it is atomic
        self.ends = {}                      # number: what was said; None: its client left before
        self.wrong = []
        self.stop = False
        self.threads = [threading.Thread(target=self._run, args=(random.Random(SEED + i),)) for i in range(N_CLIENTS)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *what):
        self.stop = True
        for thread in self.threads:
            thread.join(3 * WAIT_S)
        self.wrong += [f"{thread} hangs" for thread in self.threads if thread.is_alive()]

    def _run(self, dice):
        while not self.stop:
            try:
                with self.d.connect(timeout=2 * WAIT_S) as connection:
                    for _ in range(dice.randrange(1, 20)):
                        if self.stop or not self._one(connection, dice):
                            break
            except (client.Broken, OSError) as problem:
                self.wrong.append(repr(problem))

    def _one(self, connection, dice):
        """False: the client left."""
        number = next(self.numbers)
        kind = dice.random()
        pool = {"pool": "other"} if dice.random() < 0.2 else {}
        if kind < 0.05:
            return self._large(connection, dice)
        text = f"{number} {dice.choice([0, 0, 0, 1, 5, 30])} {self.out}"
        if kind < 0.15:
            self.ends[number] = None
            connection.request("GET", target(dice.choice(["tell", "watch"]), "note", text, **pool))
            if dice.random() < 0.5:
                connection.reset()
            return False
        said = connection.call("GET", target("tell", "note", text, **pool)).text
        self.ends[number] = said
        found = GOOD.fullmatch(said)
        if not found or found.group(1) not in (None, str(number)):
            self.wrong.append(f"{number}: {said}")
        return True

    def _large(self, connection, dice):
        size = dice.choice([65537, 300_000, 2_000_000])
        response = connection.call("GET", f"/large?size={size}")
        if response.status not in (200, 500, 503) or (response.status == 200 and response.text != str(size)):
            self.wrong.append(f"large: {response}")
        return True


def kill_at_random(d, seconds):
    """How many job processes, and how many hubs."""
    dice = random.Random(SEED)
    killed = collections.Counter()
    until, next_hub = time.monotonic() + seconds, time.monotonic() + 0.5
    pause = threading.Event()
    while time.monotonic() < until:
        pause.wait(dice.uniform(0.005, 0.08))
        victims = Processes(d).all()
        what, pid = "job", dice.choice(victims) if victims else None
        if time.monotonic() > next_hub:
            # Not so often that the master makes pauses: then it would only be waited for.
            what, pid, next_hub = "hub", d.hub(), time.monotonic() + dice.uniform(0.5, 2.5)
        try:
            if pid:
                os.kill(pid, signal.SIGKILL)
                killed[what] += 1
        except ProcessLookupError:
            pass
    return killed


def test_every_job_ends_once_and_none_runs_twice(daemon):
    d = daemon(CONFIG, reports="LeakSanitizer has encountered a fatal error|LeakSanitizer: detected")
    out = d.dir / "ran"
    out.touch()
    n_processes = len(Processes(d).wait(3 + 2))
    assert jobs.is_healthy(d)
    workers, before = d.workers(), {pid: n_descriptors(pid) for pid in [d.pid, *d.workers()]}
    with Clients(d, out) as clients:
        killed = kill_at_random(d, SECONDS)
    story = f"WEIR_SEED={SEED} {dict(killed)}\n" + "\n".join(clients.wrong[:20])
    assert not clients.wrong, f"{story}\n{d.story()}"

    Processes(d).wait(n_processes)
    wait_until(lambda: jobs.tell(d, "echo", "x") == "ok x", d.story)
    # A cancelled job may still be on its way to the file.
    wait_until(lambda: {pid: n_descriptors(pid) for pid in before} == before,
               lambda: f"{story}\n{before}\n{ {pid: n_descriptors(pid) for pid in before} }\n{d.story()}")
    assert d.workers() == workers, story

    ran = collections.Counter(int(line) for line in out.read_text().split())
    assert not [number for number, n in ran.items() if n > 1], f"ran twice\n{story}"
    for number, said in clients.ends.items():
        if said is None:
            continue
        if said.startswith("ok"):
            assert ran[number] == 1, f"{number} has a result, but did not run\n{story}"
        elif said.startswith("start"):
            assert ran[number] == 0, f"{number} was refused, and ran\n{story}"
    counts = collections.Counter(said.split()[0] if said else "left" for said in clients.ends.values())
    assert counts["ok"] > 5 * SECONDS and killed["job"] > SECONDS and killed["hub"] >= 1, (counts, killed)
    print(f"WEIR_SEED={SEED}", dict(killed), dict(counts))
