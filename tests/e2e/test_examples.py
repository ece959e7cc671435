"""The demo: conf/demo.yaml as it stands, but for address and directory, and every example on it."""
import concurrent.futures
import hashlib
import json
import os
import re
import shlex
import signal
import subprocess
import time

import pytest

import daemon as daemon_module

TOP = daemon_module.TOP
DEMO = (TOP / "conf/demo.yaml").read_text()
DEMO = DEMO.replace("address: 127.0.0.1:8000", "address: {address}")
DEMO = DEMO.replace("[../build/examples]", '["{build}/examples"]')
DEMO = DEMO.replace("root: ../build/examples", 'root: {build}/examples')
# Nice ones get what others leave of the machine: nothing to wait for while somebody compiles.
DEMO = DEMO.replace("jobs:\n", "jobs:\n  nice: 0\n")


@pytest.fixture
def demo(daemon):
    return daemon(DEMO)


def test_the_file_is_what_the_test_thinks():
    assert "{address}" in DEMO and '"{build}/examples"' in DEMO and "nice: 0" in DEMO
    assert "root: {build}/" in DEMO


def test_hello_greets(demo):
    r = demo.get("/hello")
    assert (r.status, r["content-type"], r.body) == (200, "text/plain", b"hello, world\n")
    assert r["content-length"] == "13"


def test_static_serves_what_the_build_has_made(demo):
    assert demo.get("/static/hello.txt").text == "hello from a file\n"
    for name, size in (("1KiB", 1 << 10), ("100KiB", 100 << 10), ("10MiB", 10 << 20)):
        assert demo.get(f"/static/{name}.bin").body == bytes(range(256)) * (size // 256)
    assert "10MiB.bin" in demo.get("/static/").text


def index_lines(demo, begin):
    r = demo.get("/", host=f"127.0.0.1:{demo.port}")
    assert (r.status, r["content-type"]) == (200, "text/plain")
    return [line for line in r.text.splitlines() if line.startswith(begin)]


def curl_lines(demo):
    return index_lines(demo, "curl ")


def path_of(line):
    return re.search(r"'(?:http|ws)://[^/]*(/[^?']*)", line).group(1)


def test_index_has_a_line_for_every_route(demo):
    listed = {path_of(line) for line in curl_lines(demo) + index_lines(demo, "ws = ")}
    routes = set(re.findall(r"^  - path: (/\S*)$", DEMO, re.MULTILINE))
    values = {"ms": "500", "topic": "news", "room": "lobby", "below": "1000000", "path": "hello.txt"}
    assert listed == {re.sub(r"\{(\w+)(?:\.\.\.)?\}", lambda found: values[found.group(1)], path) for path in routes}


def test_index_lines_for_a_browser_name_websockets(demo):
    lines = index_lines(demo, "ws = ")
    assert len(lines) == DEMO.count("websocket: true") - 1  # of which one is a page
    for line in lines:
        target = re.search(r"'ws://127\.0\.0\.1:%d(/[^']*)'" % demo.port, line).group(1)
        r = demo.get(target, {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
                              "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="})
        assert (r.status, r["sec-websocket-accept"]) == (101, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), line


def test_index_lines_work_when_pasted_into_a_shell(demo):
    for line in curl_lines(demo):
        words = shlex.split(line)
        is_endless = words[-1].endswith("/ticks") or "/events/" in words[-1] and "-N" in words
        extra = ["-sS", "--fail", "--max-time", "1" if is_endless else "20"]
        done = subprocess.run([words[0], *extra, *words[1:]], cwd=TOP, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=30, check=False)
        assert done.returncode == (28 if is_endless else 0), (line, done.stderr)
        assert done.stdout, line


def test_echo_gives_the_body_back_with_its_type(demo):
    r = demo.call("POST", "/echo", {"Content-Type": "image/png"}, b"any bytes")
    assert (r.status, r["content-type"], r.body) == (200, "image/png", b"any bytes")
    assert demo.call("POST", "/echo", body=b"x")["content-type"] == "application/octet-stream"


def test_echo_streams_what_is_larger_than_all_buffers(demo):
    body = os.urandom(8_000_000)
    with concurrent.futures.ThreadPoolExecutor(1) as pool, demo.connect(timeout=60) as c:
        c.send(f"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n")
        sending = pool.submit(c.send, body)
        r = c.response("POST")
        sending.result()
    assert r.status == 200
    assert hashlib.sha256(r.body).digest() == hashlib.sha256(body).digest()


def test_echo_takes_chunks(demo):
    with demo.connect() as c:
        c.send("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
               "5\r\nhello\r\n8;x=y\r\n, chunks\r\n0\r\n\r\n")
        assert c.response("POST").body == b"hello, chunks"


def test_echo_refuses_more_than_its_route_allows(demo):
    with demo.connect() as c:
        c.send(f"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: {16 * 1024 * 1024 + 1}\r\n\r\n")
        assert c.response("POST").status == 413


def test_echo_json_wraps_json_and_nothing_else(demo):
    r = demo.call("POST", "/echo/json", {"Content-Type": "application/json"}, b"[1, 2]")
    assert (r.status, json.loads(r.body)) == (200, {"you_sent": [1, 2]})
    for sound in ("Application/JSON", "application/json; charset=utf-8", "application/json ;charset=utf-8"):
        assert demo.call("POST", "/echo/json", {"Content-Type": sound}, b"[1]").status == 200
    for other in ("text/plain", "application/jsonx", "application/jso", "application/json/x", "text/plain; application/json"):
        assert demo.call("POST", "/echo/json", {"Content-Type": other}, b"[1]").status == 415
    assert demo.call("POST", "/echo/json", {"Content-Type": "application/json"},
                     b"1" * (64 * 1024 + 1)).status == 413


def test_who_asks_for_the_head_of_ticks_goes_on(demo):
    with demo.connect() as c:
        assert c.call("HEAD", "/ticks").status == 200
        assert c.call("GET", "/hello").status == 200


def test_ticks_arrive_one_by_one(demo):
    def between_two():
        with demo.connect() as c:
            c.request("GET", "/ticks")
            head = c.head()
            assert (head.status, head["content-type"]) == (200, "text/event-stream")
            assert head["cache-control"] == "no-store"
            assert re.fullmatch(rb"id: 0\ndata: \d+\n\n", c.chunk())
            began = time.monotonic()
            assert re.fullmatch(rb"id: 1\ndata: \d+\n\n", c.chunk())
            return time.monotonic() - began
    # Together they come only if we were late.
    assert any(between_two() > 0.5 for _ in range(3))


def read_events(c, n):
    """The next n events of a stream, without its comments: [(field, value)...] each."""
    found = []
    while len(found) < n:
        piece = c.chunk()
        assert piece, "the stream has ended"
        fields = [tuple(line.split(": ", 1)) for line in piece.decode().splitlines() if line and line != ":"]
        if fields:
            found.append(fields)
    return found


def listen(demo, topic):
    c = demo.connect()
    c.request("GET", f"/events/{topic}")
    head = c.head()
    assert (head.status, head["content-type"]) == (200, "text/event-stream")
    assert (head["cache-control"], head["x-accel-buffering"]) == ("no-cache", "no")
    assert c.chunk() == b":\n"
    assert read_events(c, 1) == [[("retry", "2000")]]
    return c


def post(demo, topic, words):
    r = demo.call("POST", f"/events/{topic}", body=words)
    assert (r.status, r.body) == (202, b"told\n")


def test_events_reach_listeners_of_every_worker(demo):
    crowd = [listen(demo, "news") for _ in range(12)]
    elsewhere = listen(demo, "weather")
    for i in range(4):
        post(demo, "news", f"{i}: two\nlines".encode())
    expected = [[("data", f"{i}: two"), ("data", "lines")] for i in range(4)]
    for c in crowd:
        # Each post is a publisher of its own, and may be on another worker.
        assert sorted(read_events(c, 4)) == expected
    post(demo, "weather", b"rain")
    assert read_events(elsewhere, 1) == [[("data", "rain")]]
    for c in [*crowd, elsewhere]:
        c.close()


def test_events_end_properly_when_the_daemon_stops(demo):
    with listen(demo, "news") as c:
        demo.send_signal(signal.SIGTERM)
        assert c.chunk() == b""
        assert c.rest() == b"\r\n"
    assert demo.wait() == 0


def test_events_refuse_what_is_no_text(demo):
    assert demo.call("POST", "/events/news", body=b"\xff").status == 400
    assert demo.call("POST", "/events/news", body=b"x" * 4097).status == 413
    assert demo.call("PUT", "/events/news", body=b"x")["allow"] == "GET, HEAD, POST, OPTIONS"


def test_fanout_runs_its_tasks_together(demo):
    r = demo.get("/fanout?n=100")
    answer = json.loads(r.body)
    assert (r.status, answer["tasks"], answer["sum"]) == (200, 100, sum(i * i for i in range(101)))
    assert 100 <= answer["ms"] < 5000


@pytest.mark.parametrize("n", ["0", "1001", "-1", "", "ten", "99999999999999999999"])
def test_fanout_refuses_nonsense(demo, n):
    assert demo.get(f"/fanout?n={n}").status == 400


def test_fanout_race_is_won_by_the_fastest(demo):
    assert json.loads(demo.get("/fanout/race").body) == {"winner": 2}


def test_fanout_ordered_sends_each_when_it_ends(demo):
    with demo.connect() as c:
        c.request("GET", "/fanout/ordered")
        assert c.head().status == 200
        chunks = list(iter(c.chunk, b""))
    assert chunks == [f"task {6 - i} after {100 * i} ms\n".encode() for i in range(1, 6)]


def test_upload_counts_and_hashes(demo):
    body = os.urandom(5_000_000)
    r = demo.call("PUT", "/upload", body=body)
    assert r.status == 200
    assert json.loads(r.body) == {"bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}


def test_upload_of_half_a_body_leaves_the_server_well(demo):
    with demo.connect() as c:
        c.send("PUT /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nhalf")
        c.reset()
    assert demo.get("/hello").status == 200


def test_sleep_holds_nobody_up(demo):
    with demo.connect() as slow, demo.connect() as other:
        slow.request("GET", "/sleep/60000")
        for _ in range(10):
            assert demo.get("/hello").status == 200
        other.request("GET", "/sleep/1000")
        assert other.response().body == b"slept 1000 ms\n"
        slow.assert_silent()


@pytest.mark.parametrize("ms", ["-1", "60001", "soon", "%00", "1e3", "5%2F6"])
def test_sleep_refuses_nonsense(demo, ms):
    assert demo.get(f"/sleep/{ms}").status == 400


def test_asgi_says_where_we_come_from_and_which_worker_answered(demo):
    with demo.connect() as c:
        mine = "%s:%d" % c.sock.getsockname()
        r = c.call("GET", "/asgi")
    assert (r.status, r["content-type"]) == (200, "text/plain")
    assert r.text == f"hello, {mine}\nyou asked for /asgi\n"
    worker = int(re.fullmatch(r"weir worker (\d+)", r["x-served-by"]).group(1))
    assert worker in demo.workers()


def test_middleware_sees_only_the_routes_that_list_it(demo):
    assert demo.get("/state")["x-served-by"] is not None
    assert demo.get("/hello")["x-served-by"] is None


def test_state_lives_in_a_worker(demo):
    with demo.connect() as c:
        one, two = (json.loads(c.call("GET", "/state").body) for _ in range(2))
    assert one["worker"] == two["worker"] and one["worker"] in demo.workers()
    assert two["requests"] == one["requests"] + 1


def test_state_is_bumped_by_a_task_without_a_request(demo):
    with demo.connect() as c:
        until = time.monotonic() + daemon_module.WAIT_S
        while json.loads(c.call("GET", "/state").body)["ticks"] < 1:
            assert time.monotonic() < until
            assert c.call("GET", "/sleep/100").status == 200


def test_state_logs_startup_and_shutdown_in_each_worker(demo):
    demo.wait_log(r"state\.startup: counting from zero by 1", count=2)
    assert demo.stop() == 0
    demo.wait_log(r"state\.shutdown: \d+ ticks, \d+ requests", count=2)


def test_a_startup_that_fails_ends_the_daemon_with_its_reason(daemon):
    d = daemon(DEMO.replace('{step: "1"}', '{step: "0"}'), ready=None, exit_code=3)
    assert d.wait() == 3
    assert "module 'state' could not start: step must be 1 to 1000 (EINVAL)" in d.err.text


@pytest.mark.parametrize("name, path, body", [
    ("hello", "/hello", b"hello, world\n"),
    ("sleep", "/sleep/10", b"slept 10 ms\n"),
    ("fanout", "/fanout/race", b'{"winner":2}\n'),
])
def test_a_module_runs_on_its_own_paths_without_a_configuration(daemon, name, path, body):
    d = daemon(None, "run", f"{{build}}/examples/{name}.so", "--listen", "{address}", "--workers", "1")
    assert d.get(path).body == body
    assert d.get("/elsewhere").status == 404


def test_stopping_lets_a_sleeper_finish(demo):
    with demo.connect() as c:
        # In one piece: when the first is answered, the second has been read.
        c.send("".join(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n" for path in ("/hello", "/sleep/700")))
        assert c.response().status == 200
        demo.send_signal(signal.SIGTERM)
        r = c.response()
    assert r.body == b"slept 700 ms\n"
    assert demo.wait() == 0
