"""A Debian that systemd-nspawn boots from a directory it does not change, with weir installed in it."""
import json
import os
import pathlib
import shlex
import shutil
import signal
import subprocess
import time

BUILD = pathlib.Path(os.environ["WEIR_BUILD"])
BASE = os.environ["WEIR_SYSTEMD_BASE"]
# One step: on two cores that others use as well.
STEP_S = 40


def meson(*arguments):
    return subprocess.run(["meson", *map(str, arguments)], check=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=STEP_S * 2).stdout


def prefix():
    options = json.loads(meson("introspect", BUILD, "--buildoptions"))
    return next(option["value"] for option in options if option["name"] == "prefix")


def comm(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return None


class Container:
    """Booted, and weir's files are where `meson install` puts them. what is in it is gone at its end."""

    def __init__(self, directory):
        self.prefix = prefix()
        self.shared = directory / "shared"
        self.console = directory / "console"
        meson("install", "-C", BUILD, "--no-rebuild", "--quiet", "--destdir", self.shared / "installed")
        with open(self.console, "wb") as console:
            self.nspawn = subprocess.Popen(
                ["setpriv", "--pdeathsig=KILL", "systemd-nspawn", "--quiet", f"--directory={BASE}", "--volatile=overlay", "--boot",
                 "--register=no", "--keep-unit", "--private-network", "--console=pipe",
                 f"--machine=weir-test-{os.getpid()}", f"--bind-ro={self.shared}:/shared",
                 f"--bind-ro={BUILD}:/build"],
                stdin=subprocess.DEVNULL, stdout=console, stderr=console, start_new_session=True,
                # The base is not written to: any number of containers may have it.
                env=dict(os.environ, SYSTEMD_NSPAWN_LOCK="0"))
        self.leader = None
        try:
            self.leader = self.wait_for(self._leader, "nobody booted")
            self.wait_for(self._is_up, "the container does not come up")
            self.run(f"cp -a /shared/installed/. / && ldconfig && mkdir -p {self.prefix}/lib/weir")
        except BaseException:
            self.stop()
            raise

    def _leader(self):
        assert self.nspawn.poll() is None, f"systemd-nspawn ended:\n{self.console.read_text()}"
        children = pathlib.Path(f"/proc/{self.nspawn.pid}/task/{self.nspawn.pid}/children").read_text().split()
        # Those that prepare the container have other names.
        return next((int(pid) for pid in children if comm(pid) == "systemd"), None)

    def _is_up(self):
        done = self.run("systemctl is-system-running", check=False)
        return done.stdout.strip() in ("running", "degraded")

    def wait_for(self, accept, story, seconds=STEP_S):
        until = time.monotonic() + seconds
        while not (found := accept()):
            assert time.monotonic() < until, story() if callable(story) else story
            time.sleep(0.05)
        return found

    def inside(self, arguments, only_net=False):
        """The command line that runs something there; only_net: one of ours, on its network."""
        spaces = ["--net"] if only_net else ["--all"]
        return ["nsenter", f"--target={self.leader}", *spaces, "--", *arguments]

    def run(self, command, check=True, seconds=STEP_S):
        """A line for its shell."""
        done = subprocess.run(self.inside(["/bin/sh", "-c", command]), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=seconds, check=False,
                              env={"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"})
        assert not check or done.returncode == 0, \
            f"{command}: exit code {done.returncode}\n{done.stdout}{self.journal(60)}"
        return done

    def write(self, path, text):
        self.run(f"mkdir -p {shlex.quote(os.path.dirname(path))} && "
                 f"printf %s {shlex.quote(text)} > {shlex.quote(path)}")

    def curl(self, *arguments, seconds=STEP_S):
        """The body; our curl, on its network."""
        return subprocess.run(self.inside(["curl", "-sS", "--max-time", str(seconds), *arguments],
                                          only_net=True), stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=seconds + 5,
                              check=False).stdout

    def start(self, *arguments):
        """A program of ours on its network, which goes on: Popen, with its output."""
        return subprocess.Popen(self.inside(arguments, only_net=True), stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True)

    def show(self, name, unit="weir.service"):
        return self.run(f"systemctl show -P {name} {unit}").stdout.strip()

    def main_pid(self):
        return int(self.show("MainPID"))

    def status_of(self, pid):
        """/proc/PID/status, as a dictionary."""
        text = self.run(f"cat /proc/{pid}/status").stdout
        return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)

    def children(self, pid):
        """{name: [pid, …]}"""
        found = {}
        for child in self.run(f"cat /proc/{pid}/task/{pid}/children").stdout.split():
            name = self.run(f"cat /proc/{child}/comm", check=False).stdout.strip()
            found.setdefault(name, []).append(int(child))
        return found

    def cursor(self):
        """Where the journal stands: see journal()."""
        text = self.run("journalctl -n 0 --show-cursor -q").stdout
        return text.rpartition("cursor: ")[2].strip()

    def journal(self, lines=200, after=None, arguments=""):
        """What weir and systemd have said of the service; after a cursor."""
        since = f"--after-cursor={shlex.quote(after)} " if after else ""
        return subprocess.run(
            self.inside(["/bin/sh", "-c", f"journalctl --sync; journalctl -q --no-pager -o short-precise "
                         f"-u weir.service -u weir.socket -n {lines} {since}{arguments}"]),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=STEP_S,
            check=False).stdout

    def wait_journal(self, words, after, seconds=STEP_S):
        self.wait_for(lambda: words in self.journal(after=after),
                      lambda: f"the journal does not say {words!r}:\n{self.journal(after=after)}", seconds)

    def stop(self):
        """As a machine is switched off; what does not go is killed."""
        if self.leader and self.nspawn.poll() is None:
            subprocess.run(self.inside(["systemctl", "--no-block", "poweroff"]), check=False,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=STEP_S)
        for number in (signal.SIGTERM, signal.SIGKILL, None):
            try:
                self.nspawn.wait(20)
                break
            except subprocess.TimeoutExpired:
                if number:
                    self.nspawn.send_signal(number)
        shutil.rmtree(self.shared, ignore_errors=True)
