"""
The TLS part of scripts/bench: keep-alive and handshakes of weir and nginx with the same
ECDSA P-256 certificate, and what an idle WebSocket costs. The client offers TLS_AES_128_GCM_SHA256
first, as browsers do.
"""
import contextlib
import dataclasses
import functools
import http.client
import os
import pathlib
import resource
import socket
import ssl
import statistics
import subprocess

import measure
import memory
import servers
from report import DISTURBED, Goal, median_ratio, most, number, say, table, top_functions, unquiet
from servers import BenchError, Server

SERVERS = ["weir", "nginx"]
N_IDLE = 2000
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
PATIENCE_S = 60


@dataclasses.dataclass
class LoadRow:
    name: str
    arguments: list              # for tlsload
    of_nginx: Goal = None        # core time, as a share of nginx's in the same round
    of_full: Goal = None         # and of the row before
    requests: int = None         # under callgrind; None: as many as are asked for


LOAD_ROWS = [
    LoadRow("TLS 1.3, keep-alive, 64 connections", ["-c64"], of_nginx=most(0.85)),
    LoadRow("TLS 1.3, a full handshake per request", ["-c64", "-k"], of_nginx=most(1.0), requests=320),
    LoadRow("TLS 1.3, resumed handshakes", ["-c64", "-k", "-r"], of_full=most(0.5), requests=320),
    LoadRow("TLS 1.2, a full handshake per request", ["-c64", "-k", "-2"], of_nginx=most(1.0), requests=320),
    LoadRow("TLS 1.2, resumed handshakes", ["-c64", "-k", "-r", "-2"], of_full=most(0.5), requests=320),
]
CONNECTION = "an idle keep-alive connection"
SESSION = "an idle WebSocket"


def untrusting():
    """A client's side: what is measured is not whom it trusts."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class TlsServer(Server):
    def _ask(self):
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=self.patience_s,
                                                 context=untrusting())
        try:
            connection.request("GET", "/hello", headers={"Connection": "close"})
            response = connection.getresponse()
            return response.status, response.read(1000)
        finally:
            connection.close()


class TlsBench:
    """What the measurements share: the build, a directory with a certificate, cores and ports."""

    def __init__(self, args, directory):
        self.args = args
        self.build = args.build.resolve()
        self.dir = pathlib.Path(directory)
        self.cores = args.server_core, args.client_core
        self.ports = servers.free_ports()
        self.n_disturbed = 0
        self.client = [self.build / "tests/bench/bench_tlsload"]
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-keyout", "key.pem", "-out", "certificate.pem", "-days", "2", "-subj", "/CN=localhost"],
                       cwd=self.dir, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)

    def server(self, name, tool=()):
        port = next(self.ports)
        command = servers.nginx_tls_command(self.dir, port) if name == "nginx" else \
            servers.weir_tls_command(self.build, self.dir, port)
        return TlsServer(name, command, port, self.cores[0], self.dir / f"{name}-{port}.log", tool)

    def load_rows(self, rows):
        """
        {row's name: {server: [a sample for each round]}}; a round has all rows, since what is
        compared with another row must be of the same minute.
        """
        samples = {row.name: {name: [] for name in self.args.servers} for row in rows}
        with contextlib.ExitStack() as stack:
            running = {name: stack.enter_context(self.server(name)) for name in self.args.servers}
            for n in range(self.args.rounds):
                for row in rows:
                    for name, server in running.items():
                        say(f"{row.name}: {name}, round {n + 1} of {self.args.rounds}")
                        sample = measure.load(self.client, server, row.arguments, self.args.seconds, self.cores)
                        self.n_disturbed += sample.foreign() > DISTURBED
                        samples[row.name][name].append(sample)
        return samples

    def count_row(self, row):
        """{server: profile}"""
        return measure.profiles(
            row.name, {name: functools.partial(self.server, name) for name in self.args.servers},
            self.client, row.arguments, min(row.requests or self.args.requests, self.args.requests),
            self.cores[1], self.dir)


# ---- load

def load_lines(rows, samples):
    """A line for each row and server: its medians, then how it compares, by what its own processes took."""
    lines = []
    for i, row in enumerate(rows):
        for name, own in samples[row.name].items():
            took = [s.own_us for s in own]
            cells = [row.name, name] + [number(statistics.median(values)) for values in (
                [s.rate for s in own], [s.core_us for s in own], took)]
            verdicts = []
            of_nginx = of_full = ""
            if name == "weir" and "nginx" in samples[row.name]:
                value = median_ratio(took, [s.own_us for s in samples[row.name]["nginx"]])
                of_nginx = number(value)
                if row.of_nginx:
                    verdicts.append(f"÷ nginx {row.of_nginx.verdict(value)}")
            if row.of_full and i > 0:
                value = median_ratio(took, [s.own_us for s in samples[rows[i - 1].name][name]])
                of_full = number(value)
                if name == "weir":
                    verdicts.append(f"÷ full {row.of_full.verdict(value)}")
            lines.append([*cells, of_nginx, of_full, "; ".join(verdicts)])
    return lines


def chosen(args):
    """A row that is compared with the one before brings that one in."""
    rows = [i for i, row in enumerate(LOAD_ROWS) if args.row in row.name]
    rows += [i - 1 for i in rows if LOAD_ROWS[i].of_full]
    return [LOAD_ROWS[i] for i in sorted(set(rows))]


def measure_load(bench, args):
    """Each of the three yields its part of the report, a paragraph or a table at a time."""
    rows = chosen(args)
    if not rows:
        return
    samples = bench.load_rows(rows)
    yield (f"Load: {args.rounds} rounds of {args.seconds} s; medians. \"core\" is the busy time of the "
           "server's core for each\nrequest, \"own\" the part of it that was in the server's processes, whose ratios "
           "within a round are compared:\nwith nginx, and, of resumed handshakes, with full ones.")
    yield table(["row", "server", "requests/s", "core µs", "own µs", "÷ nginx", "÷ full", "goal"],
                load_lines(rows, samples))
    if bench.n_disturbed:
        yield unquiet(bench.n_disturbed)


# ---- instructions

def measure_instructions(bench, args):
    rows = chosen(args)
    if not rows:
        return
    counted = {row.name: bench.count_row(row) for row in rows}
    lines = []
    for i, row in enumerate(rows):
        for name, profile in counted[row.name].items():
            nginx = counted[row.name].get("nginx") if name == "weir" else None
            lines.append([row.name, name, number(profile.instructions),
                          number(profile.instructions / nginx.instructions) if nginx else "",
                          number(profile.instructions / counted[rows[i - 1].name][name].instructions)
                          if row.of_full and i > 0 else ""])
    yield "User instructions per request, which are the same on a busy machine: callgrind."
    yield table(["row", "server", "instructions", "÷ nginx", "÷ full"], lines)
    for name, profiles in counted.items():
        if args.top and "weir" in profiles:
            yield f"Where weir's go, {name}:"
            yield top_functions(profiles["weir"], args.top)


# ---- memory

def connect(server, request, until):
    """A connection that has its answer, as far as the bytes to wait for, and stays open."""
    plain = socket.create_connection(("127.0.0.1", server.port), PATIENCE_S)
    try:
        client = untrusting().wrap_socket(plain)
        client.sendall(request)
        answer = b""
        while until not in answer:
            got = client.recv(65536)
            if not got:
                raise BenchError(f"{server.name} closed: {answer[-200:]}")
            answer += got
    except BaseException:
        plain.close()
        raise
    return client


def echo(server, client):
    """One short message, there and back."""
    client.sendall(b"\x81\x85\0\0\0\0hello")
    got = b""
    while len(got) < 7:
        more = client.recv(100)
        if not more:
            raise BenchError(f"{server.name} closed")
        got += more
    if got != b"\x81\x05hello":
        raise BenchError(f"{server.name} echoes {got}")


def idle(server, request, until, is_websocket):
    """Bytes for each when they are open, and after a message on each."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, N_IDLE + 1000), hard))
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(connect(server, request, until))
        if is_websocket:
            echo(server, first)
        before = memory.pss(server)
        clients = [stack.enter_context(connect(server, request, until)) for _ in range(N_IDLE)]
        opened = memory.pss(server)
        for client in clients if is_websocket else []:
            echo(server, client)
        return (opened - before) / N_IDLE, (memory.pss(server) - before) / N_IDLE


def measure_memory(bench, args):
    lines = []
    get = "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    hello = (f"GET {servers.WS_ECHO} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n").encode()
    for what, request, until, is_websocket, goal, names in (
            (CONNECTION, get, servers.HELLO, False, None, args.servers),
            (SESSION, hello, b"\r\n\r\n", True, most(24 * 1024), [n for n in args.servers if n == "weir"])):
        for name in names if args.row in what else []:
            say(f"{what}: {name}")
            with bench.server(name) as server:
                opened, echoed = idle(server, request, until, is_websocket)
            lines.append([what, name, number(opened), number(echoed) if is_websocket else "",
                          goal.verdict(max(opened, echoed)) if goal else ""])
    if lines:
        yield (f"Memory: what the server's processes grow by (PSS) for each of {number(N_IDLE)} with TLS 1.3, in bytes: when "
               "they are open,\nand when a message has gone through each and come back.")
        yield table(["for each", "server", "opened", "after one echo", "goal"], lines)
