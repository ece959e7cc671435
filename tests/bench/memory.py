"""What a server grows by, for each of very many things that only wait."""
import contextlib
import pathlib
import resource
import socket

from servers import BenchError
from ws_client import WsClient

PATIENCE_S = 60
HELLO = b"GET /hello HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n"
CROWD = b"GET /crowd/%d HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n"


def pss(server):
    """Bytes, the server's processes together; pages that they share count once."""
    total = 0
    for pid in server.pids():
        for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1]) * 1024
    return total


def _ask(server, request, until):
    """A connection that has its answer, as far as the bytes to wait for, and stays open."""
    client = socket.create_connection(("127.0.0.1", server.port), PATIENCE_S)
    try:
        client.sendall(request)
        answer = b""
        while until not in answer:
            got = client.recv(65536)
            if not got:
                raise BenchError(f"{server.name} closed: {answer[-200:]}")
            answer += got
    except BaseException:
        client.close()
        raise
    return client


def idle_connections(server, n):
    """Bytes for each of n connections that have had one request."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, n + 1000), hard))
    with contextlib.ExitStack() as stack:
        def ask():
            stack.enter_context(_ask(server, HELLO % server.port, b"hello, world\n"))
        ask()
        before = pss(server)
        for _ in range(n):
            ask()
        return (pss(server) - before) / n


def suspended_tasks(server, n):
    """Bytes for each of n tasks of one request."""
    _ask(server, CROWD % (1, server.port), b"asleep\n").close()
    before = pss(server)
    with _ask(server, CROWD % (n, server.port), b"asleep\n"):
        return (pss(server) - before) / n


def idle_sessions(client, server, arguments, n, core):
    """
    Bytes for each of n WebSocket sessions when they are open, and after a message on each; then
    what the client reports. One that is there before brings in what is needed once.
    """
    with WsClient(client, server, [*arguments, "-c1"], core) as first:
        first.wait_for("open")
        first.echo()
        before = pss(server)
        with WsClient(client, server, [*arguments, f"-c{n}"], core) as others:
            others.wait_for("open")
            opened = pss(server)
            others.echo()
            echoed = pss(server)
            said = others.end()
    return (opened - before) / n, (echoed - before) / n, said
