"""The access log: formats, which requests are in it, sessions, and a reader that is too slow."""
import json
import os
import re
import select
import time

import jobs
from daemon import wait_until
from websocket import Session

PROXIES = "trusted_proxies: [127.0.0.1]\n"
ROUTES = """
log_level: notice
listen: [{address: "{address}"}]
module_path: ["{build}/tests/modules", "{build}/examples"]
modules: [{path: e2e_metrics.so}, {path: wsecho.so}]
routes:
  - {path: "/order/{kind}", handler: e2e_metrics.order}
  - {path: /fail, handler: e2e_metrics.fail}
  - {path: "/errors/{kind}", handler: e2e_metrics.order, access_log_errors: true}
  - {path: /errors, handler: e2e_metrics.fail, access_log_errors: true}
  - {path: "/sampled/{kind}", handler: e2e_metrics.order, access_log_sample: 10}
  - {path: /ws/echo, handler: wsecho.echo, websocket: true}
  - {path: /metrics, handler: weir.metrics, access_log: false}
"""


def config(log_format="combined", **options):
    lines = [f"{name}: {value}" for name, value in options.items()]
    return "\n".join([*lines, "workers: 1", f"access_log_format: '{log_format}'", ROUTES])


def stop_and_read(d, n=None):
    """The lines, all of which are out when it has ended."""
    assert d.stop() == 0
    if n is not None:
        assert len(d.out.lines) == n, d.story()
    return d.out.lines


def test_json_has_all_there_is(daemon):
    d = daemon(config("json"))
    assert d.call("POST", "/order/book", {"User-Agent": 'a "b" \\ \xe9'}, body=b"12345").status == 201
    assert d.get("/fail").status == 500
    taken, failed = [json.loads(line) for line in stop_and_read(d, 2)]
    assert taken["event"] == "request" and taken["client"] == "127.0.0.1" and taken["method"] == "POST"
    assert taken["target"] == "/order/book" and taken["route"] == "/order/{kind}"
    assert taken["handler"] == "e2e_metrics.order" and taken["status"] == 201
    assert taken["bytes"] == 5 and taken["received"] == 5 and taken["host"] == "localhost"
    assert taken["user_agent"] == 'a "b" \\ \xe9' and taken["referer"] is None
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", taken["time_iso"])
    assert 0 < taken["duration"] < 60 and 0 <= taken["queue_time"] < 60
    assert taken["handler_time"] <= taken["duration"] + 1e-6 and taken["job_time"] == 0
    assert failed["status"] == 500 and failed["request_id"] != taken["request_id"]


def test_a_format_of_ones_own(daemon):
    d = daemon(config('{client} "{request}" {status} {header:X-Shop} {{{route}}}'))
    d.call("POST", "/order/book", {"X-Shop": "south"})
    d.get("/nowhere")
    assert stop_and_read(d) == ['127.0.0.1 "POST /order/book HTTP/1.1" 201 south {/order/{kind}}',
                                '127.0.0.1 "GET /nowhere HTTP/1.1" 404 - {-}']


def test_host_is_that_of_the_request_whoever_says_it(daemon):
    d = daemon(config("{host} {header:Host}") + PROXIES)
    d.call("POST", "/order/book", {"X-Forwarded-Host": "shop.example.org"})
    d.call("POST", "http://localhost/order/book")
    with Session(d.address, fields=[("X-Forwarded-Host", "ws.example.org")]) as s:
        s.ask("one")
    assert stop_and_read(d) == ["shop.example.org localhost", "localhost localhost",
                                *["ws.example.org localhost"] * 2]


def test_a_bad_format_is_said_with_its_place(run_weir, tmp_path):
    path = tmp_path / "bad.yaml"
    path.write_text("workers: 1\naccess_log_format: '{client} {statsu}'\n")
    done = run_weir("-t", "-c", str(path))
    assert done.code == 78
    assert f'{path}:2:21: access_log_format: it has a field that there is not: "statsu"; ' \
           'did you mean "status"?' in done.stderr


def test_a_route_may_be_there_only_with_its_errors(daemon):
    d = daemon(config("{target} {status}"))
    for _ in range(5):
        assert d.call("POST", "/errors/book").status == 201
    assert d.get("/errors").status == 500
    assert stop_and_read(d) == ["/errors 500"]


def test_a_route_may_be_sampled(daemon):
    d = daemon(config("{target}"))
    with d.connect() as c:
        for n in range(500):
            assert c.call("POST", f"/sampled/{n}").status == 201
    lines = stop_and_read(d)
    assert 10 < len(lines) < 150, len(lines)


def test_sessions_have_a_line_when_they_begin_and_when_they_end(daemon):
    d = daemon(config("json"))
    with Session(d.address) as s:
        for words in ("one", "three"):
            assert s.ask(words) == words
        s.close_and_wait(1001)
    begun, ended = [json.loads(line) for line in stop_and_read(d, 2)]
    assert begun["event"] == "websocket_open" and begun["status"] == 101 and begun["close_code"] is None
    assert ended["event"] == "websocket_close" and ended["close_code"] == 1001
    assert ended["messages_in"] == 2 and ended["messages_out"] == 2
    assert ended["received"] == 8 and ended["bytes"] == 8 and ended["route"] == "/ws/echo"
    assert ended["request_id"] == begun["request_id"] and ended["client"] == "127.0.0.1"
    assert begun["duration"] <= ended["duration"] + 0.01


def test_a_session_whose_client_vanishes_ends_with_1006(daemon):
    d = daemon(config("{event} {close_code} {messages_in}"))
    with Session(d.address) as s:
        s.ask("one")
    d.wait_access("websocket_close 1006 1")
    assert stop_and_read(d)[0] == "websocket_open - 0"


def test_a_reader_that_is_too_slow_loses_lines_and_holds_nobody_up(daemon, tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    d = daemon(config("{target}", access_log=fifo))
    agent = "x" * 1000
    with d.connect() as c:
        for n in range(400):
            assert c.call("POST", f"/order/{agent}").status == 201

    def lost():
        found = re.search(r"^weir_access_log_lines_lost_total (\d+)$", d.get("/metrics").text, re.M)
        return int(found[1])
    n_lost = wait_until(lost, d.story)
    assert 0 < n_lost < 400
    # Somebody reads: what has waited comes, line by line, and the log is told of the rest.
    text = b""
    while select.select([reader], [], [], 0)[0]:
        text += os.read(reader, 65536)
    assert set(text.split(b"\n")) == {b"/order/" + agent.encode(), b""}
    assert d.stop() == 0
    os.close(reader)


def test_waiting_for_a_job_is_a_phase(daemon):
    d = daemon(jobs.config(jobs="processes: 1") + "access_log_format: \"{target} {job_time} {handler_time}\"\n")
    with jobs.Watch(d, "hold", d.dir / "go") as job:
        job.pid
        time.sleep(0.05)  # that much is certain to be waited
        (d.dir / "go").touch()
        assert job.end() == "ok let go"
    line = d.wait_access("/watch/hold")
    waited, worked = map(float, line.split(" ")[1:])
    assert waited >= 0.05 and worked >= 0


def test_ids_are_taken_from_proxies_and_from_nobody_else(daemon):
    fields = {"X-Request-Id": "abc-1", "traceparent": f"00-{'4b' * 16}-00f067aa0ba902b7-01"}
    form = "{request_id} {trace_id} {event}"
    for more, is_taken in ((PROXIES, True), ("", False), (PROXIES + "take_ids: never\n", False),
                           ("take_ids: always\n", True)):
        d = daemon(more + config(form) + "log_ids: true\n")
        d.call("POST", "/order/book", fields)
        d.get("/fail", fields)
        d.wait_log(r"\[abc-1\]$" if is_taken else r"\[[0-9a-f]{16}\]$")
        with Session(d.address, fields=fields.items()) as s:
            s.close_and_wait(1000)
        for line in stop_and_read(d, 4):
            assert line.startswith(f"abc-1 {'4b' * 16} ") == is_taken, line


def test_who_is_refused_without_an_exchange_has_a_line(daemon):
    d = daemon(config("{client} {request} {status} {bytes} {handler_time} {route} {user_agent}",
                      header_timeout="2s", max_head="1KiB", max_target="512B"))
    big = "x" * 2000
    for sent, status in ((b"nonsense\r\n\r\n", 400), (b"GET /a HTTP/1.1\r\nHost: x\r\nX: %s\r\n\r\n" % big.encode(), 431),
                         (b"GET /half HTTP/1.1\r\nHost", 408),
                         (b"PUT /cake HTTP/1.1\r\nHost: x\r\nUser-Agent: me\r\nExpect: cake\r\n\r\n", 417)):
        with d.connect() as c:
            c.send(sent)
            assert c.response().status == status
    lines = [re.sub(r"(4\d\d) [1-9]\d+ ", r"\1 N ", line) for line in stop_and_read(d, 4)]
    assert lines == ["127.0.0.1 - 400 N 0.000000 - -", "127.0.0.1 GET /a HTTP/1.1 431 N 0.000000 - -",
                     "127.0.0.1 GET /half HTTP/1.1 408 N 0.000000 - -",
                     "127.0.0.1 PUT /cake HTTP/1.1 417 N 0.000000 - me"]


def test_sessions_that_end_have_the_fields_of_their_head(daemon):
    d = daemon(config("{event} {header:Host} {header:X-None}"))
    with Session(d.address) as s:
        s.ask("one")
    assert [line.split(" ", 1)[1] for line in stop_and_read(d, 2)] == ["localhost -"] * 2
