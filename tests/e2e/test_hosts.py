"""Routes of several hosts, and requests that are misdirected."""
import pytest

import client
import daemon as daemon_module
import routes
import tls


def config(rows, listen='{address: "{address}"}', **options):
    options = {"workers": 1, "log_level": "info", **options}
    lines = [f"{name}: {value}" for name, value in options.items()]
    top = routes.TOP.replace('{address: "{address}"}', listen)
    return "\n".join(lines) + top + "routes:\n" + "".join(
        f'  - {{path: "{path}", handler: e2e_module.{handler}{host and f", host: {host!r}"}}}\n'
        for host, path, handler in rows)


# Each handler shows by its answer which route it was.
ROWS = [("example.org", "/", "hello"), ("*.example.org", "/", "show"), ("*.example.org", "/wild", "hello"),
        ("", "/", "state_of_all"), ("", "/any", "hello")]


@pytest.fixture(scope="module")
def d(shared_daemon):
    return shared_daemon(config(ROWS))


def ask(d, host, target="/"):
    return d.get(target, fields=[("Host", host)])


@pytest.mark.parametrize("host, kind", [
    ("example.org", "hello\n"), ("EXAMPLE.org:8080", "hello\n"), ("example.org.", "hello\n"),
    ("a.example.org", "method=GET\n"), ("A.Example.Org.", "method=GET\n"),
    ("a.b.example.org", "{"), ("example.com", "{"), ("127.0.0.1", "{"), ("[::1]:80", "{"),
])
def test_exact_wins_over_wildcard_wins_over_none(d, host, kind):
    assert ask(d, host).text.startswith(kind)


def test_a_path_is_looked_for_in_the_next_wider_host(d):
    assert ask(d, "a.example.org", "/wild").text == "hello\n"
    assert ask(d, "a.example.org", "/any").text == "hello\n"
    assert ask(d, "example.org", "/wild").status == 404
    assert ask(d, "example.com", "/wild").status == 404


def test_http_1_0_without_a_host_has_none(d):
    with d.connect() as c:
        c.send(b"GET / HTTP/1.0\r\n\r\n")
        assert c.response().text.startswith("{")


def test_the_host_of_an_absolute_target_counts(d):
    with d.connect() as c:
        c.send(b"GET http://example.org/ HTTP/1.1\r\nHost: example.org\r\n\r\n")
        assert c.response().text == "hello\n"


def test_a_host_that_nobody_serves_is_misdirected(daemon):
    d = daemon(config(ROWS[:3]))
    assert ask(d, "example.com").status == 421
    d.wait_log("refused with 421 host-unknown: no route is for this host")
    assert ask(d, "example.org", "/nowhere").status == 404


def test_hosts_may_be_refused_that_no_route_names(daemon):
    d = daemon(config(ROWS, unknown_hosts="refuse"))
    assert ask(d, "example.com").status == 421
    assert ask(d, "example.org", "/any").status == 200
    with d.connect() as c:  # nothing is wrong with the connection
        assert c.call("GET", "/", fields=[("Host", "example.com")]).status == 421
        assert c.call("GET", "/", fields=[("Host", "example.org")]).status == 200


def test_a_proxy_names_the_host(daemon):
    d = daemon(config(ROWS, trusted_proxies="127.0.0.1"))
    fields = [("Host", "backend"), ("X-Forwarded-Host", "example.org")]
    assert d.get("/", fields=fields).text == "hello\n"
    with client.Connection(d.address, source="127.0.0.2") as c:
        assert c.call("GET", "/", fields=fields).text.startswith("{")


def test_mistakes_are_found_at_the_start(build, tmp_path):
    (tmp_path / "weir.yaml").write_text(config([("example.org", "/", "hello"), ("Example.Org.", "/", "show")])
                                        .replace("{address}", "127.0.0.1:1").replace("{build}", str(build)))
    done = daemon_module.run(tmp_path, ["-t", "-c", "weir.yaml"])
    assert done.code == 78
    assert 'path: "/" is already there in line' in done.stderr


# Over TLS a host is served only where its certificate was shown (RFC 9110, section 7.4).

@pytest.fixture(scope="module")
def secure(shared_daemon, tmp_path_factory):
    ca = tls.Authority(tmp_path_factory.mktemp("certificates"))
    ca.issue("one", ["example.org", "www.example.org"])
    ca.issue("two", ["other.test"])
    pairs = ", ".join(f"{{certificate: {ca.dir}/{name}.pem, key: {ca.dir}/{name}-key.pem}}" for name in ("one", "two"))
    listen = f'{{address: "{{address}}", tls: {{certificates: [{pairs}]}}}}'
    rows = [(host, "/", "hello") for host in ("example.org", "www.example.org", "other.test")]
    return shared_daemon(config(rows, listen, workers=2)), ca


def status(secure, shown, host, context=None, session=None):
    """Asked over a connection to one name for another."""
    d, ca = secure
    with tls.connect(d.address, context or ca.client(), host=shown, session=session) as c:
        return c.call("GET", "/", fields=[("Host", host)]).status


@pytest.mark.parametrize("shown, host, expected", [
    ("example.org", "example.org", 200), ("example.org", "EXAMPLE.ORG:443", 200), ("example.org", "example.org.", 200),
    ("example.org", "www.example.org", 200),  # the same certificate is for both
    ("example.org", "other.test", 421), ("other.test", "example.org", 421), ("other.test", "other.test", 200),
])
def test_the_certificate_shown_has_to_be_the_hosts(secure, shown, host, expected):
    assert status(secure, shown, host) == expected


def test_a_resumed_connection_has_shown_it_too(secure):
    d, ca = secure
    context = ca.client()
    with tls.connect(d.address, context, host="other.test") as c:
        assert c.call("GET", "/", fields=[("Host", "other.test")]).status == 200
        session = c.sock.session
    assert status(secure, "other.test", "other.test", context, session) == 200
    assert status(secure, "other.test", "example.org", context, session) == 421
