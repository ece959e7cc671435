"""Slow clients of WebSockets: what they do not take costs them, and nobody else."""
import resource

import pytest

import daemon as daemon_module
from daemon import SANITIZED
from wspeer import Peer, Readers, many, memory_of, server_frame

N = 150 if SANITIZED else 1000
MIB = 1024 * 1024

CONFIG = """
log_level: info
access_log: off
workers: 1
max_connections: 12000
send_timeout: 5m
listen: [{address: "{address}"}]
module_path: ["{build}/tests/modules", "{build}/examples"]
modules: [{path: e2e_flow.so}, {path: wsecho.so}]
routes:
  - {path: /pid, handler: e2e_flow.pid}
  - {path: "/publish/{topic}", handler: e2e_flow.publish}
  - {path: "/wait/{topic}", websocket: true, handler: e2e_flow.relay, slow_client: wait}
  - {path: "/drop/{topic}", websocket: true, handler: e2e_flow.relay, slow_client: drop-oldest}
  - {path: "/close/{topic}", websocket: true, handler: e2e_flow.relay, slow_client: close}
  - {path: /flood/wait, websocket: true, handler: e2e_flow.flood}
  - {path: /flood/drop, websocket: true, handler: e2e_flow.flood, slow_client: drop-oldest, send_queue: 1MiB}
  - {path: /flood/drop-small, websocket: true, handler: e2e_flow.flood, slow_client: drop-oldest, send_queue: 64KiB}
  - {path: /flood/drop-soon, websocket: true, handler: e2e_flow.flood, slow_client: drop-oldest,
     send_queue: 64MiB, send_queue_age: 300ms}
  - {path: /flood/close, websocket: true, handler: e2e_flow.flood, slow_client: close, send_queue: 64KiB}
  - {path: /flood/close-soon, websocket: true, handler: e2e_flow.flood, slow_client: close,
     send_queue: 64MiB, send_queue_age: 300ms}
  - {path: /ws/echo, websocket: true, handler: wsecho.echo, max_message: 16MiB}
"""


@pytest.fixture(autouse=True)
def descriptors():
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


# A broadcast, of which half of the listeners take nothing.

SIZE = 4096
BATCH = 16
N_BATCHES = 24


def published(text, n=BATCH):
    """What /publish sends with these words."""
    return b"".join(server_frame(f"{text} {i}".encode().ljust(SIZE)) for i in range(n))


def broadcast(d, kind, queue=64):
    """Some take all, some nothing: both, when all has been published, and how much memory it took."""
    readers = Readers(many(d, N, f"/{kind}/news?queue={queue}"))
    stuck = many(d, N, f"/{kind}/news?queue={queue}", read_bytes=4096)
    worker = d.workers()[0]
    before = memory_of(worker)
    expected = b""
    most = 0
    for i in range(N_BATCHES):
        assert d.get(f"/publish/news?text=batch-{i}&n={BATCH}&size={SIZE}").status == 200
        expected += published(f"batch-{i}")
        readers.take(expected, len(expected), d.story)
        most = max(most, memory_of(worker) - before)
    print(f"grew by {most / N / 1024:.1f} KiB for each that reads nothing")
    return readers, stuck, most, expected


def close_all(readers, stuck):
    readers.close()
    for peer in stuck:
        peer.reset()


def test_those_who_read_lose_nothing_beside_others_who_read_nothing(daemon):
    d = daemon(CONFIG)
    readers, stuck, most, expected = broadcast(d, "wait")
    assert most < N * 96 * 1024
    # They come back: what they find is in order, and without the oldest of what waited.
    got = []
    stuck[0].send("last words")
    while not got or got[-1] != b"last words":
        got.append(stuck[0].message())
    numbers = [int(m.split()[0].partition(b"-")[2]) * BATCH + int(m.split()[1]) for m in got[:-1]]
    assert numbers == sorted(set(numbers)) and len(numbers) < N_BATCHES * BATCH
    assert numbers[-63:] == list(range(N_BATCHES * BATCH - 63, N_BATCHES * BATCH))
    close_all(readers, stuck)


def test_who_is_too_slow_for_a_relay_loses_the_oldest(daemon):
    d = daemon(CONFIG)
    readers, stuck, most, _ = broadcast(d, "drop", queue=16)
    assert most < N * 96 * 1024
    stuck[-1].send("last words")
    got = []
    while not got or got[-1] != b"last words":
        got.append(stuck[-1].message())
    assert 15 < len(got) < N_BATCHES * BATCH
    close_all(readers, stuck)


def test_who_is_too_slow_for_a_relay_is_closed_at_once_and_told_why(daemon):
    d = daemon(CONFIG)
    readers, stuck, most, expected = broadcast(d, "close")
    assert most < N * 96 * 1024
    # Although they have not read a byte yet.
    d.wait_log("the relay ended: 1013", count=N)
    for peer in stuck:
        got, code = peer.messages_to_the_close()
        assert code == 1013
        assert b"".join(map(server_frame, got)) == expected[:sum(len(server_frame(one)) for one in got)]
        peer.close()
    readers.close()
    assert len(d.err.lines) and "1013" in d.err.text
