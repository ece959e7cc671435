"""weir.status: the page, what its sessions are told of all workers, and what a browser makes of both."""
import base64
import contextlib
import hashlib
import json
import os
import pathlib
import re
import signal

import pytest

import browser as browser_module
import websocket
from daemon import wait_until

CONFIG = """
workers: 2
log_level: notice
listen: [{address: "{address}"}]
module_path: ["{build}/examples"]
modules: [{path: hello.so}, {path: sleep.so}, {path: wsecho.so}, {path: hash.so}, {path: ticks.so}]
jobs: {processes: 1, queue: 4, nice: 0}
routes:
  - {path: /hello, handler: hello.hello}
  - {path: "/sleep/{ms}", handler: sleep.sleep}
  - {path: /hash, methods: [POST], handler: hash.hash}
  - {path: /ticks, handler: ticks.ticks}
  - {path: /echo, websocket: true, handler: wsecho.echo}
  - {path: /status, websocket: true, handler: weir.status, access_log: false}
"""
# Connections until both workers have one: each has one chance in two.
CROWD = 30


@pytest.fixture(scope="module")
def served(shared_daemon):
    return shared_daemon(CONFIG)


class Watch:
    """Somebody who looks."""

    def __init__(self, d):
        self._session = websocket.Session(d.address, "/status")
        self.told = self.next()

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self._session.close_and_wait()

    def next(self):
        kind, text = self._session.message()
        assert kind == websocket.TEXT
        self.told = json.loads(text)
        return self.told

    def until(self, accept):
        """The first that is accepted; others come each second."""
        wait_until(lambda: accept(self.told) or (self.next() and False), lambda: json.dumps(self.told, indent=1))
        return self.told


def workers(told):
    return {worker["pid"]: worker for worker in told["workers"]}


def answered(told, status_class):
    return (told["requests"]["classes"] + [0] * 6)[status_class]


def sleepers(told):
    """{worker: how many requests it tells of that sleep}"""
    return {report["slot"]: n for report in told["tasks"]
            if (n := sum(task["handler"] == "sleep.sleep" for task in report["tasks"]))}


@contextlib.contextmanager
def asleep(d, n):
    with contextlib.ExitStack() as stack:
        for _ in range(n):
            stack.enter_context(d.connect()).request("GET", "/sleep/60000")
        yield


def test_the_page_needs_nobody_else(served):
    page = served.get("/status")
    assert (page.status, page["content-type"]) == (200, "text/html; charset=utf-8")
    assert page["cache-control"] == "no-store"
    policy = dict(part.split(" ", 1) for part in page["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'" and policy["connect-src"] == "'self'"
    for tag in ("script", "style"):
        (text,) = re.findall(f"<{tag}>(.*?)</{tag}>", page.text, re.DOTALL)
        assert policy[f"{tag}-src"] == f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
    assert not re.search(r"\b(src|href|style|on\w+)=", page.text)
    assert set(re.findall(r"https?://[^\"'\s]*", page.text)) == {"http://www.w3.org/2000/svg"}
    with served.connect() as c:
        head = c.call("HEAD", "/status")
        assert (head.status, head["content-length"]) == (200, page["content-length"])
    refused = served.call("POST", "/status")
    assert (refused.status, refused["allow"].split(", ")[0]) == (405, "GET")


def test_pages_of_others_hear_nothing(served):
    with served.connect() as c:
        c.send(websocket.request("/status", [("Origin", "http://elsewhere.example")]))
        assert c.response().status == 403


def test_a_handshake_that_is_wrong_gets_no_page(served):
    with served.connect() as c:
        c.send(websocket.request("/status", key="short"))
        assert c.response().status == 400


def test_numbers_change_with_what_happens(served):
    with Watch(served) as watch, websocket.Session(served.address, "/echo") as echo:
        before = watch.next()
        for _ in range(20):
            assert served.get("/hello").status == 200
        assert served.get("/nowhere").status == 404
        assert served.call("POST", "/hash", body=b"secret").status == 200
        echo.send(websocket.frame(b"hello"))
        assert echo.message() == (websocket.TEXT, b"hello")
        after = watch.until(lambda now: answered(now, 2) >= answered(before, 2) + 21
                            and answered(now, 4) > answered(before, 4)
                            and now["jobs"][0]["done"] == 1
                            and now["websockets"]["in"] > before["websockets"]["in"])
        echo.close_and_wait()
    assert after["at_us"] > before["at_us"]
    assert after["requests"]["total"] >= sum(after["requests"]["classes"][1:]) > 0
    assert sum(after["latency"]["counts"]) >= sum(before["latency"]["counts"]) + 21
    assert len(after["latency"]["counts"]) <= len(after["latency"]["bounds_us"]) + 1
    assert after["latency"]["bounds_us"] == sorted(after["latency"]["bounds_us"])
    assert after["websockets"]["open"] >= 2 and after["connections"]["websocket"] >= 2
    assert after["jobs"][0]["pool"] == "default" and after["jobs"][0]["submitted"] == 1
    assert after["topics"]["topics"] >= 2


def test_all_workers_are_told_of(served):
    with Watch(served) as watch:
        told = watch.until(lambda now: len(workers(now)) == 2 and all(
            worker["state"] == "ready" and worker["memory"] > 1 << 20 for worker in now["workers"]))
        assert set(workers(told)) == set(served.workers())
        assert told["daemon"]["phase"] == "running" and told["daemon"]["workers"] == 2
        for worker in told["workers"]:
            assert worker["is_now"] and worker["up_ms"] > 0 and worker["starts"] == 1
            assert 0 < sum(worker["turns"]) and len(worker["turns"]) <= len(told["turn_bounds_us"]) + 1


def test_tasks_of_all_workers_are_told_of_the_oldest_first(served):
    with asleep(served, CROWD), served.connect() as stream, Watch(served) as watch:
        stream.send("GET /ticks HTTP/1.1\r\nHost: x\r\n\r\n")
        assert stream.head().status == 200
        # It was told of as long as it had not begun its answer.
        told = watch.until(lambda now: set(sleepers(now)) == {0, 1} and "ticks" not in str(now["tasks"]) and sum(
            worker["tasks"] for worker in now["workers"]) >= CROWD)
        for report in told["tasks"]:
            tasks = report["tasks"]
            assert 0 < len(tasks) <= 10 and report["age_ms"] >= 0
            assert {task["handler"] for task in tasks} == {"sleep.sleep"}, "neither streams nor sessions"
            assert {(task["request"], task["route"]) for task in tasks} == {("GET /sleep/60000", "/sleep/{ms}")}
            assert [task["age_ms"] for task in tasks] == sorted((task["age_ms"] for task in tasks), reverse=True)
            assert all(task["age_ms"] >= task["since_ms"] for task in tasks)
    with Watch(served) as watch:
        watch.until(lambda now: len(now["tasks"]) == 2 and not sleepers(now))


def test_a_worker_that_was_replaced_is_another(daemon):
    d = daemon(CONFIG)
    before = d.workers()
    for _ in range(10):
        assert d.get("/hello").status == 200
    # Whose session it is not, that is known by its number.
    with Watch(d) as watch:
        other = next(worker for worker in watch.told["workers"] if worker["slot"] != watch.told["slot"])
        os.kill(other["pid"], signal.SIGKILL)
        told = watch.until(lambda now: len(workers(now)) == 2 and not workers(now).get(other["pid"]) and all(
            worker["state"] == "ready" for worker in now["workers"]))
    assert set(workers(told)) == set(d.workers()) != set(before)
    assert [worker["starts"] for worker in told["workers"] if worker["slot"] == other["slot"]] == [2]


needs_browser = pytest.mark.skipif(browser_module.PROGRAM is None, reason="there is no chromium (scripts/setup test)")


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with browser_module.Browser(tmp_path_factory.mktemp("chromium")) as browser:
        yield browser


def show(browser, d, scheme, width=1200, height=1000):
    """A tab that looks, told that its user likes it light or dark."""
    tab = browser.open("about:blank")
    tab.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    tab.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
    tab.call("Emulation.setScrollbarsHidden", hidden=True)
    tab.go(f"http://127.0.0.1:{d.port}/status")
    return tab


def number(tab, element):
    return float(tab.run(f"""parseFloat(document.getElementById("{element}").textContent) || 0"""))


def shoot(tab, name, tmp_path):
    """A picture; kept where WEIR_SHOTS says, for people."""
    picture = base64.b64decode(tab.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)["data"])
    (pathlib.Path(os.environ.get("WEIR_SHOTS", tmp_path)) / f"status-{name}.png").write_bytes(picture)
    return picture


LIGHTNESS = """(() => { const of = (name, e) => { const [r, g, b] = getComputedStyle(e)[name].match(/[0-9.]+/g).map(Number);
                                                  return (r + g + b) / 3; };
                        return [of("backgroundColor", document.body), of("color", document.body),
                                of("backgroundColor", document.querySelector(".card"))]; })()"""
LIVE = """document.getElementById("news").textContent === "live" && document.querySelectorAll("#workers tr").length === 2"""


@needs_browser
def test_a_browser_shows_it_live_in_light_and_dark(served, browser, tmp_path):
    pictures, lightness = {}, {}
    with asleep(served, CROWD):
        for scheme in ("light", "dark"):
            tab = show(browser, served, scheme)
            tab.wait(LIVE, "document.body.innerText")
            tab.wait("""document.querySelectorAll("#tasks tr").length >= 10""", "document.body.innerText")

            def works(tab=tab):
                for _ in range(20):
                    served.get("/hello")
                return number(tab, "rate") >= 1 and tab.run("""document.querySelectorAll("#rates path").length""") == 2
            wait_until(works, lambda tab=tab: tab.run("document.body.innerText"))
            assert re.fullmatch(r"(< )?[\d.]+ (µs|ms|s)", tab.run("""document.getElementById("median").textContent"""))
            assert "GET /sleep/60000" in tab.run("""document.getElementById("tasks").innerText""")
            assert "default" in tab.run("""document.getElementById("jobs").innerText""")
            lightness[scheme] = tab.run(LIGHTNESS)
            pictures[scheme] = shoot(tab, scheme, tmp_path)
            tab.close()
    ground, ink, card = lightness["light"]
    assert ground > 200 and card > 200 and ink < 80
    ground, ink, card = lightness["dark"]
    assert ground < 60 and card < 60 and ink > 180
    assert pictures["light"] != pictures["dark"] and all(p.startswith(b"\x89PNG") for p in pictures.values())


@needs_browser
def test_it_fits_a_phone(served, browser, tmp_path):
    with asleep(served, 4):
        tab = show(browser, served, "light", 390, 844)
        tab.wait(LIVE, "document.body.innerText")
        tab.wait("""document.querySelectorAll("#tasks tr").length >= 4""", "document.body.innerText")
        assert tab.run("document.documentElement.scrollWidth") <= 390
        shoot(tab, "phone", tmp_path)
        tab.close()


@needs_browser
def test_the_page_comes_back_by_itself(daemon, browser):
    d = daemon(CONFIG)
    tab = show(browser, d, "light")
    tab.wait(LIVE, "document.body.innerText")
    slot = int(tab.run("""document.getElementById("slot").textContent"""))
    old = next(worker["pid"] for worker in told_once(d)["workers"] if worker["slot"] == slot)
    os.kill(old, signal.SIGKILL)
    # Its process is another, which it can only know if it has come back.
    tab.wait(f"""{LIVE} && ![...document.querySelectorAll("#workers td:nth-child(3)")].some((e) => e.textContent === "{old}")""",
             "document.body.innerText")
    tab.close()


def told_once(d):
    with Watch(d) as watch:
        return watch.until(lambda now: len(workers(now)) == 2)
