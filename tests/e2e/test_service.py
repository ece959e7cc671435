"""What a service manager is told, and what it hands over: without one, but for a test in its role."""
import os
import signal
import socket
import time

import pytest

import client
from daemon import WAIT_S
from handed import launcher

CONFIG = """
workers: 2
access_log: off
log_level: notice
listen: [{listen}]
modules: [{{{{path: "{{build}}/examples/hello.so"}}}}, {{{{path: "{{build}}/tests/modules/e2e_stall.so"}}}}]
routes:
  - {{{{path: /hello, handler: hello.hello}}}}
  - {{{{path: "/burn/{{{{ms}}}}", handler: e2e_stall.burn}}}}
"""


def config(listen='{address: "{address}"}'):
    return CONFIG.format(listen=listen.replace("{", "{{").replace("}", "}}")) \
        .replace("{{", "{").replace("}}", "}")


class Manager:
    """The socket that NOTIFY_SOCKET names, and what was said there."""

    def __init__(self, directory):
        self.path = str(directory / "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.settimeout(WAIT_S)

    def wait_for(self, words):
        """Everything up to the first message with these words."""
        heard = []
        while not heard or words not in heard[-1]:
            try:
                heard.append(self.socket.recv(4096).decode())
            except TimeoutError:
                raise AssertionError(f"{words!r} was not said, only {heard}") from None
        return heard

    def forget(self):
        """What has been said up to now."""
        self.socket.setblocking(False)
        try:
            while True:
                self.socket.recv(4096)
        except BlockingIOError:
            self.socket.settimeout(WAIT_S)


@pytest.fixture
def manager(tmp_path):
    manager = Manager(tmp_path)
    yield manager
    manager.socket.close()


def test_the_service_manager_hears_of_start_reload_and_stop(daemon, manager):
    d = daemon(config(), env={"NOTIFY_SOCKET": manager.path})
    manager.wait_for("READY=1")
    where = f"127.0.0.1:{d.port}"
    manager.wait_for(f"STATUS=Serving on {where}, 2 of 2 workers ready")
    os.kill(d.workers()[0], signal.SIGKILL)
    manager.wait_for("1 of 2 workers ready")
    manager.wait_for("2 of 2 workers ready")
    d.send_signal(signal.SIGHUP)
    reload = manager.wait_for("RELOADING=1")[-1]
    assert abs(int(reload.partition("MONOTONIC_USEC=")[2]) / 1e6 - time.monotonic()) < WAIT_S
    manager.wait_for("READY=1")
    d.send_signal(signal.SIGTERM)
    assert "EXTEND_TIMEOUT_USEC=" in manager.wait_for("STOPPING=1")[-1]
    assert d.wait() == 0


def test_the_watchdog_is_fed_only_while_all_loops_turn(daemon, manager):
    d = daemon(config(), env={"NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "800000"})
    for _ in range(3):
        manager.wait_for("WATCHDOG=1")
    mark = d.mark()
    with d.connect() as connection:
        connection.send(b"GET /burn/2000 HTTP/1.1\r\nHost: x\r\n\r\n")
        d.wait_log(r"the loop of worker \d has not turned for \d+ ms: the service manager's watchdog "
                   "is not fed any more", after=mark)
        manager.forget()
        d.wait_log("all loops turn again: the service manager's watchdog is fed", after=mark)
        manager.wait_for("WATCHDOG=1")
        assert connection.response().status == 200


def test_sockets_are_inherited_by_name_and_shared_by_all_workers(daemon, tmp_path, port):
    local = tmp_path / "local.sock"
    program = launcher(tmp_path, "local:http", [str(local), ("127.0.0.1", port())])
    d = daemon(config('{address: "systemd:http"}, {address: "systemd:local"}'), program=program, ready=None)
    line = d.wait_log("ready: listening on systemd:http")
    assert f"systemd:local (unix:{local}"[:70] in line
    d.port = int(line.partition("systemd:http (127.0.0.1:")[2].partition(")")[0])
    d.address = ("127.0.0.1", d.port)
    for _ in range(2):
        assert d.get("/hello").status == 200
        with client.Connection(str(local)) as connection:
            assert connection.call("GET", "/hello").status == 200
        # Another accepts from the same socket.
        mark = d.mark()
        os.kill(d.workers()[0], signal.SIGKILL)
        d.wait_log("is ready again", after=mark)
    assert d.stop() == 0
    assert local.exists(), "it is the service manager's file"


def test_a_socket_that_was_not_handed_over_is_said_with_its_line(tmp_path, port, run_weir):
    (tmp_path / "x.yaml").write_text('access_log: off\nlisten:\n  - address: systemd:web\n')
    done = run_weir("-c", tmp_path / "x.yaml",
                    program=launcher(tmp_path, "http", [("127.0.0.1", port())]))
    assert done.code == 78
    assert 'x.yaml:3:5: address: systemd:web: no socket has that name, only "http"' in done.stderr
    assert 'given a socket "http", which no listener uses' in done.stderr
    done = run_weir("-c", tmp_path / "x.yaml")
    assert done.code == 78
    assert "start a socket unit that says FileDescriptorName=web" in done.stderr
    # Who checks is not handed anything.
    assert run_weir("-t", "-c", tmp_path / "x.yaml").code == 0
