"""TLS: who is served, with which certificate, and what the bytes may do on their way."""
import re
import socket
import ssl

import pytest

import routes
import tls
import websocket
from routes import wait_gate

REQUEST = b"GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    authority = tls.Authority(tmp_path_factory.mktemp("certificates"))
    authority.issue("server", ["localhost", "*.example.org"])
    authority.issue("rsa", ["localhost", "*.example.org"], key="rsa")
    authority.issue("other", ["other.example.org", "other.test"])
    authority.issue("client", ["client"], subject="/O=Shop/CN=alice")
    return authority


def config(ca, more="", **options):
    """The whole site behind TLS."""
    text = routes.config(**options)
    pair = f"certificate: {ca.dir}/server.pem, key: {ca.dir}/server-key.pem"
    return text.replace('address: "{address}"', f'address: "{{address}}", tls: {{{pair}{more}}}')


@pytest.fixture(scope="module")
def d(shared_daemon, ca):
    return shared_daemon(config(ca, workers=2))


def test_serves_the_same_over_tls(d, ca):
    with tls.connect(d.address, ca.client()) as c:
        assert c.sock.version() == "TLSv1.3"
        assert c.sock.selected_alpn_protocol() == "http/1.1"
        assert c.call("GET", "/hello").text == "hello\n"
        shown = c.call("GET", "/show").text
    assert "scheme=https" in shown.splitlines()
    assert "tls TLSv1.3" in shown


def test_tls_1_2_is_served_too(d, ca):
    with tls.connect(d.address, ca.client(version=ssl.TLSVersion.TLSv1_2)) as c:
        assert c.sock.version() == "TLSv1.2"
        assert c.call("GET", "/hello").status == 200


def test_older_versions_are_refused(d, ca):
    context = ca.client(version=ssl.TLSVersion.TLSv1_1)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises(ssl.SSLError):
        tls.connect(d.address, context)
    d.wait_log("TLS handshake failed: unsupported protocol")


def test_1_2_is_refused_where_the_configuration_says_so(daemon, ca):
    d = daemon(config(ca, ", min_version: TLSv1.3"))
    with pytest.raises(ssl.SSLError):
        tls.connect(d.address, ca.client(version=ssl.TLSVersion.TLSv1_2))
    with tls.connect(d.address, ca.client()) as c:
        assert c.call("GET", "/hello").status == 200


def test_ciphers_of_both_versions_are_those_of_the_configuration(daemon, ca):
    d = daemon(config(ca, ", ciphers: ECDHE-ECDSA-CHACHA20-POLY1305, ciphersuites: TLS_AES_256_GCM_SHA384"))
    with tls.connect(d.address, ca.client(version=ssl.TLSVersion.TLSv1_2)) as c:
        assert c.sock.cipher()[0] == "ECDHE-ECDSA-CHACHA20-POLY1305"
    with tls.connect(d.address, ca.client()) as c:
        assert c.sock.cipher()[0] == "TLS_AES_256_GCM_SHA384"


@pytest.mark.parametrize("wants, gets", [
    ("ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256"),
    ("ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"),
])
def test_the_servers_order_of_ciphers_counts_but_for_clients_without_aes(d, ca, wants, gets):
    context = ca.client(version=ssl.TLSVersion.TLSv1_2)
    context.set_ciphers(wants)
    with tls.connect(d.address, context) as c:
        assert c.sock.cipher()[0] == gets


# Names and protocols.

def subject_of(d, context, host):
    with tls.connect(d.address, context, host=host) as c:
        certificate = c.sock.getpeercert()
        return {name for _, name in certificate["subjectAltName"]}


def several(ca, *names):
    pairs = ", ".join(f"{{certificate: {ca.dir}/{name}.pem, key: {ca.dir}/{name}-key.pem}}" for name in names)
    return routes.config().replace('address: "{address}"',
                                   f'address: "{{address}}", tls: {{certificates: [{pairs}]}}')


def test_the_name_that_is_asked_for_chooses_the_certificate(daemon, ca):
    d = daemon(several(ca, "server", "other"))
    context = ca.client()
    assert "localhost" in subject_of(d, context, "localhost")
    assert "localhost" in subject_of(d, context, "shop.example.org")
    assert "other.test" in subject_of(d, context, "other.example.org")
    assert "other.test" in subject_of(d, context, "OTHER.test")
    context.check_hostname = False
    assert "localhost" in subject_of(d, context, "nobody.test")
    assert "localhost" in subject_of(d, context, "a.b.example.org")


def test_two_keys_for_one_name_serve_each_client_with_what_it_knows(daemon, ca):
    d = daemon(several(ca, "server", "rsa"))
    for cipher in "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256":
        context = ca.client(version=ssl.TLSVersion.TLSv1_2)
        context.set_ciphers(cipher)
        with tls.connect(d.address, context) as c:
            assert c.sock.cipher()[0] == cipher


def test_of_the_protocols_a_client_offers_ours_is_taken(d, ca):
    with tls.connect(d.address, ca.client(alpn=("h2", "http/1.1"))) as c:
        assert c.sock.selected_alpn_protocol() == "http/1.1"
    with tls.connect(d.address, ca.client(alpn=None)) as c:
        assert c.sock.selected_alpn_protocol() is None
        assert c.call("GET", "/hello").status == 200


def test_a_client_that_offers_only_other_protocols_is_refused(d, ca):
    mark = d.mark()
    with pytest.raises(ssl.SSLError):
        tls.connect(d.address, ca.client(alpn=("h2",)))
    d.wait_log("TLS handshake failed: no application protocol", after=mark)


def test_an_absolute_target_must_have_the_scheme_of_the_connection(d, ca):
    with tls.connect(d.address, ca.client()) as c:
        assert c.call("GET", "https://localhost/hello").status == 200
        assert c.call("GET", "https://localhost:443/hello").status == 200
        assert c.call("GET", "http://localhost/hello").status == 421


# Sessions.

def resume(d, context, version, saved):
    with tls.connect(d.address, context, session=saved) as c:
        assert c.sock.version() == version
        assert c.call("GET", "/hello").status == 200
        return c.sock.session_reused, c.sock.session


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_a_session_is_resumed_by_every_worker(d, ca, version):
    context = ca.client(version=ssl.TLSVersion[version])
    named = version.replace("_", ".")
    reused, saved = resume(d, context, named, None)
    assert not reused
    for _ in range(20):
        reused, saved = resume(d, context, named, saved)
        assert reused


def test_without_tickets_nothing_is_resumed(daemon, ca):
    d = daemon(config(ca, ", tickets: false"))
    for version in ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3:
        context = ca.client(version=version)
        _, saved = resume(d, context, version.name.replace("_", "."), None)
        reused, _ = resume(d, context, version.name.replace("_", "."), saved)
        assert not reused


# Clients with certificates.

def refused(d, context):
    """A client learns of it with its first read only, in TLS 1.3."""
    with pytest.raises((ssl.SSLError, ConnectionResetError)):
        with tls.connect(d.address, context) as c:
            c.call("GET", "/hello")


@pytest.fixture(scope="module")
def strict(shared_daemon, ca):
    return shared_daemon(config(ca, f", verify: require, client_ca: {ca.file}"))


def test_who_has_no_certificate_is_refused_where_one_is_required(strict, ca):
    refused(strict, ca.client())
    strict.wait_log("TLS handshake failed: peer did not return a certificate")


def test_a_clients_certificate_is_in_the_scope(strict, ca):
    context = ca.client((ca.dir / "client.pem", ca.dir / "client-key.pem"))
    with tls.connect(strict.address, context) as c:
        text = c.call("GET", "/show").text
    assert "client CN=alice,O=Shop" in text
    assert (ca.dir / "client.pem").read_text().strip().splitlines()[1] in text


def test_a_certificate_that_somebody_else_has_signed_is_refused(strict, ca, tmp_path):
    other = tls.Authority(tmp_path, "stranger")
    other.issue("mallory", ["client"], subject="/CN=alice")
    refused(strict, ca.client((tmp_path / "mallory.pem", tmp_path / "mallory-key.pem")))
    strict.wait_log("TLS handshake failed: unable to get local issuer certificate|certificate signature")


def test_an_expired_certificate_of_a_client_is_refused(strict, ca):
    if not (ca.dir / "old.pem").exists():
        issue_expired(ca, "old", subject="/CN=alice")
    refused(strict, ca.client((ca.dir / "old.pem", ca.dir / "old-key.pem")))
    strict.wait_log("TLS handshake failed: certificate has expired")


def issue_expired(ca, name, **options):
    """openssl x509 takes no dates before 3.4: a negative number of days does."""
    return ca.issue(name, dates=("-days", "-1"), **options)


def test_a_certificate_is_optional_where_the_configuration_says_so(daemon, ca):
    d = daemon(config(ca, f", verify: optional, client_ca: {ca.file}"))
    with tls.connect(d.address, ca.client()) as c:
        text = c.call("GET", "/show").text
        assert "tls TLSv1.3" in text and "client " not in text
    with tls.connect(d.address, ca.client((ca.dir / "client.pem", ca.dir / "client-key.pem"))) as c:
        assert "client CN=alice" in c.call("GET", "/show").text


def test_a_ticket_does_not_bring_a_client_past_the_certificate(daemon, ca):
    """Both ports have the same keys for tickets."""
    text = config(ca, f", verify: require, client_ca: {ca.file}")
    lax = f"{{address: \"unix:{{dir}}/lax\", tls: {{certificate: {ca.dir}/server.pem, key: {ca.dir}/server-key.pem}}}}"
    d = daemon(text.replace("listen: [", f"listen: [{lax}, "))
    context = ca.client()
    with tls.connect(d.dir / "lax", context) as c:
        assert c.call("GET", "/hello").status == 200
        saved = c.sock.session
    with pytest.raises((ssl.SSLError, ConnectionResetError)):
        with tls.connect(d.address, context, session=saved) as c:
            assert not c.sock.session_reused
            c.call("GET", "/hello")


# What is no TLS.

def test_plain_http_is_told_what_is_wrong(d):
    mark = d.mark()
    with d.connect() as c:
        response = c.call("GET", "/hello")
        assert response.status == 400
        assert "plain HTTP on a port for HTTPS" in response.text
        c.assert_closed()
    d.wait_log("refused with 400 plain-on-tls", after=mark)


def test_noise_is_closed_and_logged_once(d):
    mark = d.mark()
    with d.connect() as c:
        c.send(b"\x00\x01\x02" * 100)
        with pytest.raises((ConnectionResetError, AssertionError)):
            c.assert_closed()
            raise ConnectionResetError
    d.wait_log("TLS handshake failed: what the client sends is no TLS", after=mark)
    with d.connect() as c:
        c.send(b"\x16\x03\x01\x00\x05hello")
        c.rest()
    d.wait_log("TLS handshake failed: ", 2, after=mark)
    assert len(re.findall("handshake failed", "\n".join(d.err.lines[mark:]))) == 2


def test_a_handshake_must_be_over_in_time(daemon, ca):
    d = daemon(config(ca, handshake_timeout="300ms"))
    with d.connect() as c:
        c.assert_closed()
    d.wait_log("TLS handshake failed: nothing came in time")
    with d.connect() as c:
        c.send(b"\x16\x03\x01\x02\x00\x01")
        c.rest()
    d.wait_log("TLS handshake failed: it took too long")


def test_a_port_that_is_only_looked_at_says_nothing(d, ca):
    mark = d.mark()
    with d.connect():
        pass
    with tls.connect(d.address, ca.client()) as c:
        assert c.call("GET", "/hello").status == 200
    assert not [line for line in d.err.lines[mark:] if "TLS" in line]


# Bytes.

def test_a_handshake_and_a_request_byte_by_byte(d, ca):
    with tls.ByHand(d.address, ca.client()) as c:
        c.handshake(size=1)
        c.send(REQUEST, size=1)
        assert c.read().startswith(b"HTTP/1.1 200")


def test_a_request_with_the_last_flight_of_the_handshake(d, ca):
    with tls.ByHand(d.address, ca.client(version=ssl.TLSVersion.TLSv1_3)) as c:
        flush, c.flush = c.flush, lambda size=None: None
        try:
            c.tls.do_handshake()
        except ssl.SSLWantReadError:
            flush()
        c.incoming.write(c.sock.recv(65536))
        while True:
            try:
                c.tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                c.incoming.write(c.sock.recv(65536))
        c.tls.write(REQUEST)
        c.flush = flush
        c.flush()
        assert c.read().startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("size", [16000, 16344, 16345, 16384, 16385, 40000, 100000])
def test_what_came_with_other_bytes_is_not_forgotten(d, ca, size):
    """The socket is silent behind them: only OpenSSL has the rest."""
    body = bytes(range(256)) * (size // 256 + 1)
    head = f"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: {size}\r\n\r\n".encode()
    with tls.connect(d.address, ca.client()) as c:
        c.send(head + body[:size])
        assert c.response("POST").body == body[:size]
        c.send(head)
        c.send(body[:size])
        assert c.response("POST").body == body[:size]


def test_requests_in_one_record_are_all_answered(d, ca):
    with tls.connect(d.address, ca.client()) as c:
        c.send(REQUEST * 300)
        for _ in range(300):
            assert c.response().status == 200


def test_large_bodies_both_ways(d, ca):
    body = bytes(range(251)) * 40000
    with tls.connect(d.address, ca.client()) as c:
        head = f"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
        c.send_and_take(head.encode() + body)
        assert c.response("POST").body == body


def test_chunks_come_as_they_are_sent(d, ca):
    with tls.connect(d.address, ca.client()) as c:
        c.send("POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
        sent = b""
        for i in range(20):
            part = b"%d," % i * 100
            c.send(b"%x\r\n%s\r\n" % (len(part), part))
            sent += part
        c.send("0\r\n\r\n")
        assert c.response("POST").body == sent


@pytest.mark.parametrize("ktls", ["false", "true"])
def test_a_file_is_sent_whole(daemon, ca, ktls):
    """With ktls by the kernel, if it can; else as without."""
    d = daemon(config(ca, f", ktls: {ktls}"))
    content = bytes(i % 251 for i in range(300 * 1024))
    with tls.connect(d.address, ca.client()) as c:
        assert c.call("GET", "/file?promise=1").body == content
        assert c.call("GET", "/file").body == content
        assert c.call("GET", "/file?offset=1000&len=70000").body == content[1000:71000]
        assert c.call("GET", "/hello").status == 200


def test_a_reader_that_is_slow_gets_everything(d, ca):
    with tls.connect(d.address, ca.client()) as c:
        # Far more than both kernels take; windows smaller than one of loopback's segments would take a minute.
        c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        c.request("GET", "/stream?n=4000&size=10000")
        assert len(c.response().body) == 4000 * 10000


# Ends.

def test_a_half_close_by_close_notify_is_one(d, ca):
    with tls.ByHand(d.address, ca.client()) as c:
        c.handshake()
        c.send(b"POST /body/finish HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello")
        c.end()
        assert b"hello" in c.rest()


def test_close_notify_means_gone_where_a_fin_would(d, ca):
    mark = d.mark()
    with tls.ByHand(d.address, ca.client()) as c:
        c.handshake()
        c.send(b"GET /hold/1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        wait_gate(d, 1, after=mark)
        c.end()
        d.wait_log("hold ended with ECANCELED", after=mark)


def test_an_end_without_close_notify_is_a_loss_even_where_half_closing_is_fine(d, ca):
    mark = d.mark()
    with tls.ByHand(d.address, ca.client()) as c:
        c.handshake()
        c.send(b"GET /hold/2/finish HTTP/1.1\r\nHost: localhost\r\n\r\n")
        wait_gate(d, 2, after=mark)
        c.sock.shutdown(1)
        d.wait_log("hold ended with ECANCELED", after=mark)


def test_our_end_is_said(d, ca):
    with tls.ByHand(d.address, ca.client()) as c:
        c.handshake()
        c.send(b"GET /hello HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert c.rest().endswith(b"hello\n")  # rest() fails without a close_notify


def test_an_answer_that_breaks_off_has_no_proper_end(d, ca):
    with tls.ByHand(d.address, ca.client()) as c:
        c.handshake()
        c.send(b"GET /fail-midway/error HTTP/1.0\r\nHost: localhost\r\n\r\n")
        with pytest.raises((ssl.SSLError, ConnectionResetError)):
            c.rest()


# WebSockets.

WS = """
routes:
  - {path: /ws/echo, websocket: true, handler: wsecho.echo}
  - {path: /ws/message-echo, websocket: true, handler: wsecho.message_echo}
"""


@pytest.fixture(scope="module")
def ws(shared_daemon, ca):
    text = config(ca)
    text = text.replace("modules: [", "modules: [{path: wsecho.so}, ")
    return shared_daemon(text[:text.index("routes:")] + WS.lstrip())


@pytest.mark.parametrize("target", ["/ws/echo", "/ws/message-echo"])
def test_websockets_over_tls(ws, ca, target):
    origin = [("Origin", "https://localhost")]
    with tls.session(ws.address, ca.client(), target, fields=origin) as s:
        for size in 1, 125, 16384, 70000, 900000:
            data = b"x" * size
            s.send(websocket.frame(data))
            assert s.message() == (websocket.TEXT, data)
        s.send(*[websocket.frame(b"%d" % i) for i in range(2000)])
        for i in range(2000):
            assert s.message() == (websocket.TEXT, b"%d" % i)
        s.close_and_wait()


def test_a_page_without_tls_may_not_open_one_with(ws, ca):
    with tls.connect(ws.address, ca.client()) as c:
        c.send(websocket.request("/ws/echo", [("Origin", "http://localhost")]))
        assert c.response().status == 403
