"""TLS as an operator meets it: what is wrong with files, certificates that are renewed, rules of routes,
and what a scanner says."""
import os
import re
import shutil
import signal
import subprocess

import pytest

import daemon as daemon_module
import routes
import tls

SITE = """
workers: 2
log_level: info
listen:
  - address: "{address}"
    tls: {certificate: server.pem, key: server-key.pem%s}
module_path: ["{build}/examples"]
modules: [{path: hello.so}]
routes: [{path: /hello, handler: hello.hello%s}]
"""


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    return tls.Authority(tmp_path_factory.mktemp("certificates"))


def site(more="", route=""):
    return SITE % (more, route)


def check(run_weir, directory, text):
    """What weir -t says of this configuration."""
    (directory / "weir.yaml").write_text(text.replace("{address}", "127.0.0.1:1").replace(
        "{build}", str(daemon_module.BUILD)))
    return run_weir("-t", "-c", directory / "weir.yaml")


# Mistakes.

@pytest.fixture
def place(tmp_path, ca):
    """A directory with a good certificate."""
    own = tmp_path / "site"
    own.mkdir()
    shutil.copy(ca.file, own / "ca.pem")
    shutil.copy(ca.dir / "ca-key.pem", own / "ca-key.pem")
    authority = tls.Authority.__new__(tls.Authority)
    authority.dir, authority.name, authority.file = own, "ca", own / "ca.pem"
    authority.issue("server")
    return authority


def test_a_good_configuration_is_fine(run_weir, place):
    done = check(run_weir, place.dir, site())
    assert (done.code, done.stderr) == (0, f"{place.dir}/weir.yaml: the configuration is fine\n")


def spoil_missing(place):
    (place.dir / "server-key.pem").unlink()


def spoil_key_of_another(place):
    place.issue("another")
    shutil.copy(place.dir / "another-key.pem", place.dir / "server-key.pem")


def spoil_no_pem(place):
    (place.dir / "server.pem").write_text("hello\n")


def spoil_no_key(place):
    (place.dir / "server-key.pem").write_text("hello\n")


def spoil_directory(place):
    (place.dir / "server.pem").unlink()
    (place.dir / "server.pem").mkdir()


def spoil_weak(place):
    place.issue("server", key="weak")


def spoil_password(place):
    tls.openssl("pkey", "-in", "server-key.pem", "-aes256", "-passout", "pass:secret", "-out", "new.pem",
                directory=place.dir)
    (place.dir / "new.pem").rename(place.dir / "server-key.pem")


@pytest.mark.parametrize("spoil, column, words", [
    (spoil_missing, 38, r"key: cannot read .*/server-key.pem: No such file or directory"),
    (spoil_key_of_another, 38, r"server-key.pem: the key is not that of the certificate"),
    (spoil_no_pem, 24, r"server.pem: there is no certificate in PEM in it"),
    (spoil_no_key, 38, r"server-key.pem: there is no private key in PEM in it"),
    (spoil_directory, 24, r"certificate: cannot read .*/server.pem: Is a directory"),
    (spoil_weak, 38, r"server-key.pem: the key has 1024 bits; at least 2048 are needed"),
    (spoil_password, 38, r"server-key.pem: the key is encrypted.*openssl pkey"),
])
def test_what_is_wrong_with_a_file_is_said_where_it_is_named(run_weir, place, spoil, column, words):
    spoil(place)
    done = check(run_weir, place.dir, site())
    assert done.code == 78
    assert re.search(rf"weir.yaml:6:\d+: .*{words}", done.stderr), done.stderr
    assert len(re.findall(r"^\S+:\d+:\d+: ", done.stderr, re.M)) == 1, done.stderr


@pytest.mark.parametrize("more, words", [
    (", verify: require", "verify needs \"client_ca\""),
    (", client_ca: ca.pem", "no client is asked for a certificate"),
    (", ciphers: NONSENSE", "ciphers: OpenSSL knows none of \"NONSENSE\""),
    (", ciphersuites: NONSENSE", "ciphersuites: OpenSSL does not know all of \"NONSENSE\""),
    (", min_version: TLSv1.1", "\"TLSv1.1\" is none of TLSv1.2, TLSv1.3"),
    (", verify: require, client_ca: server-key.pem", "there is no certificate in PEM in it"),
    (", certificates: [{certificate: server.pem}]", "a certificate needs \"key\""),
    (", cert: x", "unknown key \"cert\" in tls"),
])
def test_what_is_wrong_with_an_option_is_said(run_weir, place, more, words):
    done = check(run_weir, place.dir, site(more))
    assert done.code == 78
    assert words in done.stderr
    assert len(re.findall(r"^\S+:\d+:\d+: ", done.stderr, re.M)) == 1, done.stderr


def test_an_expired_certificate_is_only_a_warning(run_weir, place):
    place.issue("server", dates=("-days", "-1"))
    done = check(run_weir, place.dir, site())
    assert done.code == 0
    assert re.search(r"weir.yaml:6:\d+: warning: .*the certificate expired on .*: clients will refuse it",
                     done.stderr)


def test_a_chain_in_the_wrong_order_is_a_warning(run_weir, place):
    stranger = tls.Authority(place.dir, "stranger")
    with open(place.dir / "server.pem", "a", encoding="ascii") as out:
        out.write(stranger.file.read_text())
    done = check(run_weir, place.dir, site())
    assert done.code == 0
    assert "certificate 2 of the file has not signed the one before it" in done.stderr


def test_what_is_in_effect_is_printed_and_can_be_read_again(run_weir, place):
    (place.dir / "weir.yaml").write_text(site(", ciphers: ECDHE-ECDSA-AES128-GCM-SHA256").replace(
        "{address}", "127.0.0.1:1").replace("{build}", str(daemon_module.BUILD)))
    done = run_weir("-T", "-c", place.dir / "weir.yaml")
    assert f'certificate: "{place.dir}/server.pem"' in done.stdout
    again = place.dir / "again.yaml"
    again.write_text(done.stdout)
    assert run_weir("-t", "-c", again).code == 0


# Renewal.

def serial(d, ca):
    with tls.connect(d.address, ca.client()) as c:
        assert c.call("GET", "/hello").status == 200
        return c.sock.getpeercert()["serialNumber"]


@pytest.fixture
def renewable(daemon, ca, tmp_path):
    """A daemon and what renews its certificate: install(name) copies name.pem over it."""
    for name in "first", "second":
        if not (ca.dir / f"{name}.pem").exists():
            ca.issue(name)
    own = tmp_path / "live"
    own.mkdir()

    def install(name, key=None):
        for source, target in (name, "server.pem"), (f"{key or name}-key", "server-key.pem"):
            shutil.copy(ca.dir / f"{source}.pem", own / "new")
            os.rename(own / "new", own / target)

    install("first")
    d = daemon(site().replace("server.pem", f"{own}/server.pem").replace("server-key.pem",
                                                                         f"{own}/server-key.pem"))
    return d, install


def test_a_file_that_changes_is_served_to_new_connections_while_old_ones_stay(renewable, ca):
    d, install = renewable
    before = serial(d, ca)
    with tls.connect(d.address, ca.client()) as c:
        install("second")
        d.wait_log("new certificates")
        daemon_module.wait_until(lambda: all(serial(d, ca) != before for _ in range(8)), d.story)
        assert c.call("GET", "/hello").status == 200
        assert c.sock.getpeercert()["serialNumber"] == before


def test_sighup_reads_certificates_at_once(renewable, ca):
    d, install = renewable
    before = serial(d, ca)
    install("second")
    d.send_signal(signal.SIGHUP)
    d.wait_log("reloaded: ")
    daemon_module.wait_until(lambda: all(serial(d, ca) != before for _ in range(8)), d.story)


def test_a_session_is_resumed_after_a_reload(renewable, ca):
    d, _ = renewable
    context, saved = ca.client(), None
    for _ in range(3):
        with tls.connect(d.address, context, session=saved) as c:
            assert c.call("GET", "/hello").status == 200
            assert c.sock.session_reused == bool(saved)
            saved = c.sock.session
        mark = d.mark()
        d.send_signal(signal.SIGHUP)
        d.wait_log("reloaded: ", after=mark)


def test_a_reload_with_a_bad_certificate_changes_nothing(renewable, ca):
    d, install = renewable
    before = serial(d, ca)
    install("second", key="first")
    d.send_signal(signal.SIGHUP)
    d.wait_log("the new configuration is not used: nothing has changed")
    assert "server-key.pem: the key is not that of the certificate" in d.err.text
    assert serial(d, ca) == before


def test_a_bad_new_certificate_keeps_the_old_one(renewable, ca):
    d, install = renewable
    before = serial(d, ca)
    install("second", key="first")
    d.wait_log("server-key.pem: the key is not that of the certificate")
    d.wait_log("the new certificates cannot be used: the old ones stay")
    assert serial(d, ca) == before
    install("second")
    d.wait_log("new certificates: ")
    daemon_module.wait_until(lambda: serial(d, ca) != before, d.story)


def test_a_worker_that_comes_later_has_the_new_certificate(renewable, ca):
    d, install = renewable
    before = serial(d, ca)
    install("second")
    d.wait_log("new certificates")
    d.expected_reports = None
    for pid in d.workers():
        os.kill(pid, signal.SIGKILL)
    d.wait_log("is ready again", 2)
    for _ in range(8):
        assert serial(d, ca) != before


def test_an_adopted_port_speaks_tls_too(daemon, ca, tmp_path):
    """While a slot has no worker, another one accepts for it."""
    ca.issue("server")
    text = routes.config(workers=2).replace(
        'address: "{address}"', f'address: "{{address}}", tls: {{certificate: {ca.dir}/server.pem, '
        f'key: {ca.dir}/server-key.pem}}')
    d = daemon(text)
    victim = d.workers()[0]
    os.kill(victim, signal.SIGSTOP)
    os.kill(victim, signal.SIGTERM)
    os.kill(victim, signal.SIGCONT)
    d.wait_log("ended")
    for _ in range(16):
        with tls.connect(d.address, ca.client()) as c:
            assert c.call("GET", "/hello").status == 200


# Rules of routes.

def test_plain_requests_are_redirected_and_secure_ones_told_to_stay(daemon, ca, port):
    ca.issue("server")
    other = port()
    text = site(route=f", redirect_https: {other}, hsts: 8760h, hsts_subdomains: true")
    text = text.replace("server.pem", f"{ca.dir}/server.pem").replace("server-key.pem",
                                                                      f"{ca.dir}/server-key.pem")
    text = text.replace("listen:\n", f"listen:\n  - address: 127.0.0.1:{other}\n    tls: "
                        f"{{certificate: {ca.dir}/server.pem, key: {ca.dir}/server-key.pem}}\n")
    text = re.sub(r'address: "\{address\}"\n    tls: .*', 'address: "{address}"', text)
    d = daemon(text)
    response = d.get("/hello?a=%20b&c")
    assert response.status == 308
    assert response["location"] == f"https://localhost:{other}/hello?a=%20b&c"
    assert response["strict-transport-security"] is None
    with tls.connect(("127.0.0.1", other), ca.client()) as c:
        response = c.call("GET", "/hello")
        assert response.status == 200
        assert response["strict-transport-security"] == "max-age=31536000; includeSubDomains"


def test_answers_without_a_handler_tell_it_too(daemon, ca):
    ca.issue("server")
    text = ("hsts: 1h\nmax_body: 10B" + site()).replace("server.pem", f"{ca.dir}/server.pem")
    d = daemon(text.replace("server-key.pem", f"{ca.dir}/server-key.pem").replace("hello.hello", "hello.hello, methods: [GET]"))
    with tls.connect(d.address, ca.client()) as c:
        for method, target, body, status in (("GET", "/nowhere", None, 404), ("DELETE", "/hello", None, 405),
                                             ("OPTIONS", "/hello", None, 204), ("GET", "/hello", b"x" * 11, 413)):
            response = c.call(method, target, body=body)
            assert (response.status, response["strict-transport-security"]) == (status, "max-age=3600")


def test_a_redirect_keeps_the_host_and_drops_its_port(daemon):
    text = routes.config(redirect_https=443)
    d = daemon(text)
    assert d.call("POST", "/show", host="shop.example.org:8080")["location"] == "https://shop.example.org/show"
    assert d.call("GET", "/show", host="[::1]:80")["location"] == "https://[::1]/show"
    assert d.call("GET", "/show", host=None, version="1.0").status == 400
    assert d.call("GET", "/nowhere").status == 404


# Weaknesses.

def test_a_scanner_finds_no_weakness(daemon, ca, tmp_path):
    if not shutil.which("sslscan"):
        pytest.skip("no sslscan")
    ca.issue("server")
    text = site().replace("server.pem", f"{ca.dir}/server.pem").replace("server-key.pem",
                                                                        f"{ca.dir}/server-key.pem")
    d = daemon(text)
    said = subprocess.run(["sslscan", "--no-colour", "--show-certificate", f"127.0.0.1:{d.port}"], check=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=120).stdout.decode()
    for version in "SSLv2", "SSLv3", "TLSv1.0", "TLSv1.1":
        assert re.search(rf"^{version}\s+disabled$", said, re.M), said
    for version in "TLSv1.2", "TLSv1.3":
        assert re.search(rf"^{version}\s+enabled$", said, re.M), said
    assert "Server supports TLS Fallback SCSV" in said, said
    assert "Session renegotiation not supported" in said, said
    assert "vulnerable to heartbleed" not in said.replace("not vulnerable to heartbleed", ""), said
    ciphers = re.findall(r"^(?:Preferred|Accepted)\s+TLSv1\.\d\s+(\d+) bits\s+(\S+)", said, re.M)
    assert len(ciphers) >= 6, said
    for bits, cipher in ciphers:
        assert int(bits) >= 128 and re.search("GCM|CHACHA20", cipher), said
        assert cipher.startswith(("TLS_", "ECDHE-")), said
