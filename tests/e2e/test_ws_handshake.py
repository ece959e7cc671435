"""The opening handshake of a WebSocket (RFC 6455, section 4.2; RFC 7692, section 5), and what stands
before and behind it on its connection."""
import pytest

import websocket
import ws_routes
from websocket import KEY, Session, frame

GOOD = [("Host", "localhost"), ("Upgrade", "websocket"), ("Connection", "Upgrade"),
        ("Sec-WebSocket-Key", KEY), ("Sec-WebSocket-Version", "13")]


@pytest.fixture(scope="module")
def d(shared_daemon):
    return shared_daemon(ws_routes.config())


def ask(d, changes=(), method="GET", target="/ws/echo", version="1.1", body=None):
    """A good handshake but for these fields, None taking one away; then whether HTTP goes on."""
    changed = [name.lower() for name, _ in changes]
    fields = [field for field in GOOD if field[0].lower() not in changed]
    fields += [field for field in changes if field[1] is not None]
    with d.connect() as c:
        c.request(method, target, fields, body=body, version=version, host=None)
        response = c.response(method)
        if response.status == 101:
            c.send(frame(b"hello"))
            assert c._exactly(7) == b"\x81\x05hello"
        elif "close" in (response["connection"] or "") or response.version == "1.0":
            c.assert_closed()
        else:
            assert c.call("GET", "/hello").body == b"hello\n"
        return response


def test_answers_the_example_of_the_rfc(d):
    response = ask(d)
    assert (response.status, response.reason) == (101, "Switching Protocols")
    assert response["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    assert response["upgrade"] == "websocket"
    assert response["connection"].lower() == "upgrade"
    for name in ("content-length", "transfer-encoding", "content-type", "sec-websocket-protocol",
                 "sec-websocket-extensions", "sec-websocket-version"):
        assert response[name] is None


@pytest.mark.parametrize("changes", [
    [("Upgrade", "WebSocket")],
    [("Upgrade", "h2c, websocket")],
    [("Upgrade", "h2c"), ("Upgrade", "websocket")],
    [("Connection", "keep-alive, Upgrade")],
    [("Connection", "keep-alive"), ("Connection", "UPGRADE")],
    [("Sec-WebSocket-Key", "  " + KEY + "  ")],
    [("sec-websocket-version", "13")],
    [("Sec-WebSocket-Extensions", "x-webkit-deflate-frame, foo; bar=\"baz\"")],
    [("Content-Length", "0")],
    [("Host", "localhost:8000")],
    [("Cookie", "a=b"), ("User-Agent", "Mozilla/5.0"), ("Cache-Control", "no-cache")],
])
def test_takes_what_is_meant_as_a_handshake(d, changes):
    assert ask(d, changes).status == 101


@pytest.mark.parametrize("changes, status", [
    # Nobody asks for a WebSocket: which protocol is spoken here is the answer.
    ([("Upgrade", None)], 426),
    ([("Upgrade", "h2c")], 426),
    ([("Upgrade", "websockets")], 426),
    ([("Connection", None)], 426),
    ([("Connection", "keep-alive")], 426),
    ([("Connection", "close")], 426),
    # Another version (section 4.4).
    ([("Sec-WebSocket-Version", "12")], 426),
    ([("Sec-WebSocket-Version", "8")], 426),
    ([("Sec-WebSocket-Version", "14")], 426),
    ([("Sec-WebSocket-Version", "013")], 426),
    ([("Sec-WebSocket-Version", "13, 8")], 426),
    ([("Sec-WebSocket-Version", "")], 426),
    ([("Sec-WebSocket-Version", "12"), ("Sec-WebSocket-Key", None)], 426),
    ([("Sec-WebSocket-Version", None)], 400),
    ([("Sec-WebSocket-Version", "13"), ("Sec-WebSocket-Version", "13")], 400),
    # The key.
    ([("Sec-WebSocket-Key", None)], 400),
    ([("Sec-WebSocket-Key", "")], 400),
    ([("Sec-WebSocket-Key", KEY), ("Sec-WebSocket-Key", KEY)], 400),
    ([("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25j")], 400),
    ([("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZSE=")], 400),
    ([("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZ!==")], 400),
    ([("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ")], 400),
    # Subprotocols.
    ([("Sec-WebSocket-Protocol", "")], 400),
    ([("Sec-WebSocket-Protocol", "a b")], 400),
    ([("Sec-WebSocket-Protocol", "chat, chat")], 400),
    ([("Sec-WebSocket-Protocol", "chat"), ("Sec-WebSocket-Protocol", "chat")], 400),
    # Where the page is from (section 10.2).
    ([("Origin", "http://evil.example")], 403),
    ([("Origin", "https://localhost")], 403),
    ([("Origin", "http://localhost:81")], 403),
    ([("Origin", "null")], 403),
    ([("Origin", "localhost")], 403),
    ([("Origin", "")], 403),
    ([("Origin", "http://localhost"), ("Origin", "http://localhost")], 400),
])
def test_refuses_what_is_no_handshake(d, changes, status):
    response = ask(d, changes)
    assert response.status == status
    assert response["sec-websocket-accept"] is None
    if status == 426:
        assert response["sec-websocket-version"] == "13"
        assert response["upgrade"].lower() == "websocket"
        assert "upgrade" in response["connection"].lower()
    else:
        assert response["sec-websocket-version"] is None


def test_a_plain_get_is_told_to_upgrade(d):
    response = d.get("/ws/echo")
    assert (response.status, response["sec-websocket-version"]) == (426, "13")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "HEAD"])
def test_a_websocket_is_opened_by_get_only(d, method):
    response = ask(d, method=method)
    assert response.status == 405
    assert "GET" in response["allow"]


def test_options_says_what_there_is(d):
    response = ask(d, method="OPTIONS")
    assert response.status in (200, 204)
    assert "GET" in response["allow"]


def test_http_1_0_cannot_upgrade(d):
    assert ask(d, version="1.0").status == 400


def test_a_handshake_has_no_body(d):
    assert ask(d, body=b"hello").status == 400
    assert ask(d, [("Transfer-Encoding", "chunked")], body=b"0\r\n\r\n").status == 400


@pytest.mark.parametrize("fields", [
    ["chat"], ["superchat, chat"], ["mqtt", "chat"], ["a , chat , b"],
])
def test_the_subprotocol_is_the_handlers_choice(d, fields):
    response = ask(d, [("Sec-WebSocket-Protocol", value) for value in fields])
    assert (response.status, response["sec-websocket-protocol"]) == (101, "chat")


def test_without_a_common_subprotocol_none_is_answered(d):
    response = ask(d, [("Sec-WebSocket-Protocol", "Chat, superchat")])
    assert (response.status, response["sec-websocket-protocol"]) == (101, None)


@pytest.mark.parametrize("target, origin, status", [
    ("/ws/echo", "http://localhost", 101),
    ("/ws/echo", "HTTP://LOCALHOST:80", 101),
    ("/ws/origins", "https://example.org", 101),
    ("/ws/origins", "https://EXAMPLE.org:443", 101),
    ("/ws/origins", "http://other.example:8080", 101),
    ("/ws/origins", "http://example.org", 403),
    ("/ws/origins", "https://example.org.evil.example", 403),
    ("/ws/origins", "http://other.example", 403),
    ("/ws/origins", "http://localhost", 403),
    ("/ws/origins", None, 101),
    ("/ws/any-origin", "http://evil.example", 101),
    ("/ws/any-origin", "null", 101),
])
def test_origins_are_the_routes_choice(d, target, origin, status):
    assert ask(d, [("Origin", origin)], target=target).status == status


@pytest.mark.parametrize("text", [
    "", ",", ";", "=", "permessage-deflate;", "permessage-deflate; =", "permessage-deflate; a=", "permessage deflate",
    "permessage-deflate; client_max_window_bits=\"15", "permessage-deflate; a=\"b c\"", "foo; bar, ba z",
    "permessage-deflate; server_max_window_bits=15; ;", "permessage-deflate; a=b=c", "(permessage-deflate)",
])
@pytest.mark.parametrize("target", ["/ws/echo", "/ws/echo-deflate"])
def test_malformed_extensions_are_refused(d, text, target):
    assert ask(d, [("Sec-WebSocket-Extensions", text)], target=target).status == 400


NO_CONTEXTS = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"


@pytest.mark.parametrize("target, offer, answer", [
    ("/ws/echo", "permessage-deflate", None),
    ("/ws/echo-deflate", "permessage-deflate", NO_CONTEXTS),
    ("/ws/echo-deflate", "permessage-deflate; client_max_window_bits", NO_CONTEXTS),
    ("/ws/echo-deflate", "permessage-deflate; server_max_window_bits=10", NO_CONTEXTS + "; server_max_window_bits=10"),
    ("/ws/echo-deflate", "permessage-deflate; client_max_window_bits=\"9\"", NO_CONTEXTS + "; client_max_window_bits=9"),
    ("/ws/echo-contexts", "permessage-deflate", "permessage-deflate"),
    ("/ws/echo-contexts", "permessage-deflate; server_no_context_takeover",
     "permessage-deflate; server_no_context_takeover"),
    ("/ws/echo-contexts", "permessage-deflate; client_no_context_takeover",
     "permessage-deflate; client_no_context_takeover"),
    ("/ws/echo-windows", "permessage-deflate; client_max_window_bits",
     NO_CONTEXTS + "; server_max_window_bits=10; client_max_window_bits=9"),
    # A client that cannot be limited.
    ("/ws/echo-windows", "permessage-deflate", None),
    # Invalid offers are declined (RFC 7692, section 7.1), the next one is looked at.
    ("/ws/echo-deflate", "permessage-deflate; unknown", None),
    ("/ws/echo-deflate", "permessage-deflate; server_max_window_bits", None),
    ("/ws/echo-deflate", "permessage-deflate; server_max_window_bits=16", None),
    ("/ws/echo-deflate", "permessage-deflate; server_max_window_bits=7", None),
    ("/ws/echo-deflate", "permessage-deflate; server_max_window_bits=09", None),
    ("/ws/echo-deflate", "permessage-deflate; client_max_window_bits=7", None),
    ("/ws/echo-deflate", "permessage-deflate; server_no_context_takeover=1", None),
    ("/ws/echo-deflate", "permessage-deflate; server_no_context_takeover; server_no_context_takeover", None),
    ("/ws/echo-deflate", "permessage-deflate; server_max_window_bits=8, permessage-deflate", NO_CONTEXTS),
    ("/ws/echo-deflate", "permessage-bzip2, permessage-deflate; client_max_window_bits=10, permessage-deflate",
     NO_CONTEXTS + "; client_max_window_bits=10"),
    ("/ws/echo-deflate", "PERMESSAGE-DEFLATE", None),
    ("/ws/echo-deflate", "x-webkit-deflate-frame", None),
])
def test_compression_is_negotiated(d, target, offer, answer):
    response = ask(d, [("Sec-WebSocket-Extensions", offer)], target=target) if answer is None else None
    if answer is None:
        assert (response.status, response["sec-websocket-extensions"]) == (101, None)
        return
    with Session(d.address, target, deflate=offer) as ws:
        assert sorted(ws.answer["sec-websocket-extensions"].split("; ")) == sorted(answer.split("; "))
        ws.send_compressed(b"hello hello hello")
        assert ws.message() == (websocket.TEXT, b"hello hello hello")
        ws.close_and_wait()


def test_several_fields_of_extensions_are_one_list(d):
    fields = [("Sec-WebSocket-Extensions", "foo"), ("Sec-WebSocket-Extensions", "permessage-deflate")]
    with d.connect() as c:
        c.send(websocket.request("/ws/echo-deflate", fields))
        assert c.head()["sec-websocket-extensions"].startswith("permessage-deflate")


# What a handler says instead.

@pytest.mark.parametrize("status", [200, 302, 401, 403, 404, 503])
def test_a_handler_may_refuse_with_any_status(d, status):
    response = ask(d, target=f"/ws/refuse/{status}")
    assert (response.status, response["x-why"], response.body) == (status, "full", b"no room\n")
    assert response["connection"] != "close"


def test_a_handler_that_fails_is_a_500(d):
    mark = d.mark()
    assert ask(d, target="/ws/fail").status == 500
    d.wait_log("Input/output error|EIO", after=mark)


def test_a_handler_that_says_nothing_is_a_500(d):
    assert ask(d, target="/ws/nothing").status == 500


def test_a_message_handler_may_refuse(d):
    response = ask(d, target="/ws/closed-door")
    assert (response.status, response.body) == (401, b"who are you\n")


def test_fields_of_the_handler_go_with_the_answer(d):
    with Session(d.address, "/ws/fields") as ws:
        assert (ws.answer["x-extra"], ws.answer["set-cookie"]) == ("one", "a=b")
        assert ws.closing() == (1000, "")


def test_no_route_is_still_a_404(d):
    assert ask(d, target="/ws/nowhere").status == 404


def test_a_route_of_http_ignores_the_upgrade(d):
    response = ask(d, target="/hello")
    assert (response.status, response.body) == (200, b"hello\n")


# On its connection.

def test_requests_before_it_are_answered(d):
    with d.connect() as c:
        for _ in range(3):
            assert c.call("GET", "/hello").status == 200
        c.send(websocket.request("/ws/echo"))
        assert c.head().status == 101
        c.send(frame(b"hello"))
        assert c._exactly(7) == b"\x81\x05hello"


def test_it_may_stand_in_a_pipeline(d):
    with d.connect() as c:
        c.send(b"GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n" * 2 + websocket.request("/ws/echo")
               + frame(b"first") + frame(b"second"))
        assert [c.response().status for _ in range(3)] == [200, 200, 101]
        assert c._exactly(15) == b"\x81\x05first\x81\x06second"


def test_a_refused_one_may_stand_in_a_pipeline(d):
    hello = b"GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with d.connect() as c:
        c.send(hello + websocket.request("/ws/refuse/403") + hello + websocket.request("/ws/echo", key="x") + hello
               + websocket.request("/ws/echo"))
        assert [c.response().status for _ in range(6)] == [200, 403, 200, 400, 200, 101]


@pytest.mark.parametrize("n", [1, 100, 3000])
def test_frames_behind_it_are_not_lost(d, n):
    behind = b"".join(frame(b"message %d" % i) for i in range(n))
    with Session(d.address, behind=behind) as ws:
        assert [ws.message()[1] for _ in range(n)] == [b"message %d" % i for i in range(n)]
        ws.close_and_wait()


def test_a_large_message_behind_it_is_not_lost(d):
    data = bytes(range(256)) * 1000
    with Session(d.address, behind=frame(data, websocket.BINARY)) as ws:
        assert ws.message() == (websocket.BINARY, data)


def test_a_close_frame_behind_it_is_answered(d):
    with Session(d.address, behind=frame(b"last") + websocket.close_frame(1000)) as ws:
        assert ws.message()[1] == b"last"
        assert ws.closing() == (1000, "")
        ws.assert_ends()


def test_garbage_behind_it_is_a_protocol_error(d):
    with Session(d.address, behind=b"GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n") as ws:
        ws.assert_failed(1002)


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_frame_may_be_cut_by_the_end_of_the_segment(d, cut):
    data = frame(b"a message that is a little longer than the rest of them")
    with Session(d.address, behind=data[:cut]) as ws:
        ws.send(data[cut:])
        assert ws.message()[1].startswith(b"a message")


def test_byte_by_byte(d):
    with d.connect() as c:
        for byte in websocket.request("/ws/echo") + frame(b"slowly"):
            c.send(bytes([byte]))
        assert c.head().status == 101
        assert c._exactly(8) == b"\x81\x06slowly"


def test_the_head_may_be_larger_than_a_block(d):
    with Session(d.address, fields=[("X", "x" * 8000), ("Y", "y" * 8000)], behind=frame(b"hello")) as ws:
        assert ws.message()[1] == b"hello"
