"""Routes that need no module: files of a directory, redirections, fixed answers."""
import email.utils
import gzip
import os
import re
import time

import pytest

import tls

LARGE = bytes(range(256)) * 4096 * 5  # 5 MiB
MIDDLE = LARGE[:100000]
ROUTES = """
listen: [{address: "{address}"TLS}]
workers: 1
log_level: info
module_path: ["{build}/tests/modules"]
modules: [{path: e2e_asgi.so}]
routes:
  - {path: "/s/{path...}", static: {root: ROOT}}
  - {path: "/open/{path...}", static: {root: ROOT, symlinks: yes, dot_files: true, listing: true, charset: none}}
  - {path: "/closed/{path...}", static: {root: ROOT, symlinks: no, index: []}}
  - {path: "/coded/{path...}", static: {root: ROOT, precompressed: true, cache_control: max-age=60}}
  - {path: "/few/{path...}", static: {root: ROOT, max_open: 2}}
  - {path: "/layered/{path...}", static: {root: ROOT}, middleware: [e2e_asgi.outer]}
  - {path: "/old/{path...}", redirect: {to: "/s/{path}", status: 301}}
  - {path: /robots.txt, respond: {body: "User-agent: *\\n", headers: {cache-control: max-age=9}}}
"""


def write(path, data):
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    return path


def make_files(root):
    write(root / "hello.txt", b"hello\n")
    write(root / "empty.html", b"")
    write(root / "middle.bin", MIDDLE)
    write(root / "large.bin", LARGE)
    write(root / "dir/index.html", b"<p>index\n")
    write(root / "bare/<b>&'\".txt", b"x")
    write(root / "bare/javascript:alert(1)", b"x")
    write(root / ".hidden/x", b"x")
    write(root / ".well-known/x", b"known")
    write(root / "style.css", b"a{}" * 1000)
    for suffix, data in ((".gz", gzip.compress(b"a{}" * 1000)), (".br", b"brotli"), (".zst", b"zstandard")):
        write(root / f"style.css{suffix}", data)
    write(root / "fresh.css", b"new")
    write(root / "fresh.css.gz", b"of an older version")
    os.utime(root / "fresh.css.gz", (1, 1))
    write(root.parent / "secret", b"secret")
    os.mkfifo(root / "fifo")
    (root / "in").symlink_to("hello.txt")
    (root / "out").symlink_to("../secret")
    (root / "far").symlink_to("/etc/passwd")
    (root / "loop").symlink_to("loop")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("files") / "root"
    root.mkdir()
    make_files(root)
    return root


@pytest.fixture(scope="module")
def d(shared_daemon, root):
    return shared_daemon(ROUTES.replace("ROOT", str(root)).replace("TLS", ""))


# Whole files.

@pytest.mark.parametrize("name, body, kind", [
    ("hello.txt", b"hello\n", "text/plain; charset=utf-8"),
    ("empty.html", b"", "text/html; charset=utf-8"),
    ("middle.bin", MIDDLE, "application/octet-stream"),
    ("large.bin", LARGE, "application/octet-stream"),
    ("dir/", b"<p>index\n", "text/html; charset=utf-8"),
    ("in", b"hello\n", "application/octet-stream"),
    (".well-known/x", b"known", "application/octet-stream"),
    ("h%65llo%2Etxt", b"hello\n", "text/plain; charset=utf-8"),
    ("dir/../hello.txt", b"hello\n", "text/plain; charset=utf-8"),
])
def test_a_file_is_served_as_it_is(d, name, body, kind):
    with d.connect() as c:
        for _ in range(2):  # from the disk, and from the cache
            answer = c.call("GET", f"/s/{name}")
            assert answer.status == 200
            assert answer.body == body
            assert answer["content-type"] == kind
            assert answer["accept-ranges"] == "bytes"
            assert answer["transfer-encoding"] is None
            head = c.call("HEAD", f"/s/{name}")
            assert (head.status, head.body) == (200, b"")
            assert [f for f in head.fields if f[0] != "date"] == [f for f in answer.fields if f[0] != "date"]


def test_what_is_said_of_it_is_what_the_disk_says(d, root):
    answer = d.get("/s/hello.txt")
    modified = int((root / "hello.txt").stat().st_mtime)
    assert answer["last-modified"] == email.utils.formatdate(modified, usegmt=True)
    assert re.fullmatch(r'"[0-9a-f]+-6"', answer["etag"])
    assert answer["etag"] != d.get("/s/style.css")["etag"]


@pytest.mark.parametrize("target, status", [
    ("/s/nothing", 404),
    ("/s/hello.txt/", 404),
    ("/s/hello.txt/x", 404),
    ("/s//hello.txt", 404),
    ("/s/dir//index.html", 404),
    ("/s/bare/", 404),
    ("/s/fifo", 404),
    ("/s/out", 404),
    ("/s/far", 404),
    ("/s/loop", 404),
    ("/s/.hidden/x", 404),
    ("/s/..%2fsecret", 404),
    ("/s/dir/..%2f..%2fsecret", 404),
    ("/s/%2e%2e/secret", 404),
    ("/s/%2e%2e%2fsecret", 404),
    ("/s/%2fetc/passwd", 404),
    ("/s/hello%00.txt", 400),
    ("/s/hello.txt%ff", 400),
    ("/s/" + "a" * 300, 404),
    ("/s/" + "a/" * 3000, 404),
    ("/closed/in", 404),
    ("/closed/dir/", 404),
    ("/closed/hello.txt", 200),
    ("/open/in", 200),
    ("/open/out", 200),
    ("/open/.hidden/x", 200),
    ("/open/..%2fsecret", 404),
])
def test_names_lead_nowhere_else(d, target, status):
    answer = d.get(target)
    assert answer.status == status
    assert b"secret" not in answer.body or target == "/open/out"


def test_files_are_only_read(d):
    for method in ("POST", "PUT", "DELETE"):
        answer = d.call(method, "/s/hello.txt", body=b"x")
        assert answer.status == 405
        assert answer["allow"] == "GET, HEAD, OPTIONS"


def test_a_directory_is_redirected_to_its_slash(d):
    answer = d.get("/s/dir?a=b")
    assert answer.status == 301
    assert answer["location"] == "/s/dir/?a=b"
    assert d.get("/s//dir").status == 404


def test_a_listing_names_what_is_there_and_nothing_else(d):
    text = d.get("/open/bare/").text
    assert "&lt;b&gt;&amp;&#39;&quot;.txt" in text and "<b>" not in text
    assert 'href="./javascript%3Aalert%281%29"' in text
    assert 'href="../"' in text
    text = d.get("/open/").text
    assert 'href="./hello.txt"' in text and 'href="./dir/"' in text
    assert "fifo" not in text and "loop" not in text and 'href="../"' not in text


# Conditions.

def test_who_has_it_is_told_so(d):
    first = d.get("/s/hello.txt")
    etag, date = first["etag"], first["last-modified"]
    for fields in ({"If-None-Match": etag}, {"If-None-Match": f'"x", W/{etag}'}, {"If-Modified-Since": date}):
        for method in ("GET", "HEAD"):
            answer = d.call(method, "/s/hello.txt", fields)
            assert (answer.status, answer.body, answer["etag"]) == (304, b"", etag)
    assert d.get("/s/hello.txt", {"If-None-Match": '"x"', "If-Modified-Since": date}).status == 200
    assert d.get("/s/hello.txt", {"If-Match": '"x"'}).status == 412
    assert d.get("/s/hello.txt", {"If-Match": etag}).status == 200
    assert d.get("/s/hello.txt", {"If-Unmodified-Since": "Thu, 01 Jan 1970 00:00:00 GMT"}).status == 412


def test_a_file_that_changes_has_another_tag(daemon, tmp_path):
    file = write(tmp_path / "root/f.txt", b"1")
    d = daemon(ROUTES.replace("ROOT", str(tmp_path / "root")).replace("TLS", ""))
    first = d.get("/s/f.txt")
    assert first.body == b"1"
    write(tmp_path / "root/g.txt", b"2")
    os.utime(tmp_path / "root/g.txt", ns=(file.stat().st_mtime_ns, file.stat().st_mtime_ns))
    os.rename(tmp_path / "root/g.txt", file)
    until = time.monotonic() + 10
    while (answer := d.get("/s/f.txt", {"If-None-Match": first["etag"]})).status == 304:
        assert time.monotonic() < until
    assert answer.body == b"2"


# Ranges.

@pytest.mark.parametrize("name, whole", [("middle.bin", MIDDLE), ("style.css", b"a{}" * 1000)])
@pytest.mark.parametrize("wanted, begin, end", [("0-0", 0, 1), ("100-199", 100, 200), ("-5", -5, None),
                                                ("2990-", 2990, None), ("5-4,", None, None)])
def test_a_part_of_it(d, name, whole, wanted, begin, end):
    answer = d.get(f"/s/{name}", {"Range": f"bytes={wanted}"})
    if begin is None:
        assert (answer.status, answer.body) == (200, whole)
        return
    part = whole[begin:end]
    assert answer.status == 206
    assert answer.body == part
    first = begin % len(whole)
    assert answer["content-range"] == f"bytes {first}-{first + len(part) - 1}/{len(whole)}"


def parts_of(answer):
    """[(content-range, bytes)] of a multipart answer."""
    boundary = re.fullmatch(r"multipart/byteranges; boundary=(\S+)", answer["content-type"]).group(1)
    before, *parts, after = answer.body.split(b"\r\n--" + boundary.encode())
    assert (before, after) == (b"", b"--\r\n")
    found = []
    for part in parts:
        head, _, data = part.partition(b"\r\n\r\n")
        found.append((re.search(rb"content-range: bytes (\S+)", head).group(1).decode(), data))
    return found


@pytest.mark.parametrize("name, whole", [("large.bin", LARGE), ("style.css", b"a{}" * 1000)])
def test_several_parts_of_it(d, name, whole):
    answer = d.get(f"/s/{name}", {"Range": "bytes=2000-2009,0-1,500-509,505-520"})
    assert answer.status == 206
    assert parts_of(answer) == [(f"{a}-{b}/{len(whole)}", whole[a:b + 1])
                                for a, b in ((2000, 2009), (0, 1), (500, 520))]


def test_no_part_of_it(d):
    answer = d.get("/s/hello.txt", {"Range": "bytes=6-"})
    assert answer.status == 416
    assert answer["content-range"] == "bytes */6"
    many = ",".join(f"{i}-{i}" for i in range(0, 99000, 1000))
    assert d.get("/s/middle.bin", {"Range": f"bytes={many}"}).status == 200
    assert d.call("HEAD", "/s/middle.bin", {"Range": "bytes=0-1"}).status == 200


def test_a_part_of_what_one_has_already(d):
    etag = d.get("/s/middle.bin")["etag"]
    assert d.get("/s/middle.bin", {"Range": "bytes=0-1", "If-Range": etag}).status == 206
    assert d.get("/s/middle.bin", {"Range": "bytes=0-1", "If-Range": '"x"'}).body == MIDDLE
    assert d.get("/s/middle.bin", {"Range": "bytes=0-1", "If-None-Match": etag}).status == 304


@pytest.mark.parametrize("fields", [
    [("Range", "bytes=0-1"), ("Range", "bytes=2-3")],
    [("Range", "bytes=0-1")] * 2,
    [("Range", "bytes=999999-"), ("range", "bytes=0-1"), ("Range", "bytes=2-3")],
    [("Range", "bytes=0-1"), ("If-Range", "ETAG"), ("If-Range", "ETAG")],
    [("If-Modified-Since", "DATE"), ("If-Modified-Since", "DATE")],
    [("If-Unmodified-Since", "Sun, 06 Nov 1994 08:49:37 GMT")] * 2])
def test_what_is_no_list_and_there_twice_is_ignored(d, fields):
    """RFC 9110, section 5.3: nobody knows which one is meant."""
    known = d.get("/s/middle.bin")
    fields = [(name, value.replace("ETAG", known["etag"]).replace("DATE", known["last-modified"]))
              for name, value in fields]
    answer = d.get("/s/middle.bin", fields)
    assert (answer.status, answer.body) == (200, MIDDLE)


# Compressed forms.

@pytest.mark.parametrize("accept, coding", [
    ("gzip", "gzip"), ("gzip, br;q=0.9", "gzip"), ("gzip, br, zstd", "br"), ("zstd", "zstd"),
    ("gzip;q=0", None), ("identity, *;q=0", None), (None, None)])
def test_who_takes_a_coding_gets_it(d, accept, coding):
    answer = d.get("/coded/style.css", {"Accept-Encoding": accept} if accept else {})
    assert answer["content-encoding"] == coding
    assert answer["vary"] == "accept-encoding"
    assert answer["cache-control"] == "max-age=60"
    assert answer["content-type"] == "text/css; charset=utf-8"
    if coding == "gzip":
        assert gzip.decompress(answer.body) == b"a{}" * 1000
    if coding is None:
        assert answer.body == b"a{}" * 1000
    assert d.get("/coded/style.css", {"If-None-Match": answer["etag"], **(
        {"Accept-Encoding": accept} if accept else {})}).status == 304


def test_forms_have_tags_of_their_own(d):
    tags = {d.get("/coded/style.css", {"Accept-Encoding": c})["etag"] for c in ("br", "zstd", "gzip", "x")}
    assert len(tags) == 4


def test_a_form_that_is_older_than_the_file_is_none(d):
    answer = d.get("/coded/fresh.css", {"Accept-Encoding": "gzip"})
    assert (answer.body, answer["content-encoding"], answer["vary"]) == (b"new", None, None)


# On the way.

def test_a_file_that_shrinks_cuts_the_answer(daemon, tmp_path):
    file = write(tmp_path / "root/f", LARGE)
    d = daemon(ROUTES.replace("ROOT", str(tmp_path / "root")).replace("TLS", ""))
    with d.connect(read_bytes=4096) as c:
        c.request("GET", "/s/f")
        head = c.head()
        assert head["content-length"] == str(len(LARGE))
        os.truncate(file, 100)
        try:
            rest = c.rest()
        except ConnectionResetError:
            rest = c.buffer
    assert len(rest) < len(LARGE)  # of pages that are on their way the kernel may have cleared the end
    assert d.get("/s/f").status == 200


def test_a_file_that_is_replaced_is_sent_to_its_end(daemon, tmp_path):
    file = write(tmp_path / "root/f", LARGE)
    d = daemon(ROUTES.replace("ROOT", str(tmp_path / "root")).replace("TLS", ""))
    with d.connect(read_bytes=4096) as c:
        c.request("GET", "/s/f")
        c.head()
        os.rename(write(tmp_path / "root/g", b"other"), file)
        assert c._exactly(len(LARGE)) == LARGE
        assert c.call("GET", "/robots.txt").status == 200


def test_a_client_that_leaves_costs_nothing(d):
    for _ in range(20):
        with d.connect(read_bytes=4096) as c:
            c.request("GET", "/s/large.bin")
            c.head()
            c.reset()
    assert d.get("/s/large.bin").body == LARGE


def test_more_files_than_may_be_open(d):
    with d.connect() as c:
        for _ in range(3):
            for name, body in (("large.bin", LARGE), ("middle.bin", MIDDLE), ("hello.txt", b"hello\n"),
                               ("style.css", b"a{}" * 1000)):
                assert c.call("GET", f"/few/{name}").body == body


def test_behind_a_layer_of_middleware(d):
    assert d.get("/layered/large.bin").body == LARGE
    assert d.get("/layered/hello.txt").body == b"hello\n"
    assert len(parts_of(d.get("/layered/large.bin", {"Range": "bytes=0-1,1000-1001"}))) == 2


def test_over_tls(shared_daemon, root, tmp_path):
    ca = tls.Authority(tmp_path)
    ca.issue("server")
    pair = f", tls: {{certificate: {tmp_path}/server.pem, key: {tmp_path}/server-key.pem}}"
    d = shared_daemon(ROUTES.replace("ROOT", str(root)).replace("TLS", pair))
    with tls.connect(d.address, ca.client()) as c:
        assert c.call("GET", "/s/large.bin").body == LARGE
        assert c.call("GET", "/s/hello.txt").body == b"hello\n"
        assert len(parts_of(c.call("GET", "/s/large.bin", {"Range": "bytes=0-1,1000-1001"}))) == 2


# Redirections, and what is always the same.

def test_a_redirection_keeps_path_and_query(d):
    answer = d.get("/old/a/b%20c?d")
    assert (answer.status, answer["location"]) == (301, "/s/a/b%20c?d")
    assert d.call("POST", "/old/x", body=b"x").status == 301


def test_an_answer_that_is_always_the_same(d):
    answer = d.get("/robots.txt")
    assert (answer.status, answer.body, answer["cache-control"]) == (200, b"User-agent: *\n", "max-age=9")


def test_a_directory_that_is_not_there_is_said_with_its_place(run_weir, tmp_path):
    (tmp_path / "c.yaml").write_text('routes: [{path: "/{p...}", static: {root: nowhere}}]\n')
    done = run_weir("-t", "-c", "c.yaml")
    assert done.code == 78
    assert re.search(r"c.yaml:1:43: root: .*/nowhere: No such file or directory", done.stderr)
