"""
What clients notice of a reload: 200 keep-alive connections, a fixed rate of requests however long
each takes, and every other while a signal. weir and nginx with two workers each; nothing is pinned,
since workers that start are to use all cores.
"""
import dataclasses
import json
import os
import pathlib
import signal
import statistics
import subprocess
import time

import servers
from report import median_ratio, most, number, say, table
from servers import BenchError, Server

TARGETS = {
    "": ["bench_steady:executable"],
    "weir": ["weir:executable", "hello:shared_module", "suspends:shared_module"],
    "nginx": [],
}
RATE = 2000
N_CONNS = 200
CORES = sorted(os.sched_getaffinity(0))
GOAL = most(2.0)


@dataclasses.dataclass
class Row:
    name: str
    signal: int
    only_weir: bool = False


ROWS = [
    Row("a reload (HUP)", signal.SIGHUP),
    Row("a binary upgrade (USR2)", signal.SIGUSR2, only_weir=True),
]


class ReloadBench:
    def __init__(self, args, directory):
        self.args = args
        self.build = args.build.resolve()
        self.dir = pathlib.Path(directory)
        self.ports = servers.free_ports()

    def server(self, name):
        port = next(self.ports)
        if name == "nginx":
            command = servers.nginx_command(self.dir, port, servers.NGINX_CONF.replace(
                "worker_processes 1;", "worker_processes 2;"))
        else:
            command = servers.weir_command(self.build, self.dir, port, "off", n_workers=2)
        return Server(name, command, port, CORES, self.dir / f"{name}-{port}.log")

    def windows(self, server, row):
        """
        What the client has seen in each while of some seconds: the first is for warming up, and in
        every other after that the server gets the signal.
        """
        seconds, n = self.args.seconds, 2 * self.args.rounds + 1
        command = [self.build / "tests/bench/bench_steady", "-p", server.port, "-r", RATE,
                   "-c", N_CONNS, "-d", seconds * n, "-i", seconds * 1000]
        client = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            line = client.stdout.readline()
            if line:
                start = json.loads(line)["start_ns"] / 1e9
                for i in range(2, n, 2):
                    # Not at its very beginning: what is due before is of the one before.
                    time.sleep(max(0, start + (i + 0.1) * seconds - time.monotonic()))
                    server.signal(row.signal)
            out, err = client.communicate(timeout=seconds * n + 120)
        finally:
            client.kill()
            client.wait()
        if not out:
            raise BenchError(f"{server.name}: {err.decode(errors='replace')}")
        return json.loads(out)["windows"][:n]


def lines(bench, row):
    for name in bench.args.servers:
        if row.only_weir and name != "weir":
            continue
        say(f"{row.name}: {name}")
        with bench.server(name) as server:
            seen = bench.windows(server, row)
        quiet = [window["p99_us"] for window in seen[1::2]]
        signalled = [window["p99_us"] for window in seen[2::2]]
        ratio = median_ratio(signalled, quiet)
        n_failed = sum(window["failed"] for window in seen)
        verdict = ""
        if name == "weir":
            verdict = f"failed: {'0, met' if n_failed == 0 else 'not 0, missed'}; p99 {GOAL.verdict(ratio)}"
        yield [row.name, name, str(sum(window["done"] for window in seen)), str(n_failed),
               number(statistics.median(quiet)), number(statistics.median(signalled)), number(ratio),
               verdict]


def measure_load(bench, args):
    rows = [row for row in ROWS if args.row in row.name]
    if rows:
        yield (f"{N_CONNS} keep-alive connections, {RATE} requests a second in an open loop, two workers; "
               f"{args.rounds} whiles of {args.seconds} s with the\nsignal, each after one without; medians, "
               "and the ratio is taken within such a pair.")
        yield table(["row", "server", "requests", "failed", "p99 µs", "p99 µs, signalled", "ratio",
                     "goal"], [line for row in rows for line in lines(bench, row)])
