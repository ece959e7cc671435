"""tests/modules/e2e_process.c on routes: handlers that wait for a file, block, or end their process."""
import os
import re
import signal
import threading

import client
import daemon as daemon_module

CONFIG = """
log_level: info
listen: [{address: "{address}"}]
module_path: ["{build}/tests/modules"]
modules: [{path: e2e_process.so, settings: {dir: "{dir}", doomed: "{dir}/doomed"%s}}]
routes:
  - {path: /pid, methods: [GET], handler: e2e_process.pid}
  - {path: /quiet, handler: e2e_process.pid, access_log: false}
  - {path: "/until/{name}", handler: e2e_process.until}
  - {path: "/half/{name}", handler: e2e_process.half}
  - {path: "/stubborn/{name}", handler: e2e_process.stubborn}
  - {path: "/stuck/{name}", handler: e2e_process.stuck}
  - {path: "/crash/{how}", handler: e2e_process.crash}
"""


def config(more="", settings=""):
    """YAML; workers and graceful_timeout come from more."""
    return CONFIG % (settings and f", {settings}") + more


def let_go(d, name):
    """What waits for this name goes on."""
    (d.dir / name).touch()


def pid_of(connection):
    """Of the worker at the other end."""
    return int(connection.call("GET", "/pid").text)


def connect_to(d, accept):
    """A connection to a worker whose pid is accepted, and that pid."""
    for _ in range(200):
        connection = d.connect()
        pid = pid_of(connection)
        if accept(pid):
            return connection, pid
        connection.close()
    raise AssertionError(f"200 connections, and none reached it\n{d.story()}")


def begin(d, target, words):
    """A request whose handler has said these words: the connection, and the worker's pid."""
    connection = d.connect()
    pid = pid_of(connection)
    mark = d.mark()
    connection.request("GET", target)
    d.wait_log(words, after=mark)
    return connection, pid


def is_running(pid):
    stat = daemon_module.stat_of(pid)
    return stat is not None and stat[0] != "Z"


def reload(d, words="reloaded: listening on", number=signal.SIGHUP):
    """HUP, and what comes of it."""
    mark = d.mark()
    d.send_signal(number)
    return d.wait_log(words, after=mark)


def upgrade(d, words="reloaded: listening on"):
    """The same with another program."""
    return reload(d, words, signal.SIGUSR2)


def n_descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def memory_of(pid, what="Private_Dirty"):
    """In bytes. Not Pss, which moves when other processes with the same libraries come and go."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as rollup:
        return int(re.search(rf"^{what}:\s+(\d+) kB", rollup.read(), re.M).group(1)) * 1024


class Peak:
    """By how many bytes a process's memory has grown at most since this was made."""

    def __init__(self, pid):
        self.pid = pid
        with open(f"/proc/{pid}/clear_refs", "w", encoding="ascii") as refs:
            refs.write("5")
        self.before = self._read("VmRSS")

    def _read(self, what):
        with open(f"/proc/{self.pid}/status", encoding="ascii") as status:
            return int(re.search(rf"^{what}:\s+(\d+) kB", status.read(), re.M).group(1)) * 1024

    def growth(self):
        return self._read("VmHWM") - self.before


class Load:
    """
    n clients that ask for /pid again and again and note what fails, each on connections that it leaves
    after n_each requests, or when the server says that it closes them.
    """

    def __init__(self, d, n=8, n_each=5, address=None):
        self.d, self.stop, self.refused, self.broken, self.n_done = d, False, [], [], 0
        self.n_each, self.address = n_each, address or d.address
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.run) for _ in range(n)]
        for thread in self.threads:
            thread.start()

    def run(self):
        while not self.stop:
            try:
                c = client.Connection(self.address)
            except OSError as problem:
                self.refused.append(problem)
                continue
            self.use(c)
            c.close()

    def use(self, c):
        pid = None
        try:
            for _ in range(self.n_each):
                r = c.call("GET", "/pid")
                pid = int(r.text)
                with self.lock:
                    self.n_done += 1
                if self.stop or r["connection"] == "close":
                    break
        except (client.Broken, OSError) as problem:
            self.broken.append((pid, problem))

    def wait_for(self, n_more):
        goal = self.n_done + n_more
        daemon_module.wait_until(lambda: self.n_done >= goal or self.refused, self.d.story)

    def finish(self):
        self.stop = True
        for thread in self.threads:
            thread.join(daemon_module.WAIT_S)
