"""
The jobs half of scripts/bench: what clients notice of CPU work beside them, what a job costs, and
what the watchdog does. weir with one worker, and uvicorn with the same work in its handler
("inline"), in a ProcessPoolExecutor ("pool"), and in one whose workers are nice ("nice").

Unlike in the other suites nothing is pinned: jobs are to use all cores, and the client is one more
that they must not hold up.
"""
import dataclasses
import http.client
import json
import os
import pathlib
import re
import select
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import measure
from report import Goal, least, median_ratio, most, number, say, table
from servers import BenchError, Server

RATE = 500          # requests for /hello a second, however long they take
BURN_MS = 200
N_BURNERS = 4
CORES = sorted(os.sched_getaffinity(0))
LARGE = 64 * 1024 * 1024
GRACE_MS = 500
N_GONE = 10

UVICORN = {"inline": "uvicorn, inline", "pool": "uvicorn, ProcessPoolExecutor",
           "nice": "uvicorn, the same at nice 19"}
SERVERS = ["weir", *UVICORN]

CONF = """\
listen:
  - address: 127.0.0.1:{port}
workers: 1
access_log: off
log_level: notice
stall_limit: {stall_limit}
jobs: {{processes: {processes}, queue: 1000, grace: {grace}ms, max_result: 64MiB}}
module_path: [{build}/examples, {build}/tests/bench]
modules: [{{path: hello.so}}, {{path: burn.so}}, {{path: job_rows.so}}]
routes:
  - {{path: /hello, handler: hello.hello}}
  - {{path: "/burn/{{ms}}", handler: burn.burn}}
  - {{path: /empty, handler: job_rows.empty}}
  - {{path: /large, handler: job_rows.large}}
  - {{path: /deaf, handler: job_rows.deaf}}
"""


@dataclasses.dataclass
class Latency:
    """Of /hello, beside what else was going on; microseconds."""
    p50: float
    p99: float
    jobs: float = 0.0   # a second, meanwhile


class JobBench:
    def __init__(self, args, directory):
        self.args = args
        self.build = args.build.resolve()
        self.dir = pathlib.Path(directory)
        self.ports = iter(range(7300, 8000))

    def client(self, name):
        return self.build / "tests/bench" / f"bench_{name}"

    def _port(self):
        for port in self.ports:
            with socket.socket() as probe:
                try:
                    probe.bind(("127.0.0.1", port))
                    return port
                except OSError:
                    continue
        raise BenchError("no free port between 7300 and 7999")

    def server(self, name, tool=(), processes="auto", stall_limit="100ms", core=None):
        port = self._port()
        env = dict(os.environ)
        if name == "weir":
            conf = self.dir / f"weir-{port}.yaml"
            conf.write_text(CONF.format(port=port, build=self.build, processes=processes,
                                        grace=GRACE_MS, stall_limit=stall_limit))
            command = [self.build / "weir", "-c", conf]
        else:
            env["BENCH_BURN"] = name
            command = [find_uvicorn(), "-m", "uvicorn", "--app-dir", pathlib.Path(__file__).parent,
                       "--host", "127.0.0.1", "--port", str(port), "--no-access-log",
                       "--log-level", "warning", "--timeout-keep-alive", "600", "uvicorn_app:app"]
        return Server(name, command, port, core if core is not None else CORES,
                      self.dir / f"{name}-{port}.log", tool, env)

    def latency(self, server):
        said = json.loads(output([self.client("steady"), "-p", server.port, "-r", RATE,
                                  "-d", self.args.seconds]))
        return Latency(said["p50_us"], said["p99_us"])

    def beside(self, server, path, n_clients, n_requests):
        """The same while others have n_requests answered, one after the other."""
        load = subprocess.Popen(
            strings([self.client("httpload"), "-p", server.port, "-u", path, f"-c{n_clients}",
                     "-n", n_requests, "-d", 300]),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            time.sleep(0.5)  # until it is in full swing
            sample = self.latency(server)
            said = load.communicate(timeout=400)[0].decode()
        finally:
            load.kill()
            load.wait()
        if load.returncode != 0:
            raise BenchError(f"{server.name}: {path}: {said}")
        sample.jobs = json.loads(said)["rate"]
        return sample


def find_uvicorn():
    """Debian's: a Python that a version manager puts first does not have it."""
    for python in ("/usr/bin/python3", sys.executable):
        done = subprocess.run([python, "-c", "import uvicorn"], check=False, stderr=subprocess.DEVNULL)
        if done.returncode == 0:
            return python
    raise BenchError("uvicorn is missing: scripts/setup installs it")


def strings(words):
    return [str(word) for word in words]


def output(command):
    done = subprocess.run(strings(command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False, timeout=600)
    if done.returncode != 0:
        raise BenchError(f"{' '.join(strings(command))}: {done.stdout.decode(errors='replace')}")
    return done.stdout.decode()


def ask(server, path):
    """An answer's body. Its end is not the connection's: what a server forks meanwhile has that, too."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    if answer.status != 200:
        raise BenchError(f"{server.name}: {path}: {answer.status} {body[:300]!r}")
    return body


def ratios(loaded, unloaded):
    return (median_ratio([one.p50 for one in loaded], [one.p50 for one in unloaded]),
            median_ratio([one.p99 for one in loaded], [one.p99 for one in unloaded]))


def middle(samples, name):
    return statistics.median(getattr(one, name) for one in samples)


# ---- rows

def latency_lines(bench):
    row = f"/hello beside {N_BURNERS} clients with jobs of {BURN_MS} ms"
    all_cores = 1000 / BURN_MS * len(CORES)
    n_jobs = int(all_cores * (bench.args.seconds + 1))
    samples = {name: ([], []) for name in bench.args.servers}
    for n in range(bench.args.rounds):
        for name, (unloaded, loaded) in samples.items():
            say(f"{row}: {name}, round {n + 1} of {bench.args.rounds}")
            # A new one each time: what an overloaded one still has to do is not the next one's.
            with bench.server(name) as server:
                unloaded.append(bench.latency(server))
                path = f"/burn/{BURN_MS}" + ("?where=job" if name == "weir" else "")
                loaded.append(bench.beside(server, path, N_BURNERS, n_jobs))
    for name, (unloaded, loaded) in samples.items():
        p50, p99 = ratios(loaded, unloaded)
        jobs = middle(loaded, "jobs")
        verdict = ""
        if name == "weir":
            verdict = (f"p50 {most(1.2).verdict(p50)}; p99 {most(1.2).verdict(p99)}; "
                       f"jobs {least(0.95 * all_cores).verdict(jobs)}")
        yield [row, UVICORN.get(name, name), number(middle(unloaded, "p50")), number(middle(unloaded, "p99")),
               number(middle(loaded, "p50")), number(middle(loaded, "p99")), number(p50), number(p99),
               number(jobs), verdict]


@dataclasses.dataclass
class EmptyRow:
    name: str
    flight: int
    n: int
    n_uvicorn: int
    p50: Goal = None
    rate: Goal = None


EMPTY_ROWS = [
    EmptyRow("an empty job, one in flight", 1, 20000, 1000, p50=most(80)),
    EmptyRow("empty jobs, 64 in flight", 64, 100000, 3000, rate=least(20000)),
]


def empty_lines(bench, row):
    samples = {name: [] for name in bench.args.servers if name != "inline"}
    for n in range(bench.args.rounds):
        for name, own in samples.items():
            say(f"{row.name}: {name}, round {n + 1} of {bench.args.rounds}")
            n_jobs = row.n if name == "weir" else row.n_uvicorn
            with bench.server(name) as server:
                ask(server, f"/empty?n=200&flight={row.flight}")
                own.append(json.loads(ask(server, f"/empty?n={n_jobs}&flight={row.flight}")))
    for name, own in samples.items():
        p50, p99, rate = (statistics.median(one[what] for one in own) for what in ("p50_us", "p99_us", "rate"))
        verdict = ""
        if name == "weir":
            verdict = f"p50 {row.p50.verdict(p50)}" if row.p50 else f"rate {row.rate.verdict(rate)}"
        yield [row.name, UVICORN.get(name, name), number(p50), number(p99), number(rate), verdict]


def mappings(server):
    """Bytes of payloads that are mapped somewhere, and descriptors of payloads."""
    mapped, n_open = 0, 0
    for pid in server.pids():
        try:
            for line in pathlib.Path(f"/proc/{pid}/maps").read_text(encoding="utf-8").splitlines():
                if "/memfd:" in line:
                    begin, end = (int(part, 16) for part in line.split()[0].split("-"))
                    mapped += end - begin
            for entry in pathlib.Path(f"/proc/{pid}/fd").iterdir():
                n_open += "/memfd:" in os.readlink(entry)
        except OSError:
            continue
    return mapped, n_open


def payload_lines(bench):
    row = "/hello beside jobs with 64 MiB in and out"
    unloaded, loaded, left = [], [], []
    with bench.server("weir") as server:
        before = mappings(server)
        for n in range(bench.args.rounds):
            say(f"{row}: round {n + 1} of {bench.args.rounds}")
            unloaded.append(bench.latency(server))
            loaded.append(bench.beside(server, f"/large?size={LARGE}", 1, 5 * (bench.args.seconds + 1)))
            until = time.monotonic() + 2
            while (now := mappings(server)) != before and time.monotonic() < until:
                time.sleep(0.05)
            left.append(now[0] - before[0] + LARGE * (now[1] - before[1]))
    p50, p99 = ratios(loaded, unloaded)
    yield [row, "weir", number(middle(unloaded, "p50")), number(middle(unloaded, "p99")),
           number(middle(loaded, "p50")), number(middle(loaded, "p99")), number(p50), number(p99),
           number(middle(loaded, "jobs")),
           f"p99 {most(1.5).verdict(p99)}; left mapped: {max(left)} bytes"]


def job_processes(server):
    found = set()
    for pid in server.pids():
        try:
            if pathlib.Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").startswith("weir:job"):
                found.add(pid)
        except OSError:
            continue
    return found


def begin_deaf(server):
    """A client of a job that cannot be stopped, and the pid of the process that runs it."""
    client = socket.create_connection(("127.0.0.1", server.port), timeout=30)
    client.sendall(b"GET /deaf HTTP/1.1\r\nHost: x\r\n\r\n")
    said = b""
    while not (found := re.search(rb"pid (\d+)\n", said)):
        piece = client.recv(4096)
        if not piece:
            raise BenchError(f"/deaf: {said!r}")
        said += piece
    return client, int(found.group(1))


def gone_once(server):
    """Seconds from the client's going: the process killed, the next job done, a new process there."""
    before = job_processes(server)
    client, pid = begin_deaf(server)
    done = []
    next_job = threading.Thread(target=lambda: done.append(ask(server, "/empty?n=1&flight=1") and time.monotonic()))
    process = os.pidfd_open(pid)
    next_job.start()
    time.sleep(0.1)  # it waits: the only process is taken
    poll = select.poll()
    poll.register(process, select.POLLIN)
    begin = time.monotonic()
    client.close()
    if not poll.poll(30000):
        raise BenchError("the job process was not killed")
    killed = time.monotonic()
    os.close(process)
    while len(job_processes(server) - {pid}) < len(before):
        if time.monotonic() > killed + 30:
            raise BenchError("the job process was not replaced")
        time.sleep(0.001)
    there = time.monotonic()
    next_job.join(30)
    if not done:
        raise BenchError("the job that waited was not run")
    return killed - begin, done[0] - begin, there - begin


def gone_lines(bench):
    row = "client gone: milliseconds beyond the grace until"
    with bench.server("weir", processes=1) as server:
        samples = []
        for n in range(N_GONE):
            say(f"client gone: {n + 1} of {N_GONE}")
            samples.append([1000 * seconds - GRACE_MS for seconds in gone_once(server)])
    for i, name in enumerate(("its process is killed", "the next job has run", "another process waits")):
        own = [sample[i] for sample in samples]
        yield [row, name, number(statistics.median(own)), number(max(own)),
               most(20).verdict(max(own)) if i < 2 else ""]


def watchdog_lines(bench):
    row = "wrk's head, keep-alive"
    counted = {}
    for name, limit in (("without", "0"), ("with", "100ms")):
        say(f"{row}: {name} a watchdog, under callgrind")
        with tempfile.TemporaryDirectory(dir=bench.dir) as directory:
            counted[name] = measure.instructions(
                [bench.client("httpload")],
                lambda tool, limit=limit: bench.server("weir", tool, stall_limit=limit,
                                                       core=bench.args.server_core),
                [f"-c{bench.args.connections}"], bench.args.requests, bench.args.client_core,
                pathlib.Path(directory)).instructions
    share = 100 * (counted["with"] / counted["without"] - 1)
    for name, value in counted.items():
        yield [row, f"{name} a watchdog", number(value),
               f"{share:+.2f} %: {most(1).verdict(share)}" if name == "with" else ""]


# ---- parts

LATENCY_HEAD = ["row", "server", "p50 µs, alone", "p99 µs, alone", "p50 µs", "p99 µs", "p50 ÷ alone",
                "p99 ÷ alone", "jobs/s", "goal"]


def _is_wanted(args, name):
    return args.row in name


def measure_load(bench, args):
    if _is_wanted(args, "beside jobs"):
        yield (f"Latency: {args.rounds} rounds of {args.seconds} s, {RATE} requests a second in an open loop, "
               f"medians; \"alone\" is the\nsame server just before, with nothing else to do. All "
               f"{len(CORES)} cores are for everybody.")
        yield table(LATENCY_HEAD, list(latency_lines(bench)))
    rows = [row for row in EMPTY_ROWS if _is_wanted(args, row.name)]
    if rows:
        yield "Empty jobs: from the handler that starts one to when it has the result."
        yield table(["row", "server", "p50 µs", "p99 µs", "jobs/s", "goal"],
                    [line for row in rows for line in empty_lines(bench, row)])
    if "weir" in args.servers and _is_wanted(args, "client gone"):
        yield f"Cancelling: {N_GONE} clients that leave; the job does not ask, and its grace is {GRACE_MS} ms."
        yield table(["row", "what", "median", "longest", "goal"], list(gone_lines(bench)))


def measure_instructions(bench, args):
    if "weir" in args.servers and _is_wanted(args, "watchdog"):
        yield "User instructions per request, with and without the watchdog."
        yield table(["row", "server", "instructions", "goal"], list(watchdog_lines(bench)))


def measure_memory(bench, args):
    if "weir" in args.servers and _is_wanted(args, "payloads"):
        yield "Payloads: one client whose jobs get 64 MiB and give them back."
        yield table(LATENCY_HEAD, list(payload_lines(bench)))
