"""Proxies in front: whose word counts, in header fields and in the PROXY protocol."""
import socket
import struct

import pytest

import client
import routes
import tls

TRUSTED, STRANGER = "127.0.0.1", "127.0.0.2"
GET = b"GET /show HTTP/1.1\r\nHost: example.org\r\n\r\n"


@pytest.fixture(scope="module")
def d(shared_daemon):
    return shared_daemon(routes.config(workers=1, trusted_proxies='[127.0.0.1, "10.0.0.0/8", "unix:"]').replace(
        'listen: [{address: "{address}"}]', 'listen: [{address: "{address}"}, {address: "unix:{dir}/http.sock"}]'))


def shown(response):
    """What /show tells of the scope."""
    assert response.status == 200, response
    return dict(line.partition("=")[::2] for line in response.text.splitlines() if "=" in line)


def ask(d, fields, source=TRUSTED, target="/show"):
    with client.Connection(d.address, source=source) as c:
        return c.call("GET", target, fields=fields)


FORWARDED = [("X-Forwarded-For", "6.6.6.6, 203.0.113.9, 10.0.0.2"), ("X-Forwarded-Proto", "https"),
             ("X-Forwarded-Host", "shop.example.org")]


def test_a_trusted_proxy_is_believed(d):
    scope = shown(ask(d, FORWARDED))
    assert (scope["client"], scope["scheme"], scope["host"]) == ("203.0.113.9:0", "https", "shop.example.org")
    d.wait_access(r'^203\.0\.113\.9 - - .*"GET /show ')


def test_a_stranger_is_not(d):
    response = ask(d, FORWARDED, source=STRANGER)
    scope = shown(response)
    assert scope["client"].startswith("127.0.0.2:")
    assert scope["scheme"] == "http" and scope["host"] != "shop.example.org"
    # But the handler sees what came.
    assert "x-forwarded-for: 6.6.6.6, 203.0.113.9, 10.0.0.2" in response.text.splitlines()
    d.wait_access(r'^127\.0\.0\.2 - - .*"GET /show ')


def test_what_was_said_of_one_request_is_not_of_the_next(d):
    with client.Connection(d.address) as c:
        assert shown(c.call("GET", "/show", fields=FORWARDED))["client"] == "203.0.113.9:0"
        scope = shown(c.call("GET", "/show"))
    assert scope["client"].startswith("127.0.0.1:") and scope["scheme"] == "http"


def test_over_a_unix_socket(d):
    with client.Connection(d.dir / "http.sock") as c:
        assert shown(c.call("GET", "/show", fields=FORWARDED))["client"] == "203.0.113.9:0"


def test_ipv6_and_hidden_clients(d):
    assert shown(ask(d, [("X-Forwarded-For", "2001:db8::7")]))["client"] == "[2001:db8::7]:0"
    assert shown(ask(d, [("X-Forwarded-For", "unknown")]))["client"] == "unknown"
    d.wait_access("^unknown - - ")


def test_nonsense_of_a_trusted_proxy_is_refused_and_of_a_stranger_nothing_to_us(d):
    nonsense = [("X-Forwarded-For", "203.0.113.9, <script>")]
    after = d.mark()
    assert ask(d, nonsense).status == 400
    d.wait_log("127.0.0.1:[0-9]+: refused with 400 forwarded", after=after)
    assert ask(d, nonsense, source=STRANGER).status == 200


def test_the_other_kind_of_field_counts_only_where_the_configuration_says_so(d, daemon):
    field = [("Forwarded", 'for="[2001:db8::7]:4711";proto=https;host=a.test')]
    assert shown(ask(d, field))["client"].startswith("127.0.0.1:")
    other = daemon(routes.config(trusted_proxies="127.0.0.1", forwarded="forwarded"))
    scope = shown(ask(other, field + FORWARDED))
    assert (scope["client"], scope["scheme"], scope["host"]) == ("[2001:db8::7]:4711", "https", "a.test")
    assert ask(other, [("Forwarded", 'for="6.6.6.6, for=203.0.113.9')]).status == 400


def test_a_proxy_that_takes_tls_off_is_not_redirected(daemon):
    d = daemon(routes.config(trusted_proxies="127.0.0.1", redirect_https=443, hsts="1h"))
    assert ask(d, [("X-Forwarded-Proto", "http")]).status == 308
    response = ask(d, [("X-Forwarded-Proto", "https")])
    assert response.status == 200 and response["strict-transport-security"] == "max-age=3600"
    assert ask(d, [("X-Forwarded-Proto", "https")], source=STRANGER).status == 308


# The PROXY protocol.

def v2(command=1, family=0x11, payload=b""):
    return b"\r\n\r\n\0\r\nQUIT\n" + struct.pack("!BBH", 0x20 | command, family, len(payload)) + payload


V1 = b"PROXY TCP4 203.0.113.9 198.51.100.1 4711 80\r\n"
FOUR = socket.inet_pton(socket.AF_INET, "203.0.113.9") + socket.inet_pton(socket.AF_INET, "198.51.100.1") + \
    struct.pack("!HH", 4711, 80)
SIX = socket.inet_pton(socket.AF_INET6, "2001:db8::9") + socket.inet_pton(socket.AF_INET6, "2001:db8::1") + \
    struct.pack("!HH", 4711, 80)
UNIX = b"/run/client".ljust(108, b"\0") + b"/run/server".ljust(108, b"\0")


@pytest.fixture(scope="module")
def p(shared_daemon):
    return shared_daemon(routes.config(handshake_timeout="2s").replace(
        '{address: "{address}"}', '{address: "{address}", proxy_protocol: true}'))


@pytest.mark.parametrize("header, names", [
    (V1, ("203.0.113.9:4711", "198.51.100.1:80")),
    (b"PROXY TCP6 2001:db8::9 2001:db8::1 4711 80\r\n", ("[2001:db8::9]:4711", "[2001:db8::1]:80")),
    (v2(payload=FOUR), ("203.0.113.9:4711", "198.51.100.1:80")),
    (v2(payload=FOUR + b"\x04\0\x02hi"), ("203.0.113.9:4711", "198.51.100.1:80")),
    (v2(family=0x21, payload=SIX), ("[2001:db8::9]:4711", "[2001:db8::1]:80")),
    (v2(family=0x31, payload=UNIX), ("unix:/run/client", "unix:/run/server")),
])
def test_who_the_client_is(p, header, names):
    with p.connect() as c:
        c.send(header + GET)
        scope = shown(c.response())
        assert (scope["client"], scope["server"]) == names
        assert shown(c.call("GET", "/show"))["client"] == names[0]  # for as long as it lasts


@pytest.mark.parametrize("header", [b"PROXY UNKNOWN\r\n", v2(command=0, family=0), v2(command=0, payload=FOUR)])
def test_a_proxy_may_ask_for_itself(p, header):
    with p.connect() as c:
        c.send(header + GET)
        assert shown(c.response())["client"].startswith("127.0.0.1:")


def test_a_header_may_come_in_pieces(p):
    header = v2(payload=FOUR)
    with p.connect() as c:
        for i in range(len(header)):
            c.send(header[i:i + 1])
        c.send(GET)
        assert shown(c.response())["client"] == "203.0.113.9:4711"


@pytest.mark.parametrize("bytes_, words", [
    (GET, "it does not begin with a PROXY header"),
    (b"PROXY TCP4 1.2.3 5.6.7.8 1 2\r\n", "its PROXY line has malformed addresses"),
    (v2(payload=FOUR + b"\x03\0\x04\0\0\0\0"), "the checksum of its PROXY header is wrong"),
    (v2(payload=FOUR + b"\x04\0\x20"), "a TLV of its PROXY header goes beyond it"),
])
def test_what_is_no_header_closes_the_connection(p, bytes_, words):
    after = p.mark()
    with p.connect() as c:
        c.send(bytes_)
        try:
            assert c.sock.recv(1) == b""
        except ConnectionResetError:
            pass
    p.wait_log(rf"127\.0\.0\.1:\d+: closed: {words}", after=after)


def test_a_header_has_to_come_in_time(p):
    after = p.mark()
    with p.connect() as c:
        c.send(b"PROXY TCP4")
        assert c.sock.recv(1) == b""
    p.wait_log("closed: its PROXY header did not come in time", after=after)


def test_only_trusted_proxies_are_listened_to_if_there_are_any(daemon):
    d = daemon(routes.config(trusted_proxies="127.0.0.1").replace(
        '{address: "{address}"}', '{address: "{address}", proxy_protocol: true}'))
    with client.Connection(d.address, source=STRANGER) as c:
        assert c.sock.recv(1) == b""
    d.wait_log(r"127\.0\.0\.2:\d+: closed: it is none of trusted_proxies")
    with d.connect() as c:
        c.send(V1 + GET)
        assert shown(c.response())["client"] == "203.0.113.9:4711"


def test_tls_behind_a_proxy(daemon, tmp_path):
    ca = tls.Authority(tmp_path)
    certificate, key = ca.issue("server")
    d = daemon(routes.config().replace(
        'address: "{address}"',
        f'address: "{{address}}", proxy_protocol: true, tls: {{certificate: {certificate}, key: {key}}}'))
    with d.connect() as c:
        c.send(v2(payload=FOUR))
        c.sock = ca.client().wrap_socket(c.sock, server_hostname="localhost")
        scope = shown(c.call("GET", "/show"))
    assert (scope["client"], scope["scheme"]) == ("203.0.113.9:4711", "https")
