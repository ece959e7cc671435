"""What HTTP/1.1 promises a client, on the real daemon."""
import json
import os
import re

import client
import pytest
import routes

HOST = "Host: localhost\r\n"


@pytest.fixture(scope="module")
def site(shared_daemon):
    return shared_daemon(routes.config())


@pytest.fixture
def d(site):
    """One daemon for all tests; each leaves it able to answer."""
    yield site
    assert site.get("/hello").body == b"hello\n"


def get(target, *lines, method="GET", version="1.1"):
    """A request without a body, as bytes."""
    return "".join((f"{method} {target} HTTP/{version}\r\n", HOST, *(f"{line}\r\n" for line in lines), "\r\n")).encode()


def shown(response):
    """What /show saw: scope and parameters, query pairs, fields."""
    assert response.status == 200
    return dict(re.split("=|: ", line, maxsplit=1) for line in response.text.splitlines())


# The connection.

def test_keeps_a_connection_for_the_next_request(d):
    with d.connect() as c:
        for _ in range(50):
            r = c.call("GET", "/hello")
            assert (r.status, r.version, r["connection"], r.body) == (200, "1.1", None, b"hello\n")


def test_closes_when_the_client_asks_for_it(d):
    with d.connect() as c:
        r = c.call("GET", "/hello", {"Connection": "close"})
        assert (r.status, r["connection"], r.body) == (200, "close", b"hello\n")
        c.assert_closed()


@pytest.mark.parametrize("value", ["Close", "keep-alive, close", "close, te"])
def test_reads_connection_as_a_list(d, value):
    with d.connect() as c:
        assert c.call("GET", "/hello", {"Connection": value})["connection"] == "close"
        c.assert_closed()


def test_answers_nothing_behind_a_request_that_says_close(d):
    with d.connect() as c:
        c.send(get("/hello", "Connection: close") + get("/hello"))
        assert c.response().status == 200
        c.assert_closed()


def test_closes_after_an_http_1_0_request(d):
    with d.connect() as c:
        r = c.call("GET", "/hello", version="1.0", host=None)
        assert (r.status, r["connection"], r.body) == (200, "close", b"hello\n")
        c.assert_closed()


def test_keeps_an_http_1_0_connection_when_asked_to(d):
    with d.connect() as c:
        for _ in range(3):
            r = c.call("GET", "/hello", {"Connection": "keep-alive"}, version="1.0")
            assert (r.status, r["connection"], r.body) == (200, "keep-alive", b"hello\n")
        assert c.call("GET", "/hello", version="1.0")["connection"] == "close"
        c.assert_closed()


def test_ends_a_body_without_a_length_with_the_connection_on_http_1_0(d):
    with d.connect() as c:
        r = c.call("GET", "/stream?n=3&size=5", {"Connection": "keep-alive"}, version="1.0")
        assert (r["transfer-encoding"], r["connection"], r.body) == (None, "close", b"x" * 15)
        c.assert_closed()


def test_every_response_has_a_date_and_a_server(d):
    for target in ("/hello", "/nowhere", "/fail/eio"):
        r = d.get(target)
        assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", r["date"])
        assert r["server"] == "weir"


def test_skips_one_empty_line_before_a_request(d):
    with d.connect() as c:
        c.send(b"\r\n" + get("/hello"))
        assert c.response().status == 200
        c.send(b"\r\n" + get("/hello"))
        assert c.response().status == 200


def test_takes_a_head_byte_by_byte(d):
    with d.connect() as c:
        for byte in get("/show?x=1", "X-Field: value"):
            c.send(bytes([byte]))
        assert shown(c.response())["x-field"] == "value"


# Pipelining.

def test_answers_a_pipeline_in_order(d):
    with d.connect() as c:
        c.send(b"".join(get(f"/show/{i}") for i in range(100)))
        for i in range(100):
            assert shown(c.response())["a"] == str(i)


def test_answers_a_pipeline_in_order_behind_a_slow_request(d):
    mark = d.mark()
    with d.connect() as c:
        c.send(get("/hold/1") + get("/show/second") + get("/show/third"))
        routes.wait_gate(d, 1, after=mark)
        c.assert_silent()
        routes.release(d, 1)
        assert c.response().body == b"held\n"
        assert shown(c.response())["a"] == "second"
        assert shown(c.response())["a"] == "third"


def test_finds_the_next_request_behind_every_kind_of_body(d):
    with d.connect() as c:
        c.send(f"POST /body HTTP/1.1\r\n{HOST}Content-Length: 5\r\n\r\nhello"
               f"POST /body HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n5\r\nworld\r\n0\r\n\r\n"
               f"POST /body HTTP/1.1\r\n{HOST}Content-Length: 0\r\n\r\n"
               f"POST /body/unread HTTP/1.1\r\n{HOST}Content-Length: 5\r\n\r\nhello"
               f"POST /body/unread HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nT: v\r\n\r\n"
               f"GET /show/last HTTP/1.1\r\n{HOST}\r\n")
        assert [c.response("POST").body for _ in range(5)] == [b"hello", b"world", b"", b"not read\n", b"not read\n"]
        assert shown(c.response())["a"] == "last"


def test_a_pipeline_may_be_longer_than_any_buffer(d):
    request = get("/show/x", "X-Pad: " + "p" * 1000)
    n = 500
    with d.connect() as c:
        c.send(request * n)
        for _ in range(n):
            assert c.response().status == 200


# HEAD, 204, 304.

@pytest.mark.parametrize("target,length", [("/hello", "6"), ("/stream?n=3&size=10&length=30", "30"),
                                           ("/nowhere", "14"), ("/file?promise=1&len=9", "9"),
                                           ("/status/200", "10")])
def test_head_has_the_fields_of_get_and_no_body(d, target, length):
    with d.connect() as c:
        head, full = c.call("HEAD", target), c.call("GET", target)
        assert (head.status, head.body) == (full.status, b"")
        assert head["content-length"] == full["content-length"] == length
        assert head["content-type"] == full["content-type"]


@pytest.mark.parametrize("target", ["/stream?n=3&size=10", "/file", "/tagged/stream?n=2&size=3", "/show"])
def test_head_of_a_stream_keeps_the_connection(d, target):
    with d.connect() as c:
        assert c.call("HEAD", target).status == 200
        assert c.call("GET", "/hello").body == b"hello\n"


def test_head_of_an_error_has_no_body(d):
    with d.connect() as c:
        for target, status in (("/fail/eio", 500), ("/fail-words", 500), ("/status-only/418", 418)):
            assert c.call("HEAD", target).status == status
        assert c.call("GET", "/hello").body == b"hello\n"


@pytest.mark.parametrize("path", ["/status", "/status-only"])
@pytest.mark.parametrize("code", [204, 304])
def test_a_status_without_a_body_has_none(d, path, code):
    with d.connect() as c:
        r = c.call("GET", f"{path}/{code}")
        assert (r.status, r.body, r["transfer-encoding"]) == (code, b"", None)
        assert c.call("GET", "/hello").body == b"hello\n"


def test_other_statuses_have_the_body_they_are_given(d):
    for code in (201, 299, 404, 599):
        r = d.get(f"/status/{code}")
        assert (r.status, r.body) == (code, b"some body\n")


@pytest.mark.parametrize("code", [0, 99, 100, 199, 1000])
def test_a_status_that_is_none_is_the_handlers_mistake(d, code):
    assert d.get(f"/status/{code}").status == 500


# 100-continue.

EXPECT = f"POST %s HTTP/1.1\r\n{HOST}Content-Length: 5\r\nExpect: 100-continue\r\n\r\n"


def test_sends_100_only_when_the_handler_reads(d):
    mark = d.mark()
    with d.connect() as c:
        c.send(EXPECT % "/body/late/2")
        routes.wait_gate(d, 2, after=mark)
        c.assert_silent()
        routes.release(d, 2)
        assert c.head().status == 100
        c.send(b"hello")
        r = c.response("POST")
        assert (r.status, r.interim, r.body, r["connection"]) == (200, [], b"hello", None)
        assert c.call("GET", "/hello").status == 200


def test_sends_no_100_to_who_did_not_wait_for_it(d):
    with d.connect() as c:
        c.send(EXPECT % "/body" + "hello")
        r = c.response("POST")
        assert (r.interim, r.body) == ([], b"hello")
        assert c.call("GET", "/hello").status == 200


def test_sends_no_100_when_it_has_answered_and_then_closes(d):
    with d.connect() as c:
        c.send(EXPECT % "/body/unread")
        r = c.response("POST")
        assert (r.status, r.interim, r["connection"]) == (403, [], "close")
        c.assert_closed()


def test_sends_no_100_for_a_body_that_is_too_large(d):
    with d.connect() as c:
        c.send(f"POST /body/small HTTP/1.1\r\n{HOST}Content-Length: 9999\r\nExpect: 100-continue\r\n\r\n")
        r = c.response("POST")
        assert (r.status, r.interim, r["connection"]) == (413, [], "close")
        c.assert_closed()


def test_sends_no_100_where_there_is_no_handler(d):
    with d.connect() as c:
        c.send(EXPECT % "/nowhere")
        r = c.response("POST")
        assert (r.status, r.interim, r["connection"]) == (404, [], "close")
        c.assert_closed()


def test_sends_no_100_behind_the_head_of_its_answer(d):
    with d.connect() as c:
        c.send(EXPECT % "/body/started")
        assert c.head().status == 200
        c.send(b"hello")
        chunks = list(iter(c.chunk, b""))
        assert b"".join(chunks) == b"hello"


def test_sends_no_100_to_http_1_0_nor_without_a_body(d):
    with d.connect() as c:
        c.send("POST /body HTTP/1.0\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
        c.assert_silent()
        c.send(b"hello")
        r = c.response("POST")
        assert (r.interim, r.body) == ([], b"hello")
    r = d.get("/hello", {"Expect": "100-continue"})
    assert (r.status, r.interim) == (200, [])


def test_expectations_of_chunked_bodies_are_met_too(d):
    with d.connect() as c:
        c.send(f"POST /body HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\nExpect: 100-Continue\r\n\r\n")
        assert c.head().status == 100
        c.send(b"5\r\nhello\r\n0\r\n\r\n")
        assert c.response("POST").body == b"hello"


@pytest.mark.parametrize("value", ["something", "100-continue, more", "200-ok"])
def test_refuses_an_expectation_it_cannot_meet(d, value):
    with d.connect() as c:
        r = c.call("GET", "/hello", {"Expect": value})
        assert (r.status, r["connection"]) == (417, "close")
        c.assert_closed()


# Bodies.

def test_takes_chunks_and_gives_chunks(d):
    with d.connect() as c:
        c.send(f"POST /echo HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n"
               "1\r\na\r\n0000002\r\nbc\r\n3;name;other=\"quoted; text\";last=value\r\ndef\r\nA\r\n0123456789\r\n0\r\n\r\n")
        r = c.response("POST")
        assert (r["transfer-encoding"], r.body) == ("chunked", b"abcdef0123456789")
        assert c.call("GET", "/hello").status == 200


def test_takes_chunks_byte_by_byte(d):
    with d.connect() as c:
        c.send(f"POST /body HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n")
        for byte in b"1;x=y\r\na\r\n002\r\nbc\r\n0\r\nTrailer: x\r\n\r\n":
            c.send(bytes([byte]))
        assert c.response("POST").body == b"abc"
        assert c.call("GET", "/hello").status == 200


def test_reads_trailers_and_keeps_them_out_of_the_head(d):
    with d.connect() as c:
        c.send(f"POST /show HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n"
               "1\r\na\r\n0\r\nX-Check: 1\r\nConnection: close\r\nExpect: nothing\r\n\r\n")
        seen = shown(c.response("POST"))
        assert not {"x-check", "connection", "expect"} & seen.keys()
        r = c.call("GET", "/hello")
        assert (r.status, r["connection"]) == (200, None)


@pytest.mark.parametrize("target, answer", [("/asgi/echo", b"abcx-sum=7;x-empty=;"), ("/asgi/shout", b"ABCx-sum=7;x-empty=;"),
                                            ("/body/trailer", b"7\n")])
def test_hands_trailers_to_who_asks_for_them(d, target, answer):
    trailers = b"abc\r\n0\r\nX-Sum: 7\r\nX-Empty:\r\n\r\n"
    with d.connect() as c:
        for cut in range(len(trailers)):
            c.send(f"POST {target} HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n3\r\n".encode() + trailers[:cut])
            assert d.get("/hello").status == 200
            c.send(trailers[cut:])
            assert c.response("POST").body == answer


def test_gives_a_body_back_whatever_its_bytes(d):
    body = bytes(range(256)) * 300
    with d.connect() as c:
        for target in ("/body", "/echo", "/body/started", "/asgi/echo"):
            assert c.call("POST", target, body=body).body == body


def test_an_empty_body_is_an_empty_piece(d):
    with d.connect() as c:
        for target in ("/body", "/echo", "/asgi/echo"):
            assert c.call("POST", target, body=b"").body == b""
            assert c.call("POST", target).body == b""
        c.send(f"POST /body HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
        assert c.response("POST").body == b""


def test_a_get_may_have_a_body(d):
    with d.connect() as c:
        assert c.call("GET", "/body", body=b"odd").body == b"odd"
        assert c.call("GET", "/hello", body=b"ignored").body == b"hello\n"
        assert c.call("GET", "/hello").status == 200


def test_an_unread_body_that_is_small_is_thrown_away(d):
    with d.connect() as c:
        assert c.call("POST", "/body/unread", body=b"x" * 60_000).status == 403
        assert c.call("GET", "/hello").status == 200


def test_an_unread_body_that_is_large_ends_the_connection_after_its_answer(d):
    with d.connect() as c:
        c.send(f"POST /body/unread HTTP/1.1\r\n{HOST}Content-Length: 900000\r\n\r\n" + "x" * 900_000)
        r = c.response("POST")
        assert (r.status, r["connection"], r.body) == (403, "close", b"not read\n")
        c.assert_closed()


def test_sends_a_promised_length_instead_of_chunks(d):
    r = d.get("/stream?n=3&size=7&length=21")
    assert (r["content-length"], r["transfer-encoding"], len(r.body)) == ("21", None, 21)


def pattern(offset, n):
    return bytes(i % 251 for i in range(offset, offset + n))


@pytest.mark.parametrize("offset,n", [(0, 300 * 1024), (100_000, 5), (300 * 1024 - 1, 1), (7, 200_000)])
@pytest.mark.parametrize("promise", ["", "&promise=1"])
def test_sends_parts_of_files(d, offset, n, promise):
    with d.connect() as c:
        r = c.call("GET", f"/file?offset={offset}&len={n}{promise}")
        assert r["content-length"] == (str(n) if promise else None)
        assert r.body == pattern(offset, n)
        assert c.call("GET", "/hello").status == 200


@pytest.mark.parametrize("promise", ["", "&promise=1"])
def test_a_file_that_is_too_short_cuts_the_answer(d, promise):
    mark = d.mark()
    with d.connect() as c, pytest.raises((client.Broken, ConnectionResetError)):
        c.call("GET", f"/file?offset=307000&len=1000{promise}")
    d.wait_log("a file is shorter than the answer promised", after=mark)


def test_a_file_of_no_length_is_an_empty_body(d):
    with d.connect() as c:
        assert c.call("GET", "/file?len=0").body == b""
        assert c.call("GET", "/file?len=0&promise=1").body == b""


def test_sends_interim_responses(d):
    with d.connect() as c:
        r = c.call("GET", "/hints")
        assert (r.status, r.body) == (200, b"hello\n")
        assert [(i.status, i["link"]) for i in r.interim] == [(103, "</style.css>; rel=preload")]
        assert c.call("GET", "/hints", version="1.0").interim == []


# Fields.

def test_sets_and_adds_fields(d):
    r = d.get("/fields")
    assert r.values("x-set") == ["second"]
    assert r.values("x-add") == ["one", "two"]


@pytest.mark.parametrize("name,value,result", [
    ("x-good", "v", "ok"), ("x-empty", "", "ok"), ("x-latin", "%E9", "ok"), ("x-tab", "a%09b", "ok"),
    ("x-split", "a%0D%0ASet-Cookie:%20x", "EINVAL"), ("x-lf", "a%0Ab", "EINVAL"), ("x-nul", "a%00b", "EINVAL"),
    ("x%20space", "v", "EINVAL"), ("x:colon", "v", "EINVAL"), ("", "v", "EINVAL"), ("x%0D%0Ay", "v", "EINVAL"),
    ("connection", "close", "EINVAL"), ("Transfer-Encoding", "chunked", "EINVAL"), ("upgrade", "h2c", "EINVAL"),
    ("keep-alive", "1", "EINVAL"), ("content-length", "x", "EINVAL"), ("content-length", "-1", "EINVAL"),
    ("content-length", "99999999999999999999", "EINVAL"),
])
def test_refuses_fields_that_are_none_or_not_the_handlers(d, name, value, result):
    r = d.get(f"/set?name={name}&value={value}")
    assert (r.status, r.text) == (200, f"{result}\n")
    assert r["set-cookie"] is None
    assert name == "content-length" or bool(r.values(name)) == (result == "ok")


def test_shows_fields_in_lower_case_without_blanks_around(d):
    with d.connect() as c:
        c.send(f"GET /show HTTP/1.1\r\n{HOST}X-MiXeD-123: \t a  b\t \r\nX-Empty:\r\nX-None: \r\n\r\n")
        seen = shown(c.response())
    assert (seen["x-mixed-123"], seen["x-empty"], seen["x-none"]) == ("a  b", "", "")


def test_shows_where_a_request_comes_from(d):
    with d.connect() as c:
        seen = shown(c.call("GET", "/show"))
        assert seen["client"] == "%s:%d" % c.sock.getsockname()
        assert seen["server"] == "%s:%d" % d.address
    assert (seen["method"], seen["version"], seen["scheme"]) == ("GET", "11", "http")


# Targets.

@pytest.mark.parametrize("target", [
    "/hello", "/h%65llo", "/%68%65%6c%6C%6f", "/a/../hello", "/./hello", "/a/b/../../hello", "/a/%2e%2e/hello",
    "/a/.%2E/hello", "/../../hello", "/%2e/hello", "/hello?", "/hello?x=%2F..%2F", "http://localhost/hello",
    "HTTP://localhost/hello",
])
def test_decodes_once_and_removes_dots_before_routing(d, target):
    assert d.get(target).body == b"hello\n"


@pytest.mark.parametrize("target", [
    "/hello/", "//hello", "/HELLO", "/hello%2F", "/%2Fhello", "/h%2565llo", "/a/b", "/a/..hello", "/hello/.", "/...",
])
def test_what_is_another_path_is_not_found(d, target):
    assert d.get(target).status == 404


@pytest.mark.parametrize("target,a", [
    ("/show/plain", "plain"), ("/show/a%2Fb", "a/b"), ("/show/a%2fb%2F", "a/b/"), ("/show/%C3%A9", "é"),
    ("/show/%25", "%"), ("/show/%252F", "%2F"), ("/show/a+b", "a+b"), ("/show/a%3Fb", "a?b"), ("/show/~a;b=c", "~a;b=c"),
    ("/show/..%2Fhello", "../hello"),
])
def test_a_parameter_is_one_segment_decoded(d, target, a):
    r = d.get(target)
    assert shown(r)["a"] == a
    assert shown(r)["raw"] == target


def test_rest_is_all_that_follows(d):
    seen = shown(d.get("/show/x/all/one/t%77o/thr%2Fee"))
    assert (seen["a"], seen["rest"]) == ("x", "one/two/thr/ee")


def test_a_literal_wins_over_a_parameter(d):
    assert d.call("POST", "/body/small", body=b"x").body == b"x"


@pytest.mark.parametrize("query,pairs", [
    ("a=1&b=2", {"?a": "1", "?b": "2"}), ("x=a+b", {"?x": "a b"}), ("x=%26%3D", {"?x": "&="}), ("flag", {"?flag": ""}),
    ("&&x=1&", {"?x": "1"}),
])
def test_decodes_the_query_pair_by_pair(d, query, pairs):
    seen = shown(d.get(f"/show?{query}"))
    assert seen["query"] == query
    assert {name: value for name, value in seen.items() if name.startswith("?")} == pairs


@pytest.mark.parametrize("target", [
    "/%00", "/hello%00", "/hell%C0%AF", "/%ff", "/%c3", "/%ED%A0%80", "/%", "/%4", "/%zz", "/show/%00", "/show/%F8%88",
    "/hello?%zz", "/hello?%", "hello", "*", "ftp://localhost/hello", "http:///hello", "/hel\\lo", "/a\"b", "/<a>",
    "/hello#part",
])
def test_refuses_targets_that_are_none(d, target):
    with d.connect() as c:
        assert c.call("GET", target).status == 400
        c.assert_closed()


def test_absolute_form_and_host_must_agree(d):
    assert d.get("http://localhost:80/hello").status == 200
    assert d.get("http://other/hello").status == 400
    assert d.get("http://localhost:81/hello").status == 400


# Methods.

def test_says_not_found(d):
    r = d.get("/nowhere")
    assert (r.status, r["content-type"], r.body) == (404, "text/plain; charset=utf-8", b"404 Not Found\n")


@pytest.mark.parametrize("target,methods", [("/hello", {"GET", "HEAD", "OPTIONS"}),
                                            ("/a/b/c", {"GET", "HEAD", "POST", "OPTIONS"})])
def test_says_which_methods_are_allowed(d, target, methods):
    with d.connect() as c:
        for method in ("PUT", "DELETE", "TRACE", "PROPFIND", "M-SEARCH"):
            r = c.call(method, target)
            assert r.status == 405
            assert set(r["allow"].split(", ")) == methods
        r = c.call("OPTIONS", target)
        assert (r.status, set(r["allow"].split(", ")), r.body) == (204, methods, b"")


def test_a_route_without_methods_takes_all(d):
    with d.connect() as c:
        for method in ("GET", "POST", "PUT", "DELETE", "PATCH", "PROPFIND", "OPTIONS"):
            assert shown(c.call(method, "/show"))["method"] == method


def test_an_absolute_form_without_a_path_is_of_the_server(d):
    with d.connect() as c:
        c.send(b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n")
        of_all = c.response()["allow"]
        for target, is_all in (("http://a", True), ("http://a?", False), ("http://a/", False)):
            c.send(f"OPTIONS {target} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            r = c.response()
            assert ((r.status, r["allow"]) == (204, of_all)) is is_all, target


def test_answers_options_of_the_server(d):
    with d.connect() as c:
        r = c.call("OPTIONS", "*")
        assert (r.status, r.body) == (204, b"")
        assert {"GET", "POST", "OPTIONS"} <= set(r["allow"].split(", "))
        assert c.call("GET", "/hello").status == 200


def test_unknown_methods_are_not_implemented(d):
    for method in ("BREW", "GETT", "X"):
        assert d.call(method, "/hello").status == 501
    assert d.call("CONNECT", "localhost:80").status in (400, 501)


def test_an_upgrade_that_nobody_offers_is_ignored(d):
    with d.connect() as c:
        fields = {"Connection": "Upgrade", "Upgrade": "websocket"}
        assert c.call("GET", "/hello", fields).body == b"hello\n"
        assert c.call("POST", "/body", fields, b"abc").body == b"abc"
        assert c.call("GET", "/hello").status == 200


# Limits.

def test_refuses_a_body_that_says_it_is_too_large(d):
    mark = d.mark()
    with d.connect() as c:
        c.send(f"POST /body/small HTTP/1.1\r\n{HOST}Content-Length: 1025\r\n\r\n")
        assert c.response("POST").status == 413
    d.wait_log("refused with 413 body-too-large", after=mark)
    assert d.call("POST", "/body/small", body=b"x" * 1024).status == 200


def test_refuses_it_for_a_handler_that_would_not_have_looked(d):
    mark = d.mark()
    with d.connect() as c:
        c.send(f"GET /hello HTTP/1.1\r\n{HOST}Content-Length: 1048577\r\n\r\n")
        r = c.response()
        assert (r.status, r["connection"]) == (413, "close")
        c.assert_closed()
    d.wait_log("refused with 413 body-too-large", after=mark)


def test_says_so_when_it_will_not_read_the_body(d):
    with d.connect() as c:
        c.send(f"GET /hello HTTP/1.1\r\n{HOST}Content-Length: 100000\r\n\r\n")
        r = c.response()
        assert (r.status, r["connection"]) == (200, "close")
        c.assert_closed()


@pytest.mark.parametrize("n", [1, 100, 1024])
def test_refuses_a_body_that_turns_out_too_large(d, n):
    mark = d.mark()
    with d.connect() as c:
        c.send(f"POST /body/small HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n")
        sent = 0
        while sent <= 1024:
            c.send(b"%x\r\n%s\r\n" % (n, b"x" * n))
            sent += n
        r = c.response("POST")
        assert (r.status, r["connection"]) == (413, "close")
        c.assert_closed()
    d.wait_log("refused with 413 body-too-large", after=mark)


def test_a_body_that_turns_out_too_large_in_the_middle_of_the_answer_cuts_it(d):
    mark = d.mark()
    with d.connect() as c:
        c.send(f"POST /body/started HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n")
        assert c.head().status == 200
        c.send(b"5\r\nhello\r\n200000\r\n")
        assert c.chunk() == b"hello"
        assert c.rest() == b""
    d.wait_log(r" info .*e2e_module\.body_after_start: answer cut for body-too-large", after=mark)
    assert " error " not in "\n".join(d.err.lines[mark:])


@pytest.mark.parametrize("size,status", [(8192, 404), (8193, 414), (20_000, 414), (40_000, 414)])
def test_refuses_a_target_that_is_too_long(d, size, status):
    with d.connect() as c:
        c.send(get("/" + "x" * (size - 1)))
        assert c.response().status == status
        if status == 414:
            c.assert_closed()


def test_refuses_an_endless_request_line(d):
    with d.connect() as c:
        c.send(b"GET /" + b"x" * 16384)
        assert c.response().status == 414
        c.assert_closed()


@pytest.mark.parametrize("n,status", [(99, 200), (100, 431)])
def test_refuses_too_many_fields(d, n, status):
    assert d.get("/hello", [(f"X-{i}", "v") for i in range(n)]).status == status


def test_refuses_a_head_that_is_too_large(d):
    frame = len(get("/hello", "X: "))
    assert d.get("/hello", {"X": "v" * (32 * 1024 - frame)}).status == 200
    with d.connect() as c:
        assert c.call("GET", "/hello", {"X": "v" * (32 * 1024 - frame + 1)}).status == 431
        c.assert_closed()


def test_refuses_an_endless_field(d):
    with d.connect() as c:
        c.send(f"GET /hello HTTP/1.1\r\n{HOST}X: " + "v" * 40_000)
        assert c.response().status == 431
        c.assert_closed()


def test_refuses_trailers_that_are_too_large(d):
    with d.connect() as c:
        c.send(f"POST /body HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n0\r\nX: " + "v" * 40_000)
        assert c.response("POST").status == 431
        c.assert_closed()


# Handlers that fail.

@pytest.mark.parametrize("how,status", [
    ("eio", 500), ("enomem", 500), ("silently", 500), ("eagain", 503), ("etimedout", 504), ("emsgsize", 413),
    ("ebadmsg", 400), ("status-418", 418), ("status-503", 503),
])
def test_an_error_becomes_a_status(d, how, status):
    with d.connect() as c:
        r = c.call("GET", f"/fail/{how}")
        assert (r.status, r["connection"]) == (status, None)
        assert (r["retry-after"] is not None) == (status == 503)
        assert r.text.startswith(f"{status} ") or status == 418
        assert c.call("GET", "/hello").status == 200


def test_an_error_is_logged_with_its_name(d):
    mark = d.mark()
    d.get("/fail/eio")
    d.wait_log(r"e2e_module\.fail_error: GET /fail/eio: .*500.*EIO", after=mark)
    d.get("/fail/silently")
    d.wait_log(r"e2e_module\.fail_error: .*without having answered", after=mark)


def test_the_reason_of_a_failure_goes_to_the_log_and_not_to_the_client(d):
    mark = d.mark()
    r = d.get("/fail-words")
    assert (r.status, r.body) == (500, b"500 Internal Server Error\n")
    d.wait_log(r"e2e_module\.fail_words: .*500.*EIO.*the cart of 7\\x0ahas no wheels", after=mark)


def test_a_deadline_that_passes_is_504(d):
    assert d.get("/fail-deadline").status == 504


def test_a_failure_in_the_middle_cuts_the_answer(d):
    mark = d.mark()
    with d.connect() as c:
        c.request("GET", "/fail-midway/error")
        assert c.head().status == 200
        assert c.chunk() == b"begun\n"
        assert c.rest() == b""
    d.wait_log(r"fail_midway: .*broke off.*lost the thread", after=mark)


def test_a_failure_in_the_middle_resets_where_the_end_would_look_right(d):
    with d.connect() as c:
        c.request("GET", "/fail-midway/error", version="1.0")
        assert c.head().status == 200
        with pytest.raises(ConnectionResetError):
            c.rest()


def test_less_than_was_promised_cuts_the_answer(d):
    mark = d.mark()
    with d.connect() as c:
        c.request("GET", "/fail-midway/short")
        assert c.head()["content-length"] == "10"
        assert c.rest() == b"begun\n"
    d.wait_log("fail_midway: .*shorter than its content-length", after=mark)


def test_more_than_was_promised_is_not_sent(d):
    with d.connect() as c:
        c.request("GET", "/fail-long")
        assert c.head()["content-length"] == "3"
        assert c.rest() == b""


def test_a_failure_after_the_answer_is_only_logged(d):
    mark = d.mark()
    with d.connect() as c:
        assert c.call("GET", "/fail-after").body == b"hello\n"
        assert c.call("GET", "/hello").status == 200
    d.wait_log("fail_after: .*failed after its answer.*EIO", after=mark)


def test_a_second_answer_is_refused(d):
    mark = d.mark()
    with d.connect() as c:
        assert c.call("GET", "/answer-twice").body == b"hello\n"
        assert c.call("GET", "/hello").status == 200
    d.wait_log("second answer ended with EPROTO", after=mark)


def test_request_memory_has_a_limit(d):
    mark = d.mark()
    assert d.get("/exhaust").status == 500
    d.wait_log("first answer ended with ENOMEM", after=mark)
    d.wait_log("exhaust: .*500.*ENOMEM", after=mark)


def test_a_shortage_of_memory_is_reported_once(d):
    r = d.get("/exhaust/again")
    assert r.status == 200
    assert 128 * 1024 <= int(r.text) <= 256 * 1024


def test_a_scratch_gives_its_memory_back(d):
    assert d.get("/scratch?n=5000").body == b"5000\n"


# ASGI.

@pytest.mark.parametrize("how,words", [
    ("early", r"too_early: sent http\.response\.body before http\.response\.start"),
    ("status", r"bad_status: sent http\.response\.start with a status outside"),
    ("field", r"bad_field: sent http\.response\.start with a field that may not be set"),
    ("websocket", r"websocket: sent an event of another protocol"),
])
def test_an_event_out_of_order_is_refused_and_named(d, how, words):
    mark = d.mark()
    r = d.get(f"/asgi/{how}")
    assert r.status == 500
    d.wait_log(words, after=mark)


def test_a_second_start_cuts_the_answer(d):
    mark = d.mark()
    with d.connect() as c:
        c.request("GET", "/asgi/twice")
        assert c.head().status == 200
        assert c.rest() == b""
    d.wait_log(r"start_twice: sent http\.response\.start twice", after=mark)


def test_a_body_after_the_last_one_is_refused(d):
    mark = d.mark()
    with d.connect() as c:
        assert c.call("GET", "/asgi/late").body == b"all\n"
        assert c.call("GET", "/hello").status == 200
    d.wait_log(r"too_late: sent http\.response\.body after the last body", after=mark)


def test_receive_says_when_the_client_has_gone(d):
    mark = d.mark()
    with d.connect() as c:
        c.request("POST", "/asgi/echo?wait=1", body=b"abc")
        assert c.head().status == 200
        assert c.chunk() == b"abc"
        c.assert_silent()
    d.wait_log(r"echo ended with (0, last event 2|-125)", after=mark)


def test_layers_see_a_request_in_order_and_its_answer_in_reverse(d):
    assert d.get("/tagged").values("x-passed") == ["inner", "outer"]


def test_layers_see_what_handlers_of_http_h_do(d):
    with d.connect() as c:
        assert c.call("POST", "/tagged/body", body=b"whisper").body == b"WHISPER"
        assert c.call("POST", "/asgi/shout", body=b"whisper").body == b"WHISPER"
        r = c.call("GET", "/tagged/stream?n=3&size=2")
        assert (r["x-passed"], r.body) == ("outer", b"xxxxxx")
        r = c.call("GET", "/tagged/stream?n=3&size=2&length=6")
        assert (r["content-length"], r.body) == ("6", b"xxxxxx")
        assert c.call("HEAD", "/tagged").status == 200


def test_a_layer_out_of_order_is_refused_and_named(d):
    mark = d.mark()
    with d.connect() as c:
        c.request("GET", "/tagged/twice")
        assert c.head().status == 200
        assert c.rest() == b""
    d.wait_log(r"hello: sent http\.response\.start twice", after=mark)


def test_a_file_behind_a_layers_back_is_refused(d):
    mark = d.mark()
    with d.connect() as c:
        c.request("GET", "/tagged/file")
        assert c.head().status == 200
        assert c.rest() == b""
    d.wait_log("file ended with EOPNOTSUPP", after=mark)


# The access log.

def test_writes_a_line_for_each_request(d):
    with d.connect() as c:
        c.call("GET", "/hello?q=1", {"Referer": "http://x/\"y\"", "User-Agent": "a\tb\xe9"})
        c.call("HEAD", "/hello")
        c.call("GET", "/no%20where", version="1.0")
    line = d.wait_access(r'/hello\?q=1')
    assert re.search(r'^127\.0\.0\.1 - - \[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] "GET /hello\?q=1 HTTP/1\.1" 200 6 '
                     r'"http://x/\\"y\\"" "a\\x09b\\xe9"$', line)
    d.wait_access(r'"HEAD /hello HTTP/1\.1" 200 0 "-" "-"$')
    d.wait_access(r'"GET /no%20where HTTP/1\.0" 404 14 ')


def test_a_route_may_stay_out_of_the_access_log(d):
    routes.release(d, 9)
    marker = os.urandom(8).hex()
    d.get(f"/hello?{marker}")
    d.wait_access(marker)
    assert "/release/9" not in d.out.text
    assert json.loads(d.get("/state").body)["waiting"] == 0
