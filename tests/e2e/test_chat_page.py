"""What a browser makes of it: the chat page, the lines of the front page, an EventSource.

Skipped where there is no Chromium.
"""
import json
import os
import pathlib
import re
import signal

import pytest

import browser as browser_module
from daemon import wait_until
from test_examples import DEMO

pytestmark = pytest.mark.skipif(browser_module.PROGRAM is None, reason="there is no chromium (scripts/setup test)")

# Enough for two tabs to meet on different workers: each attempt has one chance in two.
ATTEMPTS = 30


@pytest.fixture(scope="module")
def demo(shared_daemon):
    return shared_daemon(DEMO)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with browser_module.Browser(tmp_path_factory.mktemp("chromium")) as browser:
        yield browser


def url(demo, path):
    return f"http://127.0.0.1:{demo.port}{path}"


def connections(demo):
    """{inode of an established connection: the worker that has it}"""
    rows = [line.split() for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]]
    inodes = {row[9] for row in rows if row[3] == "01" and row[1].endswith(":%04X" % demo.port)}
    found = {}
    for worker in demo.workers():
        for fd in pathlib.Path(f"/proc/{worker}/fd").iterdir():
            try:
                inode = re.fullmatch(r"socket:\[(\d+)\]", os.readlink(fd))
            except OSError:
                continue
            if inode and inode.group(1) in inodes:
                found[inode.group(1)] = worker
    return found


class Chatter:
    """Somebody in a room, in a tab."""

    def __init__(self, demo, browser, name, room):
        self.name = name
        self.tab = browser.open(url(demo, "/chat"))
        self.tab.run(f"""document.getElementById("name").value = {json.dumps(name)};
                         document.getElementById("room").value = {json.dumps(room)};""")
        before = connections(demo)
        self.tab.run("""document.querySelector("#join button").click()""")
        self.sees(f"* {name} joined")
        new = {inode: worker for inode, worker in connections(demo).items() if inode not in before}
        # None if the browser has opened another one meanwhile.
        self.worker = next(iter(new.values())) if len(new) == 1 else None

    def lines(self):
        return self.tab.run("""[...document.querySelectorAll("#log p")].map((p) => p.textContent)""")

    def sees(self, line, count=1):
        self.tab.wait(f"""[...document.querySelectorAll("#log p")].filter(
                              (p) => p.textContent === {json.dumps(line)}).length >= {count}""",
                      """document.getElementById("log").innerText""")

    def says(self, words):
        self.tab.run(f"""document.getElementById("words").value = {json.dumps(words)};
                         document.querySelector("#say button").click()""")

    def close(self):
        self.tab.close()


def meet(demo, browser, room):
    """Two in one room, on two workers."""
    for attempt in range(ATTEMPTS):
        ann = Chatter(demo, browser, "ann", f"{room} {attempt}")
        bob = Chatter(demo, browser, "bob", f"{room} {attempt}")
        if ann.worker and bob.worker and ann.worker != bob.worker:
            return ann, bob
        ann.close()
        bob.close()
    raise AssertionError("they are always on the same worker")


def test_two_tabs_on_two_workers_chat(demo, browser):
    ann, bob = meet(demo, browser, "plain")
    ann.sees("* bob joined")
    ann.says("hello, bob")
    bob.sees("ann: hello, bob")
    bob.says("hello, ann: <b>&amp;</b> \u00fc \U0001f600")
    ann.sees("bob: hello, ann: <b>&amp;</b> \u00fc \U0001f600")
    for i in range(20):
        ann.says(f"{i}")
    bob.sees("ann: 19")
    assert [line for line in bob.lines() if re.fullmatch(r"ann: \d+", line)] == [f"ann: {i}" for i in range(20)]
    bob.close()
    ann.sees("* bob left")
    assert ann.lines()[:2] == ["* ann joined", "* bob joined"]
    ann.close()


def test_rooms_do_not_hear_each_other(demo, browser):
    ann, bob = Chatter(demo, browser, "ann", "one"), Chatter(demo, browser, "bob", "two/%25 \u00fc?")
    ann.says("for one")
    bob.says("for two")
    ann.sees("ann: for one")
    bob.sees("bob: for two")
    assert (ann.lines(), bob.lines()) == (["* ann joined", "ann: for one"], ["* bob joined", "bob: for two"])
    ann.close()
    bob.close()


def test_the_page_comes_back_when_its_worker_has_died(daemon, browser):
    demo = daemon(DEMO)
    ann, bob = meet(demo, browser, "fall")
    os.kill(ann.worker, signal.SIGKILL)
    bob.sees("* ann joined")
    wait_until(lambda: "* ann joined" in ann.lines()[-1:])
    bob.says("are you there?")
    ann.sees("bob: are you there?")
    assert bob.worker in demo.workers()
    ann.close()
    bob.close()


def first_message(tab, line):
    """What the socket of such a line first hears, and its extensions."""
    return tab.run(f"""{line}; new Promise((resolve, reject) => {{
                           ws.addEventListener("message", (event) => {{
                               ws.close();
                               resolve([event.data, ws.extensions]);
                           }});
                           ws.addEventListener("close", (event) => reject(event.code));
                       }})""")


def test_the_lines_of_the_front_page_work_in_a_browser(demo, browser):
    tab = browser.open(url(demo, "/"))
    lines = [line for line in tab.run("document.body.innerText").splitlines() if line.startswith("ws = ")]
    heard = {re.search(r"\d(/ws/[^'?]*)", line).group(1): first_message(tab, line.rstrip(";")) for line in lines}
    tab.close()
    # The status page is opened as such.
    assert len(lines) == len(heard) == DEMO.count("websocket: true") - 1
    assert heard.pop("/ws/chat/lobby") == ["* ann joined", ""]
    assert heard.pop("/ws/clock")[0].isdigit()
    word, extensions = heard.pop("/ws/echo-deflate")
    assert (word, extensions.partition(";")[0]) == ("hello", "permessage-deflate")
    assert set(map(tuple, heard.values())) == {("hello", "")}


def test_an_event_source_reads_what_is_posted(demo, browser):
    tab = browser.open(url(demo, "/"))
    tab.run("""events = new EventSource("/events/page"); heard = [];
               events.onmessage = (event) => heard.push(event.data)""")
    tab.wait("events.readyState === EventSource.OPEN")
    for words in ("one", "two\nlines\n", "", " \u00fc: \U0001f600"):
        assert demo.call("POST", "/events/page", body=words.encode()).status == 202
    tab.wait("heard.length >= 4", "heard.join('|')")
    heard = tab.run("heard")
    tab.run("events.close()")
    tab.close()
    # Each post is a publisher of its own, and may be on another worker.
    assert sorted(heard) == sorted(["one", "two\nlines\n", "", " \u00fc: \U0001f600"])
