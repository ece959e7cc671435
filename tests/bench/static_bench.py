"""Files: weir and nginx from the disk's cache, beside a bare epoll server that sends from memory."""
import dataclasses
import functools
import pathlib
import statistics

import measure
import servers
from report import DISTURBED, Goal, least, median_ratio, most, number, say, table, top_functions, unquiet
from servers import FILES, Server

TARGETS = {
    "": ["bench_httpload:executable"],
    "weir": ["weir:executable"],
    "nginx": [],
    "bare": ["bench_bare:executable"],
}


@dataclasses.dataclass
class LoadRow:
    name: str
    file: str
    n_conns: int
    rate_of_bare: Goal = None
    rate_of_nginx: Goal = None


@dataclasses.dataclass
class CountRow:
    name: str
    file: str
    goal: Goal = None
    arguments: tuple = ()


LOAD_ROWS = [
    LoadRow("a file of 1 KiB", "1KiB", 64, rate_of_bare=least(0.85)),
    LoadRow("a file of 100 KiB", "100KiB", 64, rate_of_bare=least(0.70)),
    LoadRow("a file of 10 MiB", "10MiB", 16, rate_of_nginx=least(1.0)),
]
COUNT_ROWS = [
    CountRow("a file of 1 KiB", "1KiB", most(3500)),
    CountRow("the same for a browser", "1KiB", most(6000), ("-b",)),
    CountRow("a file of 100 KiB", "100KiB"),
]


class StaticBench:
    """What the measurements share: the build, the files, cores and ports."""

    def __init__(self, args, directory):
        self.args = args
        self.build = args.build.resolve()
        self.dir = pathlib.Path(directory)
        self.root = servers.make_files(self.dir)
        self.client = [self.build / "tests/bench/bench_httpload"]
        self.cores = args.server_core, args.client_core
        self.ports = servers.free_ports()
        self.n_disturbed = 0

    def server(self, name, file, tool=()):
        port = next(self.ports)
        answer = servers.HELLO
        if name == "bare":
            command = servers.bare_files_command(self.build, port, FILES[file])
            answer = b"x" * min(1000, FILES[file])
        elif name == "nginx":
            command = servers.nginx_files_command(self.dir, port, self.root)
        else:
            command = servers.weir_files_command(self.build, self.dir, port, self.root)
        return Server(name, command, port, self.cores[0], self.dir / f"{name}-{port}.log", tool,
                      answer=answer)

    def load_row(self, row):
        """{server: [a sample for each round]}"""
        def sample(name, server, n):
            say(f"{row.name}: {name}, round {n} of {self.args.rounds}")
            sample = measure.load(self.client, server, [f"-u/files/{row.file}", f"-c{row.n_conns}"],
                                  self.args.seconds, self.cores)
            self.n_disturbed += sample.foreign() > DISTURBED
            return sample
        return measure.in_turns({name: self.server(name, row.file) for name in self.args.servers},
                                self.args.rounds, sample)

    def count_row(self, row):
        """{server: profile}"""
        return measure.profiles(
            row.name, {name: functools.partial(self.server, name, row.file) for name in self.args.servers},
            self.client, [f"-c{self.args.connections}", f"-u/files/{row.file}", *row.arguments],
            self.args.requests, self.cores[1], self.dir)


def load_lines(row, samples):
    """A line for each server: its medians, then how it compares."""
    lines = []
    for name, own in samples.items():
        rates = [s.rate for s in own]
        rate = statistics.median(rates)
        cells = [row.name, name, number(rate), number(rate * FILES[row.file] / 1e6),
                 number(statistics.median(s.core_us for s in own))]
        verdicts = []
        for other in ("bare", "nginx"):
            if other not in samples or other == name:
                cells += ["", ""]
                continue
            ratio = median_ratio(rates, [s.rate for s in samples[other]])
            core = median_ratio([s.core_us for s in samples[other]], [s.core_us for s in own])
            cells += [number(ratio), number(core)]
            goal = getattr(row, f"rate_of_{other}")
            if goal and name == "weir":
                verdicts.append(f"rate {goal.verdict(ratio)}")
        lines.append([*cells, "; ".join(verdicts)])
    return lines


def measure_load(bench, args):
    """Each of the two yields its part of the report, a paragraph or a table at a time."""
    rows = [row for row in LOAD_ROWS if args.row in row.name]
    if rows:
        lines = [line for row in rows for line in load_lines(row, bench.load_row(row))]
        yield (f"Load: {args.rounds} rounds of {args.seconds} s; medians; 64 connections, 16 for the "
               "largest file. \"core\" is the busy time of\nthe server's core for each request. In "
               "the ratios, more than 1 is better than the other server.")
        yield table(["row", "server", "requests/s", "MB/s", "core µs", "rate ÷ bare", "bare ÷ core",
                     "rate ÷ nginx", "nginx ÷ core", "goal"], lines)
        if bench.n_disturbed:
            yield unquiet(bench.n_disturbed)


def measure_instructions(bench, args):
    rows = [row for row in COUNT_ROWS if args.row in row.name]
    if rows:
        counted = {row.name: (row, bench.count_row(row)) for row in rows}
        lines = [[name, server, number(profile.instructions),
                  row.goal.verdict(profile.instructions) if row.goal and server == "weir" else ""]
                 for name, (row, profiles) in counted.items() for server, profile in profiles.items()]
        yield (f"User instructions per request: callgrind, {args.requests} against "
               f"{2 * args.requests} requests, on {args.connections} connections.")
        yield table(["row", "server", "instructions", "goal"], lines)
        for name, (_, profiles) in counted.items():
            if args.top and "weir" in profiles:
                yield f"Where weir's go, {name}:"
                yield top_functions(profiles["weir"], args.top)
