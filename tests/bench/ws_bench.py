"""
The WebSocket half of scripts/bench: echo, broadcast and idle sessions, of weir and of the bare
server that only unmasks and frames (bare_ws.c). Messages are masked text of 32 bytes.
"""
import dataclasses
import functools
import pathlib
import statistics

import measure
import memory
import servers
from report import DISTURBED, Goal, least, median_ratio, most, number, say, table, top_functions, \
    unquiet
from servers import BenchError, Server

SERVERS = ["weir", "bare"]
N_IDLE = 10000

# Each idle session has a room of its own: how many hear an echo is another row's question.
OWN_ROOM = servers.WS_CHAT.format(room="own-#")
ONE_ROOM = servers.WS_CHAT.format(room="all")


@dataclasses.dataclass
class LoadRow:
    name: str
    mode: str                    # of wsload
    arguments: list
    rate_of_bare: Goal


@dataclasses.dataclass
class CountRow:
    name: str
    arguments: list
    goal: Goal = None


@dataclasses.dataclass
class MemoryRow:
    name: str
    arguments: list
    goal: Goal
    has_bare: bool = False
    is_packed: bool = False      # permessage-deflate, and the echo compressed both ways
    beyond: str = None           # what counts is how much more it takes than this row


LOAD_ROWS = [
    LoadRow("echo, 64 sessions", "echo", ["-u", servers.WS_ECHO, "-c64"], least(0.93)),
    LoadRow("echo, 1 000 sessions", "echo", ["-u", servers.WS_ECHO, "-c1000"], least(0.93)),
    LoadRow("echo, 64 sessions, 16 in flight", "echo", ["-u", servers.WS_ECHO, "-c64", "-w16"],
            least(0.70)),
    LoadRow("broadcast to 1 000 sessions", "broadcast", ["-u", ONE_ROOM, "-c1000"], least(0.90)),
    LoadRow("broadcast to 1 000, 16 at once", "broadcast", ["-u", ONE_ROOM, "-c1000", "-w16"],
            least(0.75)),
]

COUNT_ROWS = [
    CountRow("echo", [], most(1500)),
    CountRow("echo, 16 in flight", ["-w16"]),
]

MEMORY_ROWS = [
    MemoryRow("a session coroutine that echoes", ["-u", servers.WS_ECHO], most(6 * 1024),
              has_bare=True),
    MemoryRow("a session coroutine in a chat room", ["-u", OWN_ROOM], most(6 * 1024)),
    MemoryRow("a message handler", ["-u", servers.WS_MESSAGE_ECHO], most(1024)),
    MemoryRow("a session coroutine with permessage-deflate",
              ["-u", servers.WS_ECHO_DEFLATE, "-Z", "-s1024"], most(1024), is_packed=True,
              beyond="a session coroutine that echoes"),
]


class WsBench:
    """What the measurements share: the build, a directory of their own, cores and ports."""

    def __init__(self, args, directory):
        self.args = args
        self.build = args.build.resolve()
        self.dir = pathlib.Path(directory)
        self.cores = args.server_core, args.client_core
        self.ports = servers.free_ports()
        self.n_disturbed = 0

    def client(self, mode):
        return [self.build / "tests/bench/bench_wsload", mode]

    def server(self, name, mode="echo", tool=()):
        port = next(self.ports)
        if name == "bare":
            command = servers.bare_ws_command(self.build, port, mode == "broadcast")
        else:
            command = servers.weir_ws_command(self.build, self.dir, port)
        return Server(name, command, port, self.cores[0], self.dir / f"{name}-{port}.log", tool)

    def load_row(self, row):
        """{server: [a sample for each round]}"""
        def sample(name, server, n):
            say(f"{row.name}: {name}, round {n} of {self.args.rounds}")
            found = measure.load_ws(self.client(row.mode), server, row.arguments,
                                    self.args.seconds, self.cores)
            self.n_disturbed += found.foreign() > DISTURBED
            return found
        return measure.in_turns({name: self.server(name, row.mode) for name in self.args.servers},
                                self.args.rounds, sample)

    def count_row(self, row):
        """{server: profile}"""
        return measure.profiles(
            row.name, {name: functools.partial(self.server, name, "echo") for name in self.args.servers},
            self.client("echo"), ["-u", servers.WS_ECHO, f"-c{self.args.connections}", *row.arguments],
            self.args.requests, self.cores[1], self.dir)

    def memory_row(self, row):
        """{server: (bytes for each when opened, and after one echo)}"""
        found = {}
        for name in self.args.servers:
            if name == "bare" and not row.has_bare:
                continue
            say(f"{row.name}: {name}")
            with self.server(name) as server:
                *found[name], said = memory.idle_sessions(self.client("idle"), server,
                                                          row.arguments, N_IDLE, self.cores[1])
            if row.is_packed and said["packed"] != N_IDLE:
                raise BenchError(f"{name}: {row.name}: of {N_IDLE} echoes {said['packed']} were "
                                 "compressed: this row measures those that are")
        return found


def load_lines(row, samples):
    """A line for each server: its medians, then how it compares."""
    lines = []
    for name, own in samples.items():
        cells = [row.name, name] + [number(statistics.median(values)) for values in (
            [s.rate for s in own], [s.core_us for s in own], [s.own_us for s in own],
            [s.client["p50_us"] for s in own], [s.client["p99_us"] for s in own])]
        cells.append(f"{statistics.median(s.client['client_cpu'] for s in own):.0%}")
        if name == "bare" or "bare" not in samples:
            lines.append([*cells, "", "", ""])
            continue
        bare = samples["bare"]
        rate = median_ratio([s.rate for s in own], [s.rate for s in bare])
        core = median_ratio([s.core_us for s in bare], [s.core_us for s in own])
        lines.append([*cells, number(rate), number(core),
                      f"rate {row.rate_of_bare.verdict(rate)}"])
    return lines


def memory_lines(row, measured):
    """measured: {row's name: {server: bytes}}; no verdict without the row that it goes beyond."""
    lines = []
    for name, values in measured[row.name].items():
        verdict = ""
        if name == "weir" and not row.beyond:
            verdict = row.goal.verdict(max(values))
        elif name == "weir" and name in measured.get(row.beyond, {}):
            more = max(a - b for a, b in zip(values, measured[row.beyond][name]))
            verdict = f"{number(more)} more than without: {row.goal.verdict(more)}"
        lines.append([row.name, name, *map(number, values), verdict])
    return lines


def measure_load(bench, args):
    """Each of the three yields its part of the report, a paragraph or a table at a time."""
    rows = [row for row in LOAD_ROWS if args.row in row.name]
    if rows:
        lines = [line for row in rows for line in load_lines(row, bench.load_row(row))]
        yield (f"Load: {args.rounds} rounds of {args.seconds} s; medians. A second's messages that "
               "were echoed, or deliveries to the\nsessions of one room; \"core\" is the busy time of "
               "the server's core for each, \"own\" the part of it that was\nin the server's "
               "processes. Waiting times are those of a batch: until all of it is back, or until the "
               "last\nsession has it. \"client\" is how busy the client's core was with the client: near "
               "100% it holds the rate back,\nand the cores tell more. In the ratios, more than 1 is "
               "better than bare.")
        yield table(["row", "server", "a second", "core µs", "own µs", "p50 µs", "p99 µs", "client",
                     "rate ÷ bare", "bare ÷ core", "goal"], lines)
        if bench.n_disturbed:
            yield unquiet(bench.n_disturbed)


def measure_instructions(bench, args):
    rows = [row for row in COUNT_ROWS if args.row in row.name]
    if rows:
        counted = {row.name: bench.count_row(row) for row in rows}
        yield (f"User instructions per echoed message: callgrind, {args.requests} against "
               f"{2 * args.requests} messages, on {args.connections} sessions.")
        yield table(["row", "server", "instructions", "goal"],
                    [[row.name, name, number(profile.instructions),
                      row.goal.verdict(profile.instructions) if row.goal and name == "weir" else ""]
                     for row in rows for name, profile in counted[row.name].items()])
        for name, profiles in counted.items():
            if args.top and "weir" in profiles:
                yield f"Where weir's go, {name}:"
                yield top_functions(profiles["weir"], args.top)


def measure_memory(bench, args):
    rows = [row for row in MEMORY_ROWS if args.row in row.name]
    lines = []
    measured = {}
    for row in rows:
        measured[row.name] = bench.memory_row(row)
        lines += memory_lines(row, measured)
    if lines:
        yield (f"Memory: what the server's processes grow by (PSS) for each of "
               f"{number(N_IDLE)} idle sessions, in bytes: when\nthey are open, and when a message has "
               "gone through each and come back.")
        yield table(["for each", "server", "opened", "after one echo", "goal"], lines)
