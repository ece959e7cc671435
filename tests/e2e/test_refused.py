"""What is refused, not repaired: each row of the table, in one piece, byte by byte, and cut in
two at every place; alone, and behind a good request whose answer must still arrive.

A connection that gets its bytes in parts must get them apart: between the parts every worker, of
which there is one, answers somebody else.
"""
import collections
import re
import socket
import time

import daemon as daemon_module
import pytest
import routes

HOST = "Host: localhost\r\n"
GOOD = f"GET /hello HTTP/1.1\r\n{HOST}\r\n".encode()

Case = collections.namedtuple("Case", "name data status fault")


def line(name, data, status=400, fault=None):
    """A request line, or what stands for it; the rest of the head is sound."""
    return Case(name, f"{data}{HOST}\r\n".encode("latin-1"), status, fault)


def field(name, data, status=400, fault=None, version="1.1", host=HOST, method="GET", target="/hello"):
    return Case(name, f"{method} {target} HTTP/{version}\r\n{host}{data}\r\n".encode("latin-1"), status, fault)


def chunks(name, data, status=400, fault=None):
    head = f"POST /body HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n"
    return Case(name, (head + data).encode("latin-1"), status, fault)


LINE_ENDS = [
    line("lf-after-the-request-line", "GET /hello HTTP/1.1\n", fault="bare-lf"),
    field("lf-after-a-field", "X: y\n", fault="bare-lf"),
    field("lf-after-the-last-field", "X: y\n\r\n", fault="bare-lf"),
    Case("lf-for-the-empty-line", f"GET /hello HTTP/1.1\r\n{HOST}\n".encode(), 400, "bare-lf"),
    Case("lf-everywhere", b"GET /hello HTTP/1.1\nHost: localhost\n\n", 400, "bare-lf"),
    line("lf-before-the-request-line", "\nGET /hello HTTP/1.1\r\n", fault="bare-lf"),
    line("cr-before-the-request-line", "\rGET /hello HTTP/1.1\r\n", fault="bare-cr"),
    line("crlf-twice-before-the-request-line", "\r\n\r\nGET /hello HTTP/1.1\r\n", fault="request-line"),
    line("cr-in-the-target", "GET /he\rllo HTTP/1.1\r\n", fault="bare-cr"),
    line("cr-cr-lf-after-the-request-line", "GET /hello HTTP/1.1\r\r\n", fault="bare-cr"),
    field("cr-in-a-value", "X: a\rb\r\n", fault="bare-cr"),
    field("cr-in-a-name", "X\rY: b\r\n", fault="bare-cr"),
    field("cr-cr-lf-after-a-field", "X: y\r\r\n", fault="bare-cr"),
    field("cr-before-the-empty-line", "\r\r\n", fault="bare-cr"),
    chunks("lf-after-a-chunk-size", "1\na\r\n0\r\n\r\n", fault="bare-lf"),
    chunks("lf-after-a-chunk", "1\r\na\n0\r\n\r\n", fault="chunk-end"),
    chunks("lf-after-the-last-chunk", "1\r\na\r\n0\n\r\n", fault="bare-lf"),
    chunks("lf-for-the-empty-line-of-trailers", "1\r\na\r\n0\r\n\n", fault="bare-lf"),
    chunks("lf-after-a-trailer", "0\r\nT: v\n\r\n", fault="bare-lf"),
    chunks("cr-after-a-chunk-size", "1\ra\r\n0\r\n\r\n", fault="bare-cr"),
    chunks("cr-in-a-trailer", "0\r\nT: a\rb\r\n\r\n", fault="bare-cr"),
    chunks("cr-in-a-chunk-extension", "1;a=\rb\r\na\r\n0\r\n\r\n", fault="chunk-ext"),
]

SHAPES = [
    field("a-fold-with-a-space", "X: a\r\n b\r\n", fault="obs-fold"),
    field("a-fold-with-a-tab", "X: a\r\n\tb\r\n", fault="obs-fold"),
    field("a-fold-as-the-first-field", " X: a\r\n", fault="obs-fold", host=""),
    field("a-fold-of-nothing", "X: a\r\n \r\n", fault="obs-fold"),
    field("an-empty-name", ": v\r\n", fault="field-name"),
    field("a-space-before-the-colon", "X : v\r\n", fault="field-name"),
    field("a-tab-before-the-colon", "X\t: v\r\n", fault="field-name"),
    field("no-colon", "nothing\r\n", fault="field-name"),
    field("a-space-in-a-name", "X Y: v\r\n", fault="field-name"),
    field("brackets-in-a-name", "X[0]: v\r\n", fault="field-name"),
    field("eight-bits-in-a-name", "X\xe9: v\r\n", fault="field-name"),
    field("nul-in-a-value", "X: a\0b\r\n", fault="control-byte"),
    field("nul-in-a-name", "X\0: b\r\n", fault="control-byte"),
    field("escape-in-a-value", "X: \x1b[2J\r\n", fault="control-byte"),
    field("delete-in-a-value", "X: \x7f\r\n", fault="control-byte"),
    line("nul-in-the-target", "GET /hel\0lo HTTP/1.1\r\n", fault="control-byte"),
    line("nul-before-everything", "\0GET /hello HTTP/1.1\r\n", fault="control-byte"),
    chunks("a-fold-in-trailers", "0\r\nT: a\r\n b\r\n\r\n", fault="obs-fold"),
    chunks("an-empty-name-in-trailers", "0\r\n: b\r\n\r\n", fault="field-name"),
    chunks("a-space-before-the-colon-in-trailers", "0\r\nT : b\r\n\r\n", fault="field-name"),
    chunks("nul-in-trailers", "0\r\nT: \0\r\n\r\n", fault="control-byte"),
    chunks("framing-in-trailers", "0\r\nContent-Length: 5\r\n\r\n", fault="trailer"),
    chunks("host-in-trailers", "0\r\nHost: other\r\n\r\n", fault="trailer"),
]

HOSTS = [
    field("no-host", "", host="", fault="host-missing"),
    field("two-hosts", "Host: localhost\r\n", fault="host-twice"),
    field("two-hosts-that-differ", "hOST: other\r\n", fault="host-twice"),
    field("an-empty-host", "Host:\r\n", host="", fault="host-invalid"),
    field("a-host-with-a-space", "Host: a b\r\n", host="", fault="host-invalid"),
    field("a-host-with-a-path", "Host: a/b\r\n", host="", fault="host-invalid"),
    field("a-host-with-a-user", "Host: me@a\r\n", host="", fault="host-invalid"),
    field("a-host-with-a-bad-port", "Host: a:http\r\n", host="", fault="host-invalid"),
    field("a-host-with-a-large-port", "Host: a:65536\r\n", host="", fault="host-invalid"),
    field("half-an-ipv6-host", "Host: [::1\r\n", host="", fault="host-invalid"),
    field("a-list-of-hosts", "Host: a, b\r\n", host="", fault="host-invalid"),
    field("two-hosts-on-1.0", "Host: localhost\r\n", version="1.0", fault="host-twice"),
    field("a-bad-host-on-1.0", "Host: a b\r\n", host="", version="1.0", fault="host-invalid"),
    field("an-authority-that-is-not-the-host", "", target="http://other/hello", fault="host-mismatch"),
    field("https-without-tls", "", 421, target="https://localhost/hello", fault="misdirected"),
    field("absolute-form-without-a-host", "", target="http://localhost/hello", host="", fault="host-missing"),
]

FRAMING = [
    field("an-unknown-coding", "Transfer-Encoding: gzip\r\n", 501, "te-unknown"),
    field("an-unknown-coding-before-chunked", "Transfer-Encoding: gzip, chunked\r\n", 501, "te-unknown"),
    field("an-unknown-coding-behind-chunked", "Transfer-Encoding: chunked, gzip\r\n", 501, "te-unknown"),
    field("identity", "Transfer-Encoding: identity\r\n", 501, "te-unknown"),
    field("nearly-chunked", "Transfer-Encoding: xchunked\r\n", 501, "te-unknown"),
    field("chunked-twice", "Transfer-Encoding: chunked, chunked\r\n", fault="te-invalid"),
    field("chunked-in-two-fields", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", fault="te-invalid"),
    field("chunked-with-a-comma", "Transfer-Encoding: chunked,\r\n", fault="te-invalid"),
    field("chunked-with-a-parameter", "Transfer-Encoding: chunked;q=1\r\n", fault="te-invalid"),
    field("chunked-in-quotes", "Transfer-Encoding: \"chunked\"\r\n", fault="te-invalid"),
    field("chunked-with-a-tab", "Transfer-Encoding: chunked\t\r\n", fault="te-invalid"),
    field("no-coding", "Transfer-Encoding:\r\n", fault="te-invalid"),
    field("a-coding-on-1.0", "Transfer-Encoding: chunked\r\n", version="1.0", fault="te-on-1.0"),
    field("length-and-coding", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", fault="te-and-cl"),
    field("coding-and-length", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", fault="te-and-cl"),
    field("no-length-and-coding", "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n", fault="te-and-cl"),
    field("two-lengths", "Content-Length: 5\r\nContent-Length: 5\r\n", fault="cl-twice"),
    field("two-lengths-that-differ", "Content-Length: 5\r\nContent-Length: 6\r\n", fault="cl-twice"),
    *(field(f"length-{i}", f"Content-Length: {value}\r\n", fault="cl-invalid")
      for i, value in enumerate(["", "+5", "-5", "0x5", "5, 5", "5 5", "5_0", "5.0", "five", "\xb2", "5\t", "5;x", "9223372036854775808",
                                 "18446744073709551621", "99999999999999999999999"])),
]

LINES = [
    Case("http-0.9", b"GET /hello\r\n\r\n", 400, "request-line"),
    line("http-0.9-by-name", "GET /hello HTTP/0.9\r\n", fault="request-line"),
    line("rtsp", "GET /hello RTSP/1.0\r\n", fault="request-line"),
    line("ice", "SOURCE /hello ICE/1.0\r\n", fault="request-line"),
    line("lower-case-http", "GET /hello http/1.1\r\n", fault="request-line"),
    line("lower-case-method", "get /hello HTTP/1.1\r\n", fault="request-line"),
    line("mixed-case-method", "Get /hello HTTP/1.1\r\n", fault="request-line"),
    line("two-spaces-behind-the-method", "GET  /hello HTTP/1.1\r\n", fault="request-line"),
    line("two-spaces-behind-the-target", "GET /hello  HTTP/1.1\r\n", fault="request-line"),
    line("a-space-in-the-target", "GET /hel lo HTTP/1.1\r\n", fault="request-line"),
    line("a-space-before-the-method", " GET /hello HTTP/1.1\r\n", fault="request-line"),
    line("a-space-behind-the-version", "GET /hello HTTP/1.1 \r\n", fault="request-line"),
    line("a-tab-for-a-space", "GET\t/hello HTTP/1.1\r\n", fault="request-line"),
    line("no-target", "GET HTTP/1.1\r\n", fault="request-line"),
    line("no-method", "/hello HTTP/1.1\r\n", fault="request-line"),
    line("no-version", "GET /hello HTTP\r\n", fault="request-line"),
    line("half-a-version", "GET /hello HTTP/1\r\n", fault="request-line"),
    line("a-long-version", "GET /hello HTTP/1.10\r\n", fault="request-line"),
    line("a-padded-version", "GET /hello HTTP/01.1\r\n", fault="request-line"),
    *(line(f"target-{i}", f"GET {target} HTTP/1.1\r\n", fault="target")
      for i, target in enumerate(["/a#b", "/a\"b", "/<b", "/a>", "/a\\b", "/\xe9", "hello", "*", "/%", "/%4", "/%zz", "/%00", "/%ff", "?a", "/?%x",
                                  "ftp://localhost/", "http://", "http:///x", "http://me@localhost/"])),
    *(line(f"version-{version}", f"GET /hello HTTP/{version}\r\n", 505, "version")
      for version in ("1.2", "1.9", "2.0", "3.0", "9.9")),
    Case("the-preface-of-http-2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "version"),
    *(line(f"method-{method}", f"{method} /hello HTTP/1.1\r\n", 501, "method")
      for method in ("BREW", "X", "GETX", "GE", "GET-", "PRI", "A!#$%&'*+.^_`|~9")),
    Case("connect", b"CONNECT localhost:80 HTTP/1.1\r\nHost: localhost:80\r\n\r\n", 501, "connect"),
    line("expectation", "GET /hello HTTP/1.1\r\nExpect: 200-ok\r\n", 417, "expectation"),
]

CHUNKS = [
    *(chunks(f"size-{i}", f"{size}\r\na\r\n0\r\n\r\n", fault=fault)
      for i, (size, fault) in enumerate([("", "chunk-size"), ("g", "chunk-size"), ("-1", "chunk-size"), ("+1", "chunk-size"), ("0x1", "chunk-size"),
                                         (" 1", "chunk-size"), ("1 ", "chunk-size"), ("1\t", "chunk-size"), ("1,", "chunk-size"),
                                         ("00000000000000001", "chunk-size"), ("1;", "chunk-ext"), ("1;=x", "chunk-ext"), ("1;a=", "chunk-ext"),
                                         ("1; a", "chunk-ext"), ("1;a =b", "chunk-ext"), ("1;a=b c", "chunk-ext"), ("1;a=\"b", "chunk-ext"),
                                         ("1;a=\"b\\\"\"", "chunk-ext"), ("1;a=\"b\"c", "chunk-ext"), ("1;a\0b", "chunk-ext"), ("1;\xe9", "chunk-ext")])),
    chunks("a-chunk-longer-than-its-size", "1\r\nab\r\n0\r\n\r\n", fault="chunk-end"),
    chunks("a-chunk-shorter-than-its-size", "3\r\nab\r\n0\r\n\r\n", fault="chunk-end"),
    chunks("a-size-beyond-the-limit", "100001\r\na", 413, "body-too-large"),
    chunks("the-largest-size", "ffffffffffffffff\r\na", 413, "body-too-large"),
    chunks("the-largest-signed-size", "7fffffffffffffff\r\na", 413, "body-too-large"),
]

# Too long to be cut everywhere.
LONG = [
    line("a-long-target", f"GET /{'x' * 8192} HTTP/1.1\r\n", 414, "target-too-long"),
    Case("an-endless-target", b"GET /" + b"x" * 40_000, 414, "target-too-long"),
    Case("an-endless-method", b"G" * 40_000, 414, "target-too-long"),
    field("a-long-field", f"X: {'x' * 40_000}\r\n", 431, "fields-too-large"),
    field("many-fields", "".join(f"X-{i}: y\r\n" for i in range(100)), 431, "fields-too-large"),
    field("many-short-fields", "a:\r\n" * 8000, 431, "fields-too-large"),
    chunks("many-extensions", "1;a=\"" + "x" * 5000 + "\"\r\na\r\n0\r\n\r\n", 400, "chunk-ext"),
    chunks("many-chunks-with-extensions", "1;abcdefgh\r\na\r\n" * 600 + "0\r\n\r\n", 400, "chunk-ext"),
    chunks("long-trailers", f"0\r\nT: {'x' * 40_000}\r\n\r\n", 431, "fields-too-large"),
    chunks("many-trailers", "0\r\n" + "".join(f"T-{i}: y\r\n" for i in range(101)) + "\r\n", 431, "fields-too-large"),
]

SHORT = LINE_ENDS + SHAPES + HOSTS + FRAMING + LINES + CHUNKS
ROWS = [pytest.param(case, id=case.name) for case in SHORT]
LONG_ROWS = [pytest.param(case, id=case.name) for case in LONG]


@pytest.fixture(scope="module")
def site(shared_daemon):
    return shared_daemon(routes.config(access_log="off"))


class Many:
    """Connections that go through the same, part by part, and what the log says of each."""

    def __init__(self, d):
        self.d = d
        self.mark = d.mark()
        self.open = []
        self.other = d.connect()

    def connect(self):
        self.open.append(self.d.connect())
        return self.open[-1]

    def read_by_now(self):
        """What was sent before has been read: the worker has answered what came later."""
        assert self.other.call("GET", "/hello").status == 200

    def _logged(self):
        found = collections.defaultdict(list)
        for text in self.d.err.lines[self.mark:]:
            who = re.search(r": (127\.0\.0\.1:\d+): (.*)", text)
            if who:
                found[who[1]].append(who[2])
        return found

    def assert_refused(self, case, is_second=False):
        names = ["%s:%d" % c.sock.getsockname() for c in self.open]
        for c in self.open:
            if is_second:
                r = c.response()
                assert (r.status, r.body, r["connection"]) == (200, b"hello\n", None)
            r = c.response()
            assert (r.status, r["connection"], r["content-type"]) == (case.status, "close", "text/plain; charset=utf-8")
            c.assert_closed()
        logged = daemon_module.wait_until(lambda: (found := self._logged()) and set(names) <= set(found) and found,
                                          self.d.story)
        for name in names:
            assert len(logged[name]) == 1, logged[name]
            assert re.search(rf"\brefused with {case.status} {case.fault or ''}", logged[name][0]), logged[name]

    def close(self):
        self.read_by_now()
        for c in [self.other, *self.open]:
            c.close()


@pytest.fixture
def many(site):
    connections = Many(site)
    yield connections
    connections.close()


@pytest.mark.parametrize("case", ROWS + LONG_ROWS)
def test_in_one_piece(many, case):
    many.connect().send(case.data)
    many.assert_refused(case)


@pytest.mark.parametrize("case", ROWS + LONG_ROWS)
def test_behind_a_good_request(many, case):
    many.connect().send(GOOD + case.data)
    many.assert_refused(case, is_second=True)


@pytest.mark.parametrize("case", ROWS)
def test_byte_by_byte(many, case):
    c = many.connect()
    for i in range(len(case.data)):
        c.send(case.data[i:i + 1])
        many.read_by_now()
    many.assert_refused(case)


def cut(many, case, places, before=b""):
    for at in places:
        many.connect().send(before + case.data[:at])
    many.read_by_now()
    for c, at in zip(many.open, places):
        c.send(case.data[at:])
    many.assert_refused(case, is_second=bool(before))


@pytest.mark.parametrize("case", ROWS)
def test_cut_at_every_place(many, case):
    cut(many, case, range(1, len(case.data)))


@pytest.mark.parametrize("case", ROWS)
def test_cut_at_every_place_behind_a_good_request(many, case):
    cut(many, case, range(len(case.data)), GOOD)


@pytest.mark.parametrize("case", LONG_ROWS)
def test_cut_at_some_places_behind_a_good_request(many, case):
    cut(many, case, range(0, len(case.data), 1021), GOOD)


# A body that came with its head is refused with it, whoever would have read it or not.

@pytest.mark.parametrize("line", ["GET /hello", "POST /hello", "POST /nowhere", "POST /echo", "POST /body/unread", "GET /a/b/c"])
@pytest.mark.parametrize("body", ["g\r\n", "1\r\na\n0\r\n\r\n", "1\r\nab\r\n0\r\n\r\n", "1\r\na\r\n0\n\r\n",
                                  "1\r\na\r\n0\r\nT : v\r\n\r\n", "1\r\na\r\n0\r\nHost: v\r\n\r\n"])
def test_chunks_nobody_asked_for(many, line, body):
    case = Case("", f"{line} HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n{body}".encode(), 400, "")
    many.connect().send(case.data)
    many.assert_refused(case)


# What must not be refused: the same tools, so that the table above does not lean on a server that says no to all.

GOOD_ONES = [
    b"\r\n" + GOOD,
    b"GET /hello HTTP/1.1\r\nHOST:\t localhost:8000 \t\r\n\r\n",
    b"GET /hello HTTP/1.1\r\nHost: [::1]:80\r\nX:\r\nY: \t \r\nZ: \xe9\xff\t!\r\n\r\n",
    b"GET /hello HTTP/1.0\r\n\r\n",
    b"GET http://localhost/hello HTTP/1.1\r\nHost: LOCALHOST:80\r\n\r\n",
    f"POST /body HTTP/1.1\r\n{HOST}content-length: 005 \r\n\r\nhello".encode(),
    f"POST /body HTTP/1.1\r\n{HOST}Transfer-Encoding:  Chunked \r\n\r\n05;a;b=\"c\"\r\nhello\r\n000;z\r\nT: v\r\n\r\n".encode(),
]


@pytest.mark.parametrize("data", GOOD_ONES)
def test_what_is_sound_is_served_however_it_is_cut(many, data):
    for at in range(len(data)):
        many.connect().send(data[:at])
    many.read_by_now()
    for at, c in enumerate(many.open):
        c.send(data[at:])
    for c in many.open:
        r = c.response()
        assert (r.status, r.body.strip()) == (200, b"hello")


# Being heard.

def test_who_still_sends_hears_the_answer_and_no_reset(site):
    with site.connect() as c:
        c.send(f"POST /body HTTP/1.1\r\n{HOST}Content-Length: 5\r\nContent-Length: 5\r\n\r\n")
        c.send(b"x" * 500_000)
        r = c.response()
        assert r.status == 400
        c.send(b"x" * 100_000)
        c.assert_closed()


def test_who_sends_for_ever_is_not_listened_to(site):
    with site.connect() as c:
        c.send(b"nonsense\r\n\r\n")
        assert c.response().status == 400
        with pytest.raises(OSError):
            for _ in range(100_000):
                c.send(b"x" * 65_536)


def test_who_stays_silent_after_an_answer_is_let_go(site):
    with site.connect() as c:
        began = time.monotonic()
        c.send(b"nonsense\r\n\r\n")
        assert c.response().status == 400
        c.assert_closed()
        # Our end is still open: bytes find nobody once the server has given up, after two seconds.
        with pytest.raises(OSError):
            while time.monotonic() - began < 20:
                c.sock.send(b"x")
                time.sleep(0.05)
    assert time.monotonic() - began > 1.9


# Room.

def test_who_finds_no_room_is_told_so(daemon):
    d = daemon(routes.config(max_connections=2))
    with d.connect() as one, d.connect() as two:
        assert one.call("GET", "/hello").status == two.call("GET", "/hello").status == 200
        with d.connect() as three:
            r = three.call("GET", "/hello")
            assert (r.status, r["connection"]) == (503, "close")
            three.assert_closed()
        d.wait_log("refused with 503 overloaded")
        assert one.call("GET", "/hello").status == 200
        two.close()
        daemon_module.wait_until(lambda: d.get("/hello").status == 200, d.story)


def test_a_crowd_at_a_full_door_is_turned_away_and_those_inside_are_served(daemon):
    d = daemon(routes.config(max_connections=2))
    with d.connect() as one, d.connect() as two:
        assert one.call("GET", "/hello").status == two.call("GET", "/hello").status == 200
        crowd = [d.connect() for _ in range(300)]
        for _ in range(20):
            assert one.call("GET", "/hello").status == two.call("GET", "/hello").status == 200
        for c in crowd:
            said = c.rest()
            assert not said or said.startswith(b"HTTP/1.1 503 ")
            c.close()
    daemon_module.wait_until(lambda: d.get("/hello").status == 200, d.story)


# Time.

@pytest.fixture(scope="module")
def hasty(shared_daemon):
    return shared_daemon(routes.config(header_timeout="400ms", body_timeout="400ms", keep_alive="400ms",
                                       send_timeout="600ms", access_log="off"))


def drip(c, data):
    """A byte now and then, until the server speaks or the data is out; so many bytes."""
    c.sock.settimeout(0.05)
    n = 0
    for n in range(1, len(data) + 1):
        c.send(data[n - 1:n])
        try:
            c._more()
            break
        except socket.timeout:
            pass
    c.sock.settimeout(daemon_module.WAIT_S)
    return n


def test_a_head_has_an_absolute_deadline(hasty):
    mark = hasty.mark()
    data = b"GET /hello HTTP/1.1\r\n" + b"X: yyyyyyyy\r\n" * 100
    began = time.monotonic()
    with hasty.connect() as c:
        n = drip(c, data)
        assert c.response().status == 408
        assert time.monotonic() - began > 0.39
        # Each byte came soon after the last.
        assert n < len(data) / 2
        c.assert_closed()
    hasty.wait_log("refused with 408 head-timeout", after=mark)


def test_a_connection_that_says_nothing_is_closed_without_a_word(hasty):
    with hasty.connect() as c:
        c.assert_closed()


def test_an_idle_connection_is_closed_without_a_word(hasty):
    with hasty.connect() as c:
        began = time.monotonic()
        assert c.call("GET", "/hello").status == 200
        c.assert_closed()
        assert time.monotonic() - began > 0.39


def test_a_body_that_stops_is_refused(hasty):
    mark = hasty.mark()
    with hasty.connect() as c:
        c.send(f"POST /body HTTP/1.1\r\n{HOST}Content-Length: 100\r\n\r\nsome")
        r = c.response("POST")
        assert (r.status, r["connection"]) == (408, "close")
        c.assert_closed()
    hasty.wait_log("refused with 408 body-timeout", after=mark)


def test_a_body_that_goes_on_is_not(hasty):
    def is_let_go_on():
        with hasty.connect() as c:
            try:
                c.send(f"POST /body HTTP/1.1\r\n{HOST}Content-Length: 12\r\n\r\n")
                for _ in range(12):
                    time.sleep(0.07)
                    c.send(b"x")
                return c.response("POST").body == b"x" * 12
            except OSError:
                return False
    # Unless we have let it wait, on a machine that stood still.
    daemon_module.wait_until(is_let_go_on, hasty.story)


def test_a_handler_that_takes_its_time_is_no_slow_client(hasty):
    mark = hasty.mark()
    with hasty.connect() as c:
        c.request("GET", "/hold/1")
        routes.wait_gate(hasty, 1, after=mark)
        c.assert_silent(0.9)
        routes.release(hasty, 1)
        assert c.response().status == 200


def test_who_takes_nothing_of_its_answer_is_closed(hasty):
    mark = hasty.mark()
    with hasty.connect() as c:
        c.request("GET", "/stream")
        hasty.wait_log("stream ended with ECANCELED, cancelled by disconnect", after=mark)
        with pytest.raises(ConnectionResetError):
            while c.sock.recv(1 << 20):
                pass


def test_who_takes_little_at_a_time_is_served_on(hasty):
    mark = hasty.mark()
    with hasty.connect() as c:
        c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        c.request("GET", "/stream")
        until, taken = time.monotonic() + 2.5, 0
        while time.monotonic() < until:
            taken += len(c.sock.recv(2048))
        assert taken > 5000
        assert hasty.get("/hello").status == 200
        assert hasty.err.lines[mark:] == []
