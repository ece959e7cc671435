"""Headless Chromium, told what to do over a pair of pipes (DevTools protocol).

    with Browser(directory) as browser:
        tab = browser.open("http://127.0.0.1:8000/chat")
        assert tab.run("document.title") == "chat"

It looks up no name but 127.0.0.1 and speaks to nobody else.
"""
import contextlib
import fcntl
import json
import os
import select
import shutil
import subprocess
import time

from daemon import WAIT_S

PROGRAM = shutil.which("chromium")
ARGUMENTS = [
    "--headless=new", "--remote-debugging-pipe", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
    "--no-default-browser-check", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-extensions", "--disable-default-apps", "--no-proxy-server", "--mute-audio", "--no-zygote",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]


class BrowserError(AssertionError):
    """It did not do what it was told, or not in time."""


def high_pipe():
    """A pipe whose descriptors are neither 3 nor 4, which are the child's."""
    ends = []
    for fd in os.pipe():
        ends.append(fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 10))
        os.close(fd)
    return ends


class Browser:
    def __init__(self, directory):
        arguments = list(ARGUMENTS)
        if os.geteuid() == 0:
            arguments.append("--no-sandbox")  # it refuses to run as root otherwise
        to_read, self._write = high_pipe()
        self._read, to_write = high_pipe()
        log = open(directory / "chromium.log", "wb")
        try:
            # It reads from descriptor 3 and writes to 4.
            self._child = subprocess.Popen(
                ["bash", "-c", f'exec "$@" 3<&{to_read} 4>&{to_write} {to_read}<&- {to_write}>&-', "bash", PROGRAM,
                 *arguments, f"--user-data-dir={directory / 'profile'}", "about:blank"],
                pass_fds=[to_read, to_write], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, "HOME": str(directory)}, start_new_session=True)
        finally:
            log.close()
            os.close(to_read)
            os.close(to_write)
        self._n_sent = 0
        self._begun = b""

    def __enter__(self):
        return self

    def __exit__(self, *what):
        with contextlib.suppress(BrowserError, OSError):
            self.call("Browser.close")
        os.close(self._write)
        os.close(self._read)
        try:
            self._child.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self._child.pid, 9)
            self._child.wait()

    def _message(self, until):
        while b"\0" not in self._begun:
            ready, _, _ = select.select([self._read], [], [], max(0, until - time.monotonic()))
            data = os.read(self._read, 65536) if ready else b""
            if not data:
                raise BrowserError("the browser is gone" if ready else "the browser does not answer")
            self._begun += data
        message, _, self._begun = self._begun.partition(b"\0")
        return json.loads(message)

    def call(self, method, session=None, **params):
        """A command's result."""
        self._n_sent += 1
        number = self._n_sent
        message = {"id": number, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        until = time.monotonic() + WAIT_S
        while (answer := self._message(until)).get("id") != number:
            pass  # an event
        if "error" in answer:
            raise BrowserError(f"{method}: {answer['error']}")
        return answer["result"]

    def open(self, url):
        """A tab that has loaded a page."""
        tab = Tab(self, self.call("Target.createTarget", url="about:blank")["targetId"])
        tab.go(url)
        return tab


class Tab:
    def __init__(self, browser, target):
        self._browser = browser
        self._target = target
        self._session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]

    def go(self, url):
        answer = self._browser.call("Page.navigate", self._session, url=url)
        if "errorText" in answer:
            raise BrowserError(f"{url}: {answer['errorText']}")
        self.wait(f"location.href === {json.dumps(url)} && document.readyState === 'complete'")

    def call(self, method, **params):
        """A command for this tab: its result."""
        return self._browser.call(method, self._session, **params)

    def run(self, script):
        """What an expression comes to; what a promise does."""
        answer = self._browser.call("Runtime.evaluate", self._session, expression=script, awaitPromise=True,
                                    returnByValue=True)
        if "exceptionDetails" in answer:
            raise BrowserError(f"{script}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def wait(self, script, story="''"):
        """Until an expression is true; story: what to show if it never is."""
        until = time.monotonic() + WAIT_S
        while not (found := self.run(script)):
            if time.monotonic() > until:
                raise BrowserError(f"never true: {script}\n{self.run(story)}")
            time.sleep(0.02)
        return found

    def close(self):
        """As a user does: the page is gone, and its connections with it."""
        self._browser.call("Target.closeTarget", targetId=self._target)
