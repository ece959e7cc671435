"""One measurement each: a load with the core time it took, and instructions under callgrind."""
import contextlib
import dataclasses
import json
import os
import pathlib
import re
import subprocess
import tempfile

from report import say
from servers import BenchError
from ws_client import WsClient

# "1,234 ( 5.6%)  src/x.c:function [/path/libx.so]"; inlined code of a header has no object.
FUNCTION = re.compile(r"^ *([\d,]+) \([ \d.]+%\)  \S*:(\S+)(?: \[(.*)\])?$")


@dataclasses.dataclass
class Sample:
    """A server under load for some seconds."""
    rate: float     # requests, messages or deliveries a second
    core_us: float  # busy time of the server's core for each request, softirq included
    own_us: float   # what the kernel counts for the server's processes alone
    client: dict = dataclasses.field(default_factory=dict)  # what wsload has said

    def foreign(self):
        """The share of the core's busy time that was not the server's."""
        return max(0.0, 1 - self.own_us / self.core_us) if self.core_us else 0.0


@dataclasses.dataclass
class Profile:
    """Where the instructions of one request go."""
    instructions: float
    functions: list    # (instructions, function, object), most first


def _core_busy_s(core):
    with open("/proc/stat", encoding="ascii") as stat:
        for line in stat:
            name, *ticks = line.split()
            if name == f"cpu{core}":
                user, nice, system, _idle, _iowait, irq, softirq = (int(t) for t in ticks[:7])
                return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")
    raise BenchError(f"there is no core {core}")


def _server_s(server):
    """What the kernel has counted for the server's processes, to the nanosecond."""
    total = 0
    for pid in server.pids():
        for path in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat"):
            try:
                total += int(path.read_text().split()[0])
            except OSError:
                continue
    return total / 1e9


def _run_client(client, server, arguments, core, timeout_s):
    """client: the command, as far as its arguments are always the same."""
    command = [*client, "-p", str(server.port), *arguments]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=False, timeout=timeout_s,
                          preexec_fn=lambda: os.sched_setaffinity(0, {core}))
    if done.returncode != 0:
        said = (done.stderr + done.stdout).decode(errors="replace")
        raise BenchError(f"{server.name}: {' '.join(map(str, command))}: {said}")
    return done.stdout.decode()


def load(client, server, arguments, seconds, cores):
    """cores: the server's and the client's."""
    before = _core_busy_s(cores[0]), _server_s(server)
    said = _run_client(client, server, [*arguments, "-d", str(seconds)], cores[1], seconds + 90)
    result = json.loads(said)
    return _sample(server, cores[0], before, result["done"], result["rate"])


def load_ws(client, server, arguments, seconds, cores):
    """The same with WebSockets; opening and ending the sessions does not count."""
    with WsClient(client, server, [*arguments, "-d", str(seconds)], cores[1]) as running:
        running.wait_for("open")
        before = _core_busy_s(cores[0]), _server_s(server)
        result = running.report()
        return _sample(server, cores[0], before, result["done"], result["rate"], result)


def load_wrk(server, seconds, cores):
    """The same with wrk, which parses what it gets: a cross-check."""
    url = f"http://127.0.0.1:{server.port}/hello"
    before = _core_busy_s(cores[0]), _server_s(server)
    done = subprocess.run(["wrk", "-t1", "-c64", f"-d{seconds}s", url], check=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=seconds + 60,
                          preexec_fn=lambda: os.sched_setaffinity(0, {cores[1]}))
    said = done.stdout.decode()
    if "Non-2xx" in said or "Socket errors" in said:
        raise BenchError(f"{server.name} under wrk:\n{said}")
    return _sample(server, cores[0], before, int(re.search(r"(\d+) requests in", said).group(1)),
                   float(re.search(r"Requests/sec: *([\d.]+)", said).group(1)))


def _sample(server, core, before, n_requests, rate, client=None):
    busy, own = _core_busy_s(core) - before[0], _server_s(server) - before[1]
    return Sample(rate, busy / n_requests * 1e6, own / n_requests * 1e6, client or {})


def in_turns(servers, rounds, sample):
    """
    {name: [a sample for each round]}; servers: {name: what to enter}. All of them run all the
    time, and each round measures one after the other.
    """
    samples = {name: [] for name in servers}
    with contextlib.ExitStack() as stack:
        running = {name: stack.enter_context(server) for name, server in servers.items()}
        for n in range(rounds):
            for name, server in running.items():
                samples[name].append(sample(name, server, n + 1))
    return samples


def callgrind(directory):
    """What to put in front of a command; each of its processes leaves one file in directory."""
    directory.mkdir()
    return ["valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={directory}/out.%p"]


def _profile(directory):
    """The file of the process that served: the one with the most instructions."""
    totals = {}
    for path in directory.glob("out.*"):
        found = re.search(r"^(?:totals|summary): (\d+)", path.read_text(errors="replace"),
                          re.MULTILINE)
        if found:
            totals[path] = int(found.group(1))
    if not totals:
        raise BenchError("callgrind left no profile")
    return max(totals.items(), key=lambda item: item[1])


def _functions(path):
    """{function: (instructions in it but not in what it calls, its object)}"""
    said = subprocess.run(["callgrind_annotate", "--threshold=100", "--auto=no", path], check=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout.decode()
    found = {}
    for line in said.splitlines():
        match = FUNCTION.match(line)
        if match:
            count, where = found.get(match.group(2), (0, ""))
            count += int(match.group(1).replace(",", ""))
            found[match.group(2)] = count, where or os.path.basename(match.group(3) or "")
    return found


def instructions(client, make_server, arguments, n, core, directory):
    """
    What one request (or message) takes: the difference between 2n requests and n of them, so that
    neither starting nor stopping counts. make_server(tool) is called twice.
    """
    counted = []
    for n_requests in (n, 2 * n):
        files = directory / f"callgrind-{n_requests}"
        with make_server(callgrind(files)) as server:
            _run_client(client, server, [*arguments, "-n", str(n_requests), "-d", "300"], core, 400)
        path, total = _profile(files)
        counted.append((total, _functions(path)))
    (few, few_functions), (many, many_functions) = counted
    functions = [((count - few_functions.get(name, (0, ""))[0]) / n, name, where)
                 for name, (count, where) in many_functions.items()]
    return Profile((many - few) / n, sorted(functions, reverse=True))


def profiles(row, servers, client, arguments, n, core, directory):
    """{name: what one request takes}; servers: {name: make_server(tool)}. As instructions() for each."""
    found = {}
    for name, make_server in servers.items():
        say(f"{row}: {name} under callgrind")
        with tempfile.TemporaryDirectory(dir=directory) as place:
            found[name] = instructions(client, make_server, arguments, n, core, pathlib.Path(place))
    return found
