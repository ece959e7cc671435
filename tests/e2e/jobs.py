"""tests/modules/e2e_good_job.c and e2e_bad_job.c on routes: any job, and what becomes of it.

    d = daemon(jobs.config(jobs="processes: 2, queue: 4"))
    d.get("/tell/pid").text                 # "ok 1234"; "start -11": not taken; "end -10": it died
    with jobs.Watch(d, "hold", d.dir / "go") as job:
        job.pid                             # of the process that runs it
        (d.dir / "go").touch()
        assert job.end() == "ok let go"

Nothing sleeps: jobs that wait do so for a file, and say that they do; the end of a process is an
event (pidfd).
"""
import contextlib
import os
import pathlib
import re
import select
import time
import urllib.parse

import daemon as daemon_module

# How a request says whose it is, where that is taken from anybody.
IDS = {"X-Request-Id": "abc-1", "traceparent": f"00-{'4b' * 16}-00f067aa0ba902b7-01"}
TAKES_IDS = "workers: 1\ntake_ids: always\nlog_ids: true\n"

# How a request names an error: "end -10".
EAGAIN, EBADF, ECHILD, ECANCELED, ENOENT, EMSGSIZE, ETIMEDOUT = -11, -9, -10, -125, -2, -90, -110

HANDLERS = ["run", "tell", "watch", "leave", "anyway", "deadline", "race", "map"]

TOP = """
log_level: info
listen: [{address: "{address}"}]
module_path: ["{build}/tests/modules"]
modules: [{path: e2e_good_job.so}, {path: e2e_bad_job.so}, {path: e2e_process.so, settings: {dir: "{dir}"}}]
"""


def config(jobs="processes: 2", more="workers: 1\n"):
    """YAML: /run/{job} and so on for good jobs, /bad/run/{job} for the others.

    Usual job processes get what others leave of the machine: nothing to wait for while somebody compiles.
    """
    nice = "" if "nice:" in jobs.partition("pools:")[0] else ", nice: 0"
    lines = [TOP, more, f"jobs: {{{jobs}{nice}}}\n", "routes:\n",
             "  - {path: /hello, handler: e2e_good_job.hello}\n",
             "  - {path: /large, handler: e2e_good_job.large, request_memory: 1GiB}\n",
             "  - {path: /pid, handler: e2e_process.pid}\n"]
    for prefix, module in (("", "e2e_good_job"), ("/bad", "e2e_bad_job")):
        lines += [f'  - {{path: "{prefix}/{name}/{{job}}", handler: {module}.{name}, max_body: 1GiB, '
                  "request_memory: 1GiB}\n" for name in HANDLERS]
    return "".join(lines)


def target(handler, job, text=None, **query):
    if text is not None:
        query["input"] = str(text)
    return f"/{handler}/{job}" + ("?" + urllib.parse.urlencode(query) if query else "")


def tell(d, job, text=None, handler="tell", **query):
    """What became of a job: "ok RESULT", "start -11", "end -10"."""
    return d.get(target(handler, job, text, **query)).text


class Watch:
    """A job that somebody waits for: it has been taken. It reports "pid 123" when it runs."""

    def __init__(self, d, job, text=None, handler="watch", **query):
        self.d = d
        self.connection = d.connect(timeout=daemon_module.WAIT_S)
        self.connection.request("GET", target(handler, job, text, **query))
        self._buffer = b""
        self._response = None
        self.head()

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.connection.close()

    def head(self):
        """The status: 200 once the job was taken. Connections that are not waited for may be served in any order."""
        if self._response is None:
            self._response = self.connection.head()
        return self._response.status

    def line(self):
        """The next one: a report, or how it ended; None when the answer is over."""
        assert self.head() == 200, self._response
        while b"\n" not in self._buffer:
            chunk = self.connection.chunk()
            if not chunk:
                return None
            self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line.decode()

    @property
    def pid(self):
        """Waits until it runs."""
        if not hasattr(self, "_pid"):
            line = self.line()
            found = re.fullmatch(r"pid (\d+)", line or "")
            assert found, f"{line!r}\n{self.d.story()}"
            self._pid = int(found.group(1))
        return self._pid

    def end(self):
        """How it ended."""
        while (line := self.line()) is not None:
            if re.match(r"ok |end -", line):
                return line
        raise AssertionError(f"the answer is over, but does not say how it ended\n{self.d.story()}")

    def leave(self):
        self.connection.close()


class Processes:
    """Job processes as somebody from outside sees them."""

    def __init__(self, d):
        self.d = d

    def all(self, pool=None):
        names = {pid: daemon_module.name_of(pid) or "" for pid in self.d.children()}
        return sorted(pid for pid, name in names.items()
                      if name.startswith("weir:job") and (pool is None or pool in name))

    def wait(self, n, pool=None):
        """Until there are so many."""
        def are_there():
            found = self.all(pool)
            return found if len(found) == n else None
        return daemon_module.wait_until(are_there, lambda: f"{self.names()}\n{self.d.story()}")

    def names(self):
        return {pid: daemon_module.name_of(pid) for pid in self.d.children()}


@contextlib.contextmanager
def ending(pid):
    """with ending(pid) as ended: ...; ended() waits until that process is gone: seconds since the start."""
    fd = os.pidfd_open(pid)
    begin = time.monotonic()

    def wait(seconds=daemon_module.WAIT_S):
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        assert poll.poll(seconds * 1000), f"{pid} ({daemon_module.name_of(pid)}) still runs"
        return time.monotonic() - begin

    try:
        yield wait
    finally:
        os.close(fd)


def nice_of(pid):
    return os.getpriority(os.PRIO_PROCESS, pid)


def descriptors(pid):
    """{number: what it is}"""
    found = {}
    for entry in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        try:
            found[int(entry.name)] = os.readlink(entry)
        except OSError:
            pass
    return found


def is_healthy(d, n=4, **query):
    """The pool takes jobs and gives results: as many as there may be processes, and more."""
    for i in range(n):
        assert tell(d, "echo", f"still there {i}", **query) == f"ok still there {i}", d.story()
    return True
