"""Who asks too much: connections of all, and of one address, and requests."""
import os
import signal
import time

import pytest

import client
import daemon as daemon_module
import routes
import tls
import websocket
import ws_routes
from daemon import wait_until

GET = b"GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n"


def open_and_ask(d, **options):
    """A connection that stays, once it has been answered; its status."""
    c = client.Connection(d.address, **options)
    return c, c.call("GET", "/hello").status


def refusal(d, **options):
    """What a connection is told that asks for nothing: its status. None: it was closed without a word."""
    with client.Connection(d.address, **options) as c:
        c.send(GET)
        try:
            return c.response().status
        except (client.Broken, OSError):
            return None


def is_served(d, **options):
    with client.Connection(d.address, **options) as c:
        return c.call("GET", "/hello").status == 200


def close_all(connections):
    for c in connections:
        c.close()


def test_the_log_says_how_many_connections_there_may_be(daemon):
    d = daemon(routes.config(workers=2))
    line = d.wait_log(r"connections: at most \d+: 2 workers, of \d+ descriptors each \(LimitNOFILE, ulimit -n\) \d+ "
                      "for connections")
    words = line.split("at most ")[1].replace(":", " ").split()
    assert int(words[0]) == 2 * int(words[-3])


def test_max_connections_is_of_all_workers(daemon):
    d = daemon(routes.config(workers=3, max_connections=12))
    d.wait_log(r"connections: at most 12 \(max_connections\)")
    opened = [open_and_ask(d) for _ in range(12)]
    assert [status for _, status in opened] == [200] * 12
    for _ in range(5):
        assert refusal(d) == 503
    opened.pop()[0].close()
    wait_until(lambda: is_served(d), d.story)
    close_all(c for c, _ in opened)


def test_an_address_has_a_limit_over_all_workers(daemon):
    d = daemon(routes.config(workers=3, max_connections_per_address=5))
    opened = [open_and_ask(d)[0] for _ in range(5)]
    for _ in range(4):
        assert refusal(d) == 429
    d.wait_log(r"127\.0\.0\.1:\d+: refused with 429 too-many")
    assert is_served(d, source="127.0.0.2")
    opened.pop().close()
    wait_until(lambda: is_served(d), d.story)
    close_all(opened)


def test_over_tls_it_is_told_too(daemon, tmp_path):
    ca = tls.Authority(tmp_path)
    certificate, key = ca.issue("server")
    d = daemon(routes.config(max_connections_per_address=1).replace(
        'address: "{address}"', f'address: "{{address}}", tls: {{certificate: {certificate}, key: {key}}}'))
    with tls.connect(d.address, ca.client()) as c:
        assert c.call("GET", "/hello").status == 200
        with tls.connect(d.address, ca.client()) as more:
            more.send(GET)
            assert more.response().status == 429


def test_the_connections_of_a_dead_worker_do_not_count(daemon):
    d = daemon(routes.config(workers=1, max_connections_per_address=2), exit_code=None)
    opened = [open_and_ask(d)[0] for _ in range(2)]
    assert refusal(d) == 429
    os.kill(d.workers()[0], signal.SIGKILL)
    wait_until(lambda: served_at_last(d), d.story)
    close_all(opened)


def served_at_last(d):
    try:
        return is_served(d)
    except (client.Broken, OSError):
        return False


def test_trusted_proxies_have_no_limit_and_clients_of_proxied_connections_have_theirs(daemon):
    d = daemon(routes.config(max_connections_per_address=1, trusted_proxies="127.0.0.1").replace(
        '{address: "{address}"}', '{address: "{address}"}, {address: "unix:{dir}/p.sock", proxy_protocol: true}')
        .replace('trusted_proxies: 127.0.0.1', 'trusted_proxies: [127.0.0.1, "unix:"]'))
    opened = [open_and_ask(d) for _ in range(3)]
    assert [status for _, status in opened] == [200] * 3
    header = b"PROXY TCP4 203.0.113.%d 198.51.100.1 4711 80\r\n"
    with client.Connection(d.dir / "p.sock") as first, client.Connection(d.dir / "p.sock") as second:
        first.send(header % 9 + GET)
        assert first.response().status == 200
        second.send(header % 9 + GET)
        assert second.response().status == 429
        with client.Connection(d.dir / "p.sock") as third:
            third.send(header % 10 + GET)
            assert third.response().status == 200
    close_all(c for c, _ in opened)


def test_a_websocket_is_a_connection_until_it_ends(daemon):
    d = daemon(ws_routes.config(max_connections_per_address=1))
    with websocket.Session(d.address) as session:
        assert session.ask("hello") == "hello"
        assert refusal(d) == 429
        session.close_and_wait()
    wait_until(lambda: is_served(d), d.story)


def test_a_reload_brings_other_limits_and_forgets_nothing(daemon):
    text = routes.config(workers=2, rate_limit=4, rate_period="30m", max_connections_per_address=9)
    d = daemon(text)
    with d.connect() as held:
        held.request("GET", "/hold/3")
        routes.wait_gate(d, 3)
        assert [a.status for a in statuses(d, 4)] == [200] * 3 + [429]
        d.write_config(text.replace("limit: 4", "limit: 8").replace("30m", "1h").replace("address: 9", "address: 2"))
        d.send_signal(signal.SIGHUP)
        d.wait_log("reloaded: ")
        # Four of eight are used up, and one of two connections is still with a worker of before.
        with d.connect() as second:
            got = [second.call("GET", "/hello").status for _ in range(6)]
            assert got == [200] * 4 + [429] * 2
            assert refusal(d) == 429
            d.wait_log("refused with 429 too-many")


# Requests. Periods are so long that no bucket fills while a test runs.

def statuses(d, n, target="/hello", **options):
    answers = []
    for _ in range(n):  # connections of their own, so that all workers are asked
        with client.Connection(d.address, **options) as c:
            answers.append(c.call("GET", target))
    return answers


def test_a_rate_is_of_all_workers_and_says_when_to_come_back(daemon):
    d = daemon(routes.config(workers=3, rate_limit=10, rate_period="1h"))
    answers = statuses(d, 20)
    assert [a.status for a in answers] == [200] * 10 + [429] * 10
    assert 300 < int(answers[-1]["retry-after"]) <= 360
    d.wait_log(r"127\.0\.0\.1:\d+: e2e_module.hello: refused with 429 too-frequent")
    assert [a.status for a in statuses(d, 10, source="127.0.0.2")] == [200] * 10
    # What is no route is a request, too.
    assert statuses(d, 1, "/nowhere")[0].status == 429


def test_a_refused_request_does_not_end_its_connection(daemon):
    d = daemon(routes.config(rate_limit=1, rate_period="1h"))
    with d.connect() as c:
        assert [c.call("GET", "/hello").status for _ in range(4)] == [200, 429, 429, 429]


def test_a_bucket_fills_again(daemon):
    d = daemon(routes.config(rate_limit=2, rate_period="1s"))
    begun = time.monotonic()
    with d.connect() as c:
        n = 0
        while n < 4:
            n += c.call("GET", "/hello").status == 200
    assert time.monotonic() - begun > 0.9  # two at once, then one each half second


def test_a_route_may_have_a_rate_of_its_own(daemon):
    text = routes.config(rate_limit=5, rate_period="1h")
    text = text.replace('path: "/a/b/c", handler: e2e_module.hello', 'path: "/a/b/c", rate_limit: 2, handler: e2e_module.hello')
    text = text.replace('path: "/show", handler: e2e_module.show', 'path: "/show", rate_limit: 0, handler: e2e_module.show')
    d = daemon(text)
    assert [a.status for a in statuses(d, 3, "/a/b/c")] == [200, 200, 429]
    assert [a.status for a in statuses(d, 20, "/show")] == [200] * 20
    assert [a.status for a in statuses(d, 6)] == [200] * 5 + [429]


def test_a_burst_may_be_smaller(daemon):
    d = daemon(routes.config(rate_limit=100, rate_period="1h", rate_burst=3))
    assert [a.status for a in statuses(d, 4)] == [200] * 3 + [429]


def test_clients_behind_a_trusted_proxy_are_judged_one_by_one(daemon):
    d = daemon(routes.config(rate_limit=2, rate_period="1h", trusted_proxies="127.0.0.1"))
    with d.connect() as c:
        def ask(name):
            return c.call("GET", "/hello", fields=[("X-Forwarded-For", name)]).status
        assert [ask("203.0.113.9"), ask("6.6.6.6, 203.0.113.9"), ask("7.7.7.7, 203.0.113.9")] == [200, 200, 429]
        assert ask("203.0.113.10") == 200
        assert [ask("2001:db8::1"), ask("2001:db8::2"), ask("2001:db8::3")] == [200, 200, 429]
        assert ask("2001:db8:0:1::1") == 200


@pytest.mark.parametrize("text, words", [
    ("trusted_proxies: 10.0.0.1/8", ":1:18: trusted_proxies: \"10.0.0.1/8\" is no network"),
    ("rate_limit: lots", ":1:13: rate_limit: \"lots\" is not a whole number"),
])
def test_mistakes_say_where_they_are(tmp_path, text, words):
    (tmp_path / "weir.yaml").write_text(text + "\n")
    done = daemon_module.run(tmp_path, ["-t", "-c", "weir.yaml"])
    assert done.code == 78 and words in done.stderr, done.stderr
