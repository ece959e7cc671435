"""GET /metrics: what all workers have counted, for people and for Prometheus."""
import json
import os
import re
import shutil
import signal
import subprocess
import urllib.request

import pytest

from daemon import wait_until

CONFIG = """
workers: 2
log_level: notice
listen: [{address: "{address}"}]
module_path: ["{build}/tests/modules"]
modules: [{path: e2e_metrics.so}]
routes:
  - {path: "/order/{kind}", methods: [POST], handler: e2e_metrics.order}
  - {path: /fail, handler: e2e_metrics.fail}
  - {path: /metrics, methods: [GET], handler: weir.metrics, access_log: false}
"""
SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\["\\n])*",?)+)\})? (\S+)')
COUNTED = 'weir_http_requests_total{route="/order/{kind}",code="201"}'
SUFFIXES = {"counter": {"_total"}, "gauge": {""}, "histogram": {"_bucket", "_count", "_sum"}}


def parse(text):
    """All samples, as name{labels} to number; fails for what is not OpenMetrics."""
    assert text.endswith("\n# EOF\n")
    samples, families, family = {}, set(), None
    for line in text[:-len("# EOF\n")].splitlines():
        if line.startswith("# TYPE "):
            _, _, family, kind = line.split(" ")
            assert family not in families, "a family stands in one place"
            families.add(family)
            continue
        if line.startswith("# UNIT "):
            assert line.split(" ")[2] == family and family.endswith("_" + line.split(" ")[3])
            continue
        if line.startswith("# HELP "):
            assert line.split(" ")[2] == family
            continue
        name, labels, number = SAMPLE.fullmatch(line).groups()
        assert name.startswith(family) and name[len(family):] in SUFFIXES[kind], line
        key = name + (f"{{{labels}}}" if labels else "")
        assert key not in samples, line
        samples[key] = float(number)
    return samples


def scrape(d):
    response = d.get("/metrics")
    assert response.status == 200
    assert response["content-type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    return parse(response.text)


def when(d, **wanted):
    """The samples, when these have come to so much.

    Other workers tell theirs within a second; and a request may be counted after its answer has been read.
    """
    seen = {}

    def has_come():
        seen.update(scrape(d))
        return all(seen.get(name) == value for name, value in wanted.items())
    wait_until(has_come, lambda: f"{wanted}\n{seen}\n{d.story()}")
    return seen


def test_requests_are_counted_by_route_and_status(daemon):
    d = daemon(CONFIG)
    for _ in range(3):
        assert d.call("POST", "/order/book").status == 201
    assert d.get("/order/book").status == 405
    assert d.get("/nowhere").status == 404
    assert d.get("/fail").status == 500
    with d.connect() as c:
        c.send("nonsense\r\n\r\n")
        assert c.response().status == 400
    seen = when(d, **{COUNTED: 3,
                      'weir_http_requests_total{route="/fail",code="500"}': 1,
                      'weir_http_requests_total{code="404"}': 1,
                      'weir_http_requests_total{code="405"}': 1,
                      'weir_http_requests_total{code="400"}': 1,
                      'weir_http_response_body_bytes_total{route="/order/{kind}"}': 15,
                      'weir_http_request_duration_seconds_count{route="/order/{kind}"}': 3})
    assert 0 < seen['weir_http_request_duration_seconds_sum{route="/order/{kind}"}'] < 60
    buckets = [value for name, value in seen.items()
               if name.startswith('weir_http_request_duration_seconds_bucket{route="/order/{kind}"')]
    assert buckets == sorted(buckets) and buckets[-1] == 3
    when(d, **{"weir_handler_failures_total": 1, "weir_workers": 2})


def test_modules_count_too(daemon):
    d = daemon(CONFIG)
    for kind in ("book", "pen", "a%22%0a%5cb"):
        d.call("POST", f"/order/{kind}")
    seen = scrape(d)
    assert seen['shop_orders_total{kind="book"}'] == 1
    assert seen['shop_orders_total{kind="a\\"\\n\\\\b"}'] == 1
    assert seen["shop_carts"] == 3
    assert seen["shop_price_euros_sum"] == 28.5
    # Each worker has three kinds at the most, and one for all others.
    for n in range(50):
        d.call("POST", f"/order/{n}")
    seen = scrape(d)
    kinds = [name for name in seen if name.startswith("shop_orders_total")]
    assert 'shop_orders_total{kind="other"}' in kinds and len(kinds) <= 7
    assert sum(seen[name] for name in kinds) == 53


def test_connections_are_counted_by_what_they_do(daemon):
    d = daemon(CONFIG)
    idle = [d.connect() for _ in range(5)]
    for c in idle:
        assert c.call("POST", "/order/book").status == 201
    when(d, **{'weir_connections{state="idle"}': 5, 'weir_connections{state="active"}': 1})
    for c in idle:
        c.close()
    when(d, **{'weir_connections{state="idle"}': 0})


def test_a_worker_that_is_killed_leaves_its_counters(daemon):
    d = daemon(CONFIG, reports=r".")
    for n in range(40):
        d.call("POST", "/order/book")
    for round_ in range(1, 3):
        when(d, **{COUNTED: 39 + round_})
        for pid in d.workers():
            mark = d.mark()
            os.kill(pid, signal.SIGKILL)
            d.wait_log(r"worker \d is ready again", after=mark)
        seen = when(d, weir_workers=2)
        assert seen[COUNTED] == 40 + round_ - 1
        assert seen['shop_orders_total{kind="book"}'] == 40 + round_ - 1
        assert seen["shop_carts"] == 0, "of both workers are others now"
        assert seen['weir_http_request_duration_seconds_count{route="/order/{kind}"}'] == 40 + round_ - 1
        d.call("POST", "/order/book")


def test_it_can_be_turned_off(daemon):
    d = daemon(CONFIG + "metrics_memory: 0\n")
    assert d.call("POST", "/order/book").status == 201
    assert d.get("/metrics").status == 404


def test_what_finds_no_room_is_said(daemon):
    routes = "".join(f'  - {{path: "/a{"x" * 200}{n}", handler: e2e_metrics.fail}}\n' for n in range(60))
    d = daemon(CONFIG + routes + "metrics_memory: 16KiB\n")
    d.wait_log("metrics_memory is too small")
    assert d.call("POST", "/order/book").status == 201
    assert scrape(d)["weir_metrics_lost_total"] > 0


def query(port, what):
    url = f"http://127.0.0.1:{port}/api/v1/query?query={what}"
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return json.load(answer)["data"]["result"]
    except OSError:
        return None  # it starts


@pytest.mark.skipif(not shutil.which("prometheus"), reason="there is no prometheus")
def test_prometheus_scrapes_it(daemon, port):
    d = daemon(CONFIG)
    for _ in range(7):
        d.call("POST", "/order/book")
    when(d, **{COUNTED: 7})
    web = port()
    (d.dir / "prometheus.yml").write_text(f"""
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
  - job_name: weir
    static_configs: [{{targets: ["127.0.0.1:{d.port}"]}}]
""")
    with open(d.dir / "prometheus.log", "wb") as log:
        prometheus = subprocess.Popen(
            ["prometheus", f"--config.file={d.dir}/prometheus.yml", f"--storage.tsdb.path={d.dir}/tsdb",
             f"--web.listen-address=127.0.0.1:{web}", "--log.level=warn"],
            cwd=d.dir, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        found = wait_until(lambda: query(web, "weir_http_requests_total{route=%22/order/{kind}%22}"),
                           lambda: (d.dir / "prometheus.log").read_text(), seconds=60)
        assert found[0]["metric"]["code"] == "201" and found[0]["value"][1] == "7"
        up, = query(web, "up")
        assert up["value"][1] == "1"
        assert query(web, "histogram_quantile(0.5,shop_price_euros_bucket)")
    finally:
        prometheus.kill()
        prometheus.wait()


def test_a_reload_goes_on_counting(daemon):
    d = daemon(CONFIG)
    for n in range(20):
        d.call("POST", "/order/book")
    for n in range(1, 3):
        mark = d.mark()
        d.send_signal(signal.SIGHUP)
        d.wait_log("reloaded: ", after=mark)
        d.call("POST", "/order/book")
        seen = when(d, weir_workers=2, **{COUNTED: 20 + n})
        assert seen['shop_orders_total{kind="book"}'] == 20 + n
