"""Answers that are compressed on their way."""
import gzip
import json

import pytest

import routes

TEXT = b"".join(b"line %d of a text\n" % i for i in range(20000))
MORE = """
  - {path: "/files/{path...}", static: {root: ROOT}}
  - {path: /fixed, respond: {body: "FIXED"}}
  - {path: /plain, respond: {body: "FIXED"}, gzip: false}
  - {path: /types, respond: {body: "FIXED", type: application/x-odd}, gzip_types: [application/x-odd]}
"""
FIXED = "fixed " * 400


@pytest.fixture(scope="module")
def d(shared_daemon, tmp_path_factory):
    root = tmp_path_factory.mktemp("files")
    (root / "a.txt").write_bytes(TEXT)
    (root / "a.bin").write_bytes(TEXT)
    more = MORE.replace("ROOT", str(root)).replace("FIXED", FIXED)
    return shared_daemon(routes.config(gzip="true", gzip_min="100") + more.lstrip("\n"))


def coded(d, target, body, **kwargs):
    plain = d.get(target)
    answer = d.get(target, {"Accept-Encoding": "gzip"}, **kwargs)
    assert answer["content-encoding"] == "gzip"
    assert "accept-encoding" in answer["vary"] and plain["vary"] == answer["vary"]
    assert plain["content-encoding"] is None
    assert plain.body == body
    assert gzip.decompress(answer.body) == body
    assert len(answer.body) < len(body)
    return answer


def test_what_is_here_already_keeps_a_length(d):
    answer = coded(d, "/fixed", FIXED.encode())
    assert answer["content-length"] == str(len(answer.body))


def test_a_route_may_say_something_else(d):
    assert d.get("/plain", {"Accept-Encoding": "gzip"})["content-encoding"] is None
    coded(d, "/types", FIXED.encode())


def test_a_file_has_another_tag(d):
    answer = coded(d, "/files/a.txt", TEXT)
    tag = d.get("/files/a.txt")["etag"]
    assert answer["etag"] == "W/" + tag
    for sent in (tag, answer["etag"]):
        again = d.get("/files/a.txt", {"Accept-Encoding": "gzip", "If-None-Match": sent})
        assert (again.status, again.body) == (304, b"")


def test_a_part_of_a_file_is_as_it_is(d):
    answer = d.get("/files/a.txt", {"Accept-Encoding": "gzip", "Range": "bytes=0-3"})
    assert (answer.status, answer.body, answer["content-encoding"]) == (206, b"line", None)


def test_what_is_no_text_is_as_it_is(d):
    answer = d.get("/files/a.bin", {"Accept-Encoding": "gzip"})
    assert (answer.body, answer["content-encoding"], answer["content-length"]) == (TEXT, None, str(len(TEXT)))


def test_many_after_each_other_on_one_connection(d):
    with d.connect() as c:
        for _ in range(20):
            for target, body in (("/fixed", FIXED.encode()), ("/files/a.txt", TEXT)):
                answer = c.call("GET", target, {"Accept-Encoding": "gzip, deflate, br, zstd"})
                assert gzip.decompress(answer.body) == body
                assert c.call("HEAD", target, {"Accept-Encoding": "gzip"})["content-encoding"] == "gzip"


def test_layers_of_modules_stand_before_it(d):
    answer = d.get("/tagged", {"Accept-Encoding": "gzip"})
    assert answer.body == b"hello\n"


def test_a_client_that_leaves_costs_nothing(d):
    for _ in range(20):
        with d.connect(read_bytes=4096) as c:
            c.request("GET", "/files/a.txt", {"Accept-Encoding": "gzip"})
            c.head()
            c.reset()
    coded(d, "/files/a.txt", TEXT)
    assert json.loads(d.get("/state").body)["waiting"] == 0
