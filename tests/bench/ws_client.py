"""The WebSocket load client (wsload.c) at work, and what it says meanwhile."""
import json
import os
import subprocess

from servers import BenchError


class WsClient:
    """A context manager; the client bounds its own time and waiting."""

    def __init__(self, command, server, arguments, core):
        self._name = server.name
        self._child = subprocess.Popen(
            [*command, "-p", str(server.port), *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            preexec_fn=lambda: os.sched_setaffinity(0, {core}))

    def __enter__(self):
        return self

    def __exit__(self, *_what):
        self._child.kill()
        self._child.wait()
        for pipe in (self._child.stdin, self._child.stdout, self._child.stderr):
            pipe.close()

    def _line(self):
        line = self._child.stdout.readline()
        if not line:
            said = self._child.stderr.read().decode(errors="replace")
            raise BenchError(f"{self._name}: {' '.join(map(str, self._child.args))}: {said}")
        return line.decode().rstrip("\n")

    def wait_for(self, word):
        line = self._line()
        if line != word:
            raise BenchError(f"{self._name}: the client says {line!r} instead of {word!r}")

    def echo(self):
        """One message on each idle session."""
        os.write(self._child.stdin.fileno(), b"echo\n")
        self.wait_for("echoed")

    def report(self):
        """What it counted: of a load when that is over, the sessions still open."""
        return json.loads(self._line())

    def end(self):
        """The same of idle sessions, which it ends."""
        self._child.stdin.close()
        return self.report()
