"""The demo's examples that have jobs: primes, hash, burn, crash."""
import concurrent.futures
import hashlib
import json
import os
import re
import time

import pytest

from daemon import SANITIZED, WAIT_S, wait_until
from jobs import Processes
from test_examples import DEMO


@pytest.fixture(scope="module")
def demo(shared_daemon):
    return shared_daemon(DEMO)


def events(response):
    """[(type, data)] of a whole event stream; comments are left out."""
    found = []
    for block in response.text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if line and not line.startswith(":"))
        if fields:
            found.append((fields["event"], json.loads(fields["data"])))
    return found


@pytest.mark.parametrize("below, found", [(0, 0), (2, 0), (3, 1), (100, 25), (100_000, 9592)])
def test_primes_counts(demo, below, found):
    r = demo.get(f"/primes/{below}")
    assert (r.status, r["content-type"]) == (200, "text/event-stream")
    *progress, last = events(r)
    assert last == ("done", {"found": found})
    assert all(kind == "progress" for kind, _ in progress)
    percents = [data["percent"] for _, data in progress]
    assert percents == sorted(percents) and all(0 <= percent <= 100 for percent in percents)


@pytest.mark.parametrize("below", ["x", "-1", "1000000001", "99999999999999999999", "1.5"])
def test_primes_wants_a_number(demo, below):
    assert demo.get(f"/primes/{below}").status == 400


def test_primes_that_nobody_waits_for_are_not_counted(demo):
    """More than there are processes, one after the other: each gives its process back."""
    for _ in range(4):
        with demo.connect() as c:
            c.request("GET", "/primes/1000000000")
            assert c.head().status == 200
            assert c.chunk()
    assert events(demo.get("/primes/100"))[-1] == ("done", {"found": 25})
    Processes(demo).wait(3)


@pytest.mark.parametrize("n, r, p", [(16384, 8, 1), (1024, 16, 4), (2, 1, 1), (65536, 8, 1)])
def test_hash_is_scrypt(demo, n, r, p):
    answer = demo.call("POST", f"/hash?n={n}&r={r}&p={p}&salt=00ff10", body=b"correct horse")
    assert (answer.status, answer["content-type"]) == (200, "application/json"), answer
    want = hashlib.scrypt(b"correct horse", salt=b"\x00\xff\x10", n=n, r=r, p=p, maxmem=1 << 28, dklen=32)
    assert json.loads(answer.text) == {"scrypt": {"n": n, "r": r, "p": p, "salt": "00ff10", "hash": want.hex()}}


def test_hash_of_nothing_and_of_bytes_that_are_no_text(demo):
    for password in (b"", bytes(range(256)) * 4):
        said = json.loads(demo.call("POST", "/hash?n=16&salt=", body=password).text)["scrypt"]
        assert said["hash"] == hashlib.scrypt(password, salt=b"", n=16, r=8, p=1, dklen=32).hex()


def test_hash_salts_by_itself(demo):
    said = [json.loads(demo.call("POST", "/hash?n=16", body=b"x").text)["scrypt"] for _ in range(2)]
    assert all(re.fullmatch(r"[0-9a-f]{32}", one["salt"]) for one in said)
    assert said[0]["salt"] != said[1]["salt"] and said[0]["hash"] != said[1]["hash"]


@pytest.mark.parametrize("query", ["n=3", "n=0", "n=1", "n=131072", "n=x", "n=", "r=0", "r=17", "p=0", "p=5", "salt=0",
                                   "salt=0g", "salt=" + "00" * 65, "n=65536&r=16", "n=99999999999999999999999"])
def test_hash_refuses_what_would_take_too_much(demo, query):
    assert demo.call("POST", f"/hash?{query}", body=b"x").status == 400


def test_hash_refuses_a_long_password(demo):
    assert demo.call("POST", "/hash?n=16", body=b"x" * 1024).status == 200
    assert demo.call("POST", "/hash?n=16", body=b"x" * 1025).status == 413


@pytest.mark.parametrize("where", ["loop", "job", "thread"])
def test_burn_burns_where_it_is_told_to(demo, where):
    r = demo.get(f"/burn/150?where={where}")
    assert (r.status, r.text) == (200, f"150 ms burned: {where}\n")


def cpu_s(pids):
    ticks = 0
    for pid in pids:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
            fields = stat.read().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize("where, is_of_job", [("loop", False), ("thread", False), ("job", True)])
def test_burn_uses_the_time_of_who_burns(demo, where, is_of_job):
    workers, jobs = demo.workers(), Processes(demo).wait(3)
    before = cpu_s(workers), cpu_s(jobs)
    assert demo.get(f"/burn/500?where={where}").status == 200
    by_workers, by_jobs = cpu_s(workers) - before[0], cpu_s(jobs) - before[1]
    assert (by_jobs if is_of_job else by_workers) >= 0.45
    if not SANITIZED:
        assert (by_workers if is_of_job else by_jobs) < 0.3


@pytest.mark.parametrize("target", ["/burn/x", "/burn/60001", "/burn/1?where=", "/burn/1?where=moon"])
def test_burn_refuses_nonsense(demo, target):
    assert demo.get(target).status == 400


def test_burning_in_jobs_holds_nobody_up(demo):
    def burn():
        with demo.connect(timeout=3 * WAIT_S) as c:
            return c.call("GET", "/burn/300?where=job")
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        burning = [pool.submit(burn) for _ in range(4)]
        n = 0
        while not all(one.done() for one in burning):
            assert demo.get("/hello").status == 200
            n += 1
        assert all(one.result().status == 200 for one in burning)
    assert n >= 10


def test_a_crash_in_a_job_is_nobody_elses(demo):
    workers, mark = demo.workers(), demo.mark()
    with demo.connect() as other:
        assert other.call("GET", "/hello").status == 200
        r = demo.get("/crash?where=job")
        assert (r.status, r.text) == (200, "the job has crashed, and nobody else has noticed\n")
        assert other.call("GET", "/hello").status == 200
    demo.wait_log(r"signal 6 \(SIGABRT\)", after=mark)
    assert demo.workers() == workers
    Processes(demo).wait(3)


def test_a_crash_in_a_handler_takes_its_worker(daemon):
    demo = daemon(DEMO)
    workers = demo.workers()
    with demo.connect() as c:
        c.request("GET", "/crash?where=handler")
        try:
            assert c.rest() == b""
        except ConnectionResetError:
            pass
    demo.wait_log(r"signal 6 \(SIGABRT\)")
    wait_until(lambda: len(demo.workers()) == 2 and demo.workers() != workers, demo.story)
    assert demo.get("/hello").status == 200


def test_crash_refuses_nonsense(demo):
    assert demo.get("/crash").status == 400
    assert demo.get("/crash?where=here").status == 400


def test_a_job_beyond_the_queue_is_told_to_come_back(daemon):
    demo = daemon(DEMO)
    clients = [demo.connect() for _ in range(2 + 16)]
    for c in clients:
        c.request("GET", "/primes/1000000000")
        assert c.head().status == 200
    r = demo.get("/primes/10")
    assert r.status == 503 and int(r["retry-after"]) >= 1
    begin = time.monotonic()
    for c in clients:
        c.close()
    wait_until(lambda: demo.get("/primes/10").status == 200, demo.story)
    assert time.monotonic() - begin < 20
