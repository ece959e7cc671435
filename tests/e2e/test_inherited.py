"""Listening sockets over HUP and USR2, those of a service manager and our own: nobody who connects notices."""
import pytest

import client
from daemon import wait_until
from handed import launcher, socket_of, sockets_of
from process import Load, config, reload, upgrade

ADDRESS = '[{address: "{address}"}]'


def listening(*addresses, workers=2):
    return config(f"workers: {workers}\naccess_log: off\n").replace(
        ADDRESS, "[%s]" % ", ".join('{address: "%s"}' % address for address in addresses)).replace(
            "log_level: info", "log_level: notice")


def handed_over(daemon, tmp_path, names, addresses, *listen):
    """A daemon that was given these sockets, when it serves."""
    d = daemon(listening(*listen), program=launcher(tmp_path, names, addresses), ready=None)
    d.wait_log("ready: ")
    return d


def is_refused(address):
    try:
        client.Connection(address).close()
    except OSError:
        return True
    return False


def under_load(d, steps, *addresses):
    """Nobody fails meanwhile, neither who stays on his connection nor who always makes a new one."""
    loads = [Load(d, n=2, n_each=n_each, address=address) for address in addresses for n_each in (1, 10 ** 9)]
    try:
        for step in steps:
            for load in loads:
                load.wait_for(5)
            workers = d.workers()
            step(d)
            # All who stay have gone to a new one.
            for load in loads:
                load.wait_for(10)
            wait_until(lambda: not set(workers) & set(d.workers()), d.story)
    finally:
        for load in loads:
            load.finish()
    for load in loads:
        assert not load.refused and not load.broken, f"{load.refused} {load.broken}\n{d.story()}"


def test_inherited_sockets_stay_the_same(daemon, tmp_path, port):
    address, local = ("127.0.0.1", port()), tmp_path / "local.sock"
    d = handed_over(daemon, tmp_path, "http:local", [address, str(local)], "systemd:http", "systemd:local")
    before = [socket_of(d.pid, number) for number in (3, 4)]
    assert all(name.startswith("socket:") for name in before)
    under_load(d, [reload, upgrade, reload, upgrade], address, local)
    assert [socket_of(d.pid, number) for number in (3, 4)] == before
    for pid in d.workers():
        assert set(before) <= sockets_of(pid)
    assert d.stop() == 0
    assert local.exists(), "it is the service manager's file"


def test_one_that_no_listener_wants_for_a_while_is_kept(daemon, tmp_path, port):
    one, other = ("127.0.0.1", port()), ("127.0.0.1", port())
    d = handed_over(daemon, tmp_path, "one:other", [one, other], "systemd:one")
    waiting = client.Connection(other)
    waiting.request("GET", "/pid")
    unused = 'the service manager has given a socket "%s", which no listener uses'
    d.wait_log(unused % "other")
    for change in (reload, upgrade):
        assert d.story().count(unused % "one") == (change == upgrade), "once for each"
        d.write_config(listening("systemd:other"))
        change(d)
        d.wait_log(unused % "one")
        assert waiting.response().status == 200
        waiting = client.Connection(one)
        waiting.request("GET", "/pid")
        d.write_config(listening("systemd:one"))
        change(d)
        assert waiting.response().status == 200
        waiting = client.Connection(other)
        waiting.request("GET", "/pid")


def test_a_unix_listener_stays_the_same(daemon):
    d = daemon(listening("unix:{dir}/s"))
    path = d.dir / "s"
    before = path.stat().st_ino
    under_load(d, [upgrade, reload, upgrade], path)
    assert path.stat().st_ino == before
    assert d.stop() == 0
    assert not path.exists()


def test_an_upgrade_drops_and_adds_listeners(daemon, port):
    d = daemon(listening("{address}", "127.0.0.1:%d" % (dropped := port()), "unix:{dir}/dropped"))
    added = port()
    d.write_config(listening("{address}", f"127.0.0.1:{added}", "unix:{dir}/added"))
    under_load(d, [upgrade], d.address)
    for address in (("127.0.0.1", added), d.dir / "added"):
        assert client.get(address, "/pid").status == 200
    assert not (d.dir / "dropped").exists()
    wait_until(lambda: is_refused(("127.0.0.1", dropped)), d.story)
    assert d.stop() == 0
    assert not (d.dir / "added").exists()


@pytest.mark.parametrize("what", ["address", "file", "name", "log"])
def test_a_program_that_could_not_serve_is_not_executed(daemon, tmp_path, port, what):
    """What only who serves sees: -t finds nothing wrong."""
    address = ("127.0.0.1", port())
    d = handed_over(daemon, tmp_path, "http", [address], "systemd:http", "unix:{dir}/s")
    taken = port()
    other = daemon(listening(f"127.0.0.1:{taken}"))
    (d.dir / "no-socket").touch()
    more, words = {
        "address": (listening("systemd:http", f"127.0.0.1:{taken}"),
                    rf"cannot listen on 127\.0\.0\.1:{taken}: another process already does"),
        "file": (listening("systemd:http", "unix:{dir}/new", "unix:{dir}/no-socket"), "in its place that is no socket"),
        "name": (listening("systemd:https"), 'no socket has that name, only "http"'),
        "log": (listening("systemd:http").replace("access_log: off", 'access_log: "{dir}/none/access.log"'),
                "cannot open the access log"),
    }[what]
    d.write_config(more)
    workers = d.workers()
    upgrade(d, "the new program is not used: nothing has changed")
    d.wait_log(words)
    assert d.workers() == workers
    assert not (d.dir / "new").exists()
    for one in (address, d.dir / "s"):
        assert client.get(one, "/pid").status == 200
    d.write_config(listening("systemd:http", "unix:{dir}/new"))
    upgrade(d)
    assert client.get(d.dir / "new", "/pid").status == 200
    assert not (d.dir / "s").exists()
    assert other.stop() == 0
