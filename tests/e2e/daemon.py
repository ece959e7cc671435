"""Starting weir, waiting for what it says, and stopping it."""
import collections
import os
import pathlib
import random
import re
import select
import signal
import socket
import subprocess
import threading
import time

import client
from built import BUILD, SANITIZED, TOP, WAIT_S  # noqa: F401 - tests have them from here
from gate import Gate

READY = r"\bready: "

Done = collections.namedtuple("Done", "code stdout stderr")


class Port:
    """A free TCP port. The claim is an abstract socket, so that no parallel test takes the same."""

    def __init__(self):
        for _ in range(1000):
            # Below what the kernel gives to outgoing connections.
            self.number = random.randrange(11000, 32000)
            self._claim = socket.socket(socket.AF_UNIX)
            try:
                self._claim.bind(f"\0weir-e2e-port-{self.number}")
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", self.number))
                return
            except OSError:
                self._claim.close()
        raise RuntimeError("no free port")

    def close(self):
        self._claim.close()


def environment(gate, extra=None):
    """Ours, without what would change the daemon's mind."""
    env = {name: value for name, value in os.environ.items()
           if not name.startswith("WEIR_") and name not in
           ("WEB_CONCURRENCY", "PORT", "JOURNAL_STREAM", "NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID")}
    env.update(extra or {})
    return gate.env(env)


def stat_of(pid):
    """State letter and parent of a process; None when it is gone."""
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    state, parent = text.rpartition(")")[2].split()[:2]
    return state, int(parent)


def name_of(pid):
    """What a process calls itself; None when it is gone."""
    try:
        return pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return None


def children_of(pid):
    """Those that stay: who makes a backtrace comes whenever a worker stalls, as on a machine that stands still, and goes."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            stat = stat_of(entry)
            if stat and stat[1] == pid and stat[0] != "Z" and name_of(entry) != "weir:backtrace":
                found.append(int(entry))
    return sorted(found)


def wait_until(accept, story=lambda: "", seconds=None):
    """Until accept() gives something true: that. For what sends no event."""
    until = time.monotonic() + (seconds or WAIT_S)
    while not (found := accept()):
        assert time.monotonic() < until, f"it never came to that\n{story()}"
        time.sleep(0.01)
    return found


def is_readable(pipe, timeout_ms=None):
    poll = select.poll()
    poll.register(pipe, select.POLLIN)
    return bool(poll.poll(timeout_ms))


class Lines:
    """What arrives on a pipe, line by line, for whoever waits for one of them."""

    def __init__(self, pipe):
        self.lines = []
        self._changed = threading.Condition()
        self._is_over = False
        self._begun = b""  # a line whose end has not arrived
        self._pipe = pipe
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self):
        while not self._is_over:
            is_readable(self._pipe)
            self.catch_up()
        self._pipe.close()

    def catch_up(self):
        """Takes what has been written up to now; the number of lines there have been."""
        with self._changed:
            while not self._is_over and is_readable(self._pipe, 0):
                data = os.read(self._pipe.fileno(), 65536)
                self._is_over = not data
                *whole, self._begun = (self._begun + data).split(b"\n")
                if self._is_over and self._begun:
                    whole.append(self._begun)
                self.lines += [line.decode("utf-8", "replace") for line in whole]
                self._changed.notify_all()
            return len(self.lines)

    @property
    def text(self):
        with self._changed:
            return "\n".join(self.lines)

    def wait_for(self, pattern, count=1, after=0, seconds=WAIT_S):
        """The count-th line that matches, from line number after on; None if there will be none."""
        def matching():
            return [line for line in self.lines[after:] if re.search(pattern, line)]
        with self._changed:
            self._changed.wait_for(lambda: len(matching()) >= count or self._is_over, seconds)
            found = matching()
        return found[count - 1] if len(found) >= count else None

    def join(self, seconds=WAIT_S):
        self._thread.join(seconds)


class Daemon:
    """
    config      YAML; {address} and {port} become a free one, {build} the build directory, {dir}
                the daemon's own directory. None: no -c, the arguments say everything.
    env         added to the environment
    exit_code   what it must end with; None: anything
    reports     a pattern that every sanitizer report must match; None: there must be none.
                For tests that crash a worker on purpose.
    ready       the line of stderr that says it is ready; None: do not wait
    """

    def __init__(self, directory, find_port, config, arguments=(), env=None, exit_code=0, reports=None,
                 ready=READY, program=None):
        self.dir = directory
        self.dir.mkdir()
        self.port = find_port()
        self.address = ("127.0.0.1", self.port)
        self.exit_code = exit_code
        self.expected_reports = reports
        self.ready = ready
        self.gate = Gate()
        command = [str(program or BUILD / "weir")]
        if config is not None:
            self.config = self.dir / "weir.yaml"
            self.write_config(config)
            command += ["-c", str(self.config)]
        command += [self.fill(str(argument)) for argument in arguments]
        self.process = subprocess.Popen(command, cwd=TOP, env=environment(self.gate, env),
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, start_new_session=True)
        self.pid = self.process.pid
        self.out = Lines(self.process.stdout)
        self.err = Lines(self.process.stderr)

    def fill(self, text):
        for name, value in (("address", f"127.0.0.1:{self.port}"), ("port", self.port),
                            ("build", BUILD), ("dir", self.dir)):
            text = text.replace("{%s}" % name, str(value))
        return text

    def write_config(self, config):
        self.config.write_text(self.fill(config))

    # What it says.

    def wait_ready(self):
        if self.ready is not None and self.err.wait_for(self.ready) is None:
            self.kill()
            raise AssertionError(f"not ready after {WAIT_S} s\n{self.story()}")

    def wait_log(self, pattern, count=1, after=0, seconds=WAIT_S):
        """A line of the error log; fails when it does not come. after: see mark()."""
        line = self.err.wait_for(pattern, count, after, seconds)
        assert line is not None, f"no line matches {pattern!r}\n{self.story()}"
        return line

    def wait_access(self, pattern, count=1, after=0, seconds=WAIT_S):
        """The same for the access log on stdout."""
        line = self.out.wait_for(pattern, count, after, seconds)
        assert line is not None, f"no line of stdout matches {pattern!r}\n{self.story()}"
        return line

    def mark(self):
        """Where the error log stands: what comes later is after=mark."""
        return self.err.catch_up()

    def story(self):
        """The end of both logs: tests of a file may share a daemon, and write pages of them."""
        def tail(lines):
            return "\n".join(line[:300] for line in lines[-40:])
        return f"--- stderr\n{tail(self.err.lines)}\n--- stdout\n{tail(self.out.lines)}\n---"

    # Talking to it.

    def connect(self, **kwargs):
        return client.Connection(self.address, **kwargs)

    def refuses(self):
        """Nobody listens. Who comes in the moment in which sockets are closed is reset: ask again."""
        try:
            self.connect().close()
        except ConnectionRefusedError:
            return True
        except ConnectionResetError:
            pass
        return False

    def call(self, method, target, *args, **kwargs):
        """One request on a connection of its own."""
        with self.connect() as connection:
            return connection.call(method, target, *args, **kwargs)

    def get(self, target, *args, **kwargs):
        return self.call("GET", target, *args, **kwargs)

    # Its processes.

    def children(self):
        return children_of(self.pid)

    def workers(self):
        """Those that are ready, at least: a process has no name of its own before it has run."""
        return [pid for pid in self.children() if (name_of(pid) or "").startswith("weir:worker ")]

    def hub(self):
        """Its pid; None while there is none."""
        return next((pid for pid in self.children() if name_of(pid) == "weir:hub"), None)

    def wait_children(self, accept, seconds=WAIT_S):
        """Until accept(list of pids) is true; the list."""
        until = time.monotonic() + seconds
        while not accept(found := self.children()):
            assert time.monotonic() < until, f"children: {found}\n{self.story()}"
            time.sleep(0.01)
        return found

    def send_signal(self, number):
        self.process.send_signal(number)

    def wait(self, seconds=WAIT_S):
        """Until it has exited; the exit code."""
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"still running after {seconds} s\n{self.story()}") from None
        self.out.join()
        self.err.join()
        return code

    def stop(self, number=signal.SIGTERM, seconds=WAIT_S):
        """Signals it and waits; the exit code."""
        if self.process.poll() is None:
            self.send_signal(number)
        return self.wait(seconds)

    def kill(self):
        """It and what belongs to its session, without mercy."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()

    def _stray(self):
        """Who is left of its process group."""
        left = []
        for entry in os.listdir("/proc"):
            stat = stat_of(entry) if entry.isdigit() else None
            try:
                if stat and stat[0] != "Z" and os.getpgid(int(entry)) == self.pid:
                    left.append(int(entry))
            except ProcessLookupError:
                pass
        return left

    def _await_orphans(self):
        """Where the master was killed, the others end by themselves, the hub when the last worker has."""
        try:
            wait_until(lambda: not self._stray(), seconds=5)
        except AssertionError:
            pass  # finish() says who

    def finish(self):
        """Stops it if it runs, and asserts that it left nothing behind."""
        try:
            code = self.stop()
            if code == -signal.SIGKILL:
                self._await_orphans()
            stray = self._stray()
            if stray:
                self.kill()
            reports = self.gate.reports()
            if self.expected_reports is not None:
                reports = [text for text in reports if not re.search(self.expected_reports, text)]
            assert not reports, "\n".join(reports) + self.story()
            assert not stray, f"processes were left behind: {stray}\n{self.story()}"
            if self.exit_code is not None:
                assert code == self.exit_code, f"exit code {code}\n{self.story()}"
        finally:
            self.gate.__exit__()


def run(directory, arguments, env=None, seconds=WAIT_S, program=None):
    """weir to its end, for what does not serve: --version, -t, mistakes."""
    with Gate() as gate:
        done = subprocess.run([str(program or BUILD / "weir"), *map(str, arguments)], cwd=directory,
                              env=environment(gate, env), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=seconds,
                              check=False, text=True, errors="replace")
        reports = gate.reports()
    assert not reports, "\n".join(reports)
    assert done.returncode >= 0, f"killed by signal {-done.returncode}\n{done.stderr}"
    return Done(done.returncode, done.stdout, done.stderr)
