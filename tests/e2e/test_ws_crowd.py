"""Slow clients of WebSockets: what they do not take costs them, and nobody else."""
import resource
import signal
import time

import pytest

from daemon import SANITIZED, WAIT_S
from process import memory_of
from websocket import Session, close_frame, frame
from ws_crowd import Readers, many

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
  - {path: /flood/close-late, websocket: true, handler: e2e_flow.flood, slow_client: close, send_queue: 64MiB}
  - {path: /ws/echo, websocket: true, handler: wsecho.echo, max_message: 16MiB}
"""
def is_flat(growth, most):
    """Sanitizers keep what was freed for a while."""
    return SANITIZED or growth < most


# Two of these queues are more than the budget.
TIGHT = "send_queue_budget: 4MiB\n" + CONFIG.replace("64MiB", "4MiB")


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
    return b"".join(frame(f"{text} {i}".ljust(SIZE), mask=None) for i in range(n))


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
    assert is_flat(most, N * 96 * 1024)
    # They come back: what they find is in order, and without the oldest of what waited.
    got = []
    stuck[0].text("last words")
    while not got or got[-1] != b"last words":
        got.append(stuck[0].message()[1])
    numbers = [int(m.split()[0].partition(b"-")[2]) * BATCH + int(m.split()[1]) for m in got[:-1]]
    assert numbers == sorted(set(numbers)) and len(numbers) < N_BATCHES * BATCH
    assert numbers[-63:] == list(range(N_BATCHES * BATCH - 63, N_BATCHES * BATCH))
    close_all(readers, stuck)


def test_who_is_too_slow_for_a_relay_loses_the_oldest(daemon):
    d = daemon(CONFIG)
    readers, stuck, most, _ = broadcast(d, "drop", queue=16)
    assert is_flat(most, N * 96 * 1024)
    stuck[-1].text("last words")
    got = []
    while not got or got[-1] != b"last words":
        got.append(stuck[-1].message()[1])
    assert 15 < len(got) < N_BATCHES * BATCH
    close_all(readers, stuck)


def test_who_is_too_slow_for_a_relay_is_closed_at_once_and_told_why(daemon):
    d = daemon(CONFIG)
    readers, stuck, most, expected = broadcast(d, "close")
    assert is_flat(most, N * 96 * 1024)
    # Although they have not read a byte yet.
    d.wait_log("the relay ended: 1013", count=N)
    for peer in stuck:
        got, code = peer.messages_to_the_close()
        assert code == 1013
        assert expected.startswith(b"".join(frame(one, mask=None) for one in got))
        peer.close()
    readers.close()
    assert len(d.err.lines) and "1013" in d.err.text


# One session that is sent more than it takes.

def number_of(message):
    return int(message.split()[0])


def flood(d, kind, n, size=16_384):
    peer = Session(d.address, f"/flood/{kind}?n={n}&size={size}", read_bytes=4096)
    peer.text("go")
    return peer


def take_flood(peer, n):
    """The numbers that came, up to the last one."""
    got = []
    while not got or got[-1] != n - 1:
        got.append(number_of(peer.message()[1]))
    assert got == sorted(set(got))
    return got


def take_until_quiet(peer):
    """The numbers of what is under way."""
    got = []
    peer.sock.settimeout(1)
    try:
        while True:
            got.append(number_of(peer.message()[1]))
    except TimeoutError:
        return got
    finally:
        peer.sock.settimeout(WAIT_S)


def test_a_sender_waits_for_a_slow_client_who_then_gets_everything(daemon):
    d = daemon(CONFIG)
    before = memory_of(d.workers()[0])
    with flood(d, "wait", 1000) as peer:
        assert d.get("/pid").status == 200
        assert is_flat(memory_of(d.workers()[0]) - before, MIB)
        assert "the flood" not in d.err.text
        assert take_flood(peer, 1000) == list(range(1000))
        d.wait_log("the flood is over: 1000")


def test_where_the_oldest_are_dropped_the_sender_never_waits(daemon):
    d = daemon(CONFIG)
    worker = d.workers()[0]
    before = memory_of(worker)
    with flood(d, "drop", 2000) as peer:
        d.wait_log("the flood is over: 2000")
        assert is_flat(memory_of(worker) - before, 3 * MIB)
        got = take_flood(peer, 2000)
        # The queue's worth of the latest, and what was under way.
        n_queued = MIB // 16_384 - 2
        assert got[-n_queued:] == list(range(2000 - n_queued, 2000))
        assert len(got) < 1000
        peer.text("go")
        assert number_of(peer.message()[1]) == 0


def test_a_smaller_queue_keeps_less(daemon):
    d = daemon(CONFIG)
    with flood(d, "drop-small", 2000, size=1024) as peer:
        d.wait_log("the flood is over: 2000")
        tail = take_flood(peer, 2000)
        start = next(i for i in range(len(tail) - 1, 0, -1) if tail[i - 1] != tail[i] - 1)
        assert 40 < len(tail) - start <= 64


def test_messages_that_have_waited_too_long_are_dropped(daemon):
    d = daemon(CONFIG)
    worker = d.workers()[0]
    with flood(d, "drop-soon", 1000) as peer:
        d.wait_log("the flood is over: 1000")
        full = memory_of(worker)
        assert full > 8 * MIB
        time.sleep(0.9)  # three times as long as anything may wait
        assert SANITIZED or memory_of(worker) < full - 8 * MIB
        assert 999 not in take_until_quiet(peer)
        peer.text("go")
        assert number_of(peer.message()[1]) == 0


def test_who_is_too_slow_is_closed_where_the_route_says_so(daemon):
    d = daemon(CONFIG)
    with flood(d, "close", 2000) as peer:
        d.wait_log(r"the flood ended at \d+ with -32")
        got, code = peer.messages_to_the_close()
        assert code == 1013
        assert list(map(number_of, got)) == list(range(len(got)))


def test_who_is_too_slow_for_too_long_is_closed_too(daemon):
    d = daemon(CONFIG)
    with flood(d, "close-soon", 200) as peer:
        d.wait_log("the flood is over: 200")
        d.wait_log("the flooded one is closed: 1013")
        got, code = peer.messages_to_the_close()
        assert code == 1013
        assert list(map(number_of, got)) == list(range(len(got)))


def test_all_queues_together_have_a_budget_that_the_fullest_pays(daemon):
    d = daemon(TIGHT)
    worker = d.workers()[0]
    before = memory_of(worker)
    modest = flood(d, "drop-soon", 40)
    d.wait_log("the flood is over: 40")
    greedy = [flood(d, "drop", 2000) for _ in range(10)]
    d.wait_log("the flood is over: 2000", count=len(greedy))
    assert is_flat(memory_of(worker) - before, 8 * MIB)
    for peer in greedy:
        take_flood(peer, 2000)
        peer.reset()
    modest.reset()


def test_who_has_paid_for_the_others_keeps_nothing_longer_for_that(daemon):
    d = daemon(TIGHT)
    with flood(d, "drop-soon", 230) as payer:
        d.wait_log("the flood is over: 230")
        with flood(d, "drop-soon", 100):
            d.wait_log("the flood is over: 100")
            time.sleep(0.9)  # three times as long as anything may wait
            assert 229 not in take_until_quiet(payer)


def test_over_the_budget_who_is_to_be_closed_is_closed(daemon):
    d = daemon(TIGHT)
    with flood(d, "close-late", 230) as payer:
        d.wait_log("the flood is over: 230")
        with flood(d, "close-late", 100) as other:
            d.wait_log("the flood is over: 100")
            got, code = payer.messages_to_the_close()
            assert code == 1013 and len(got) < 100
            assert take_flood(other, 100) == list(range(100))


# Many who are just there.

def test_ten_thousand_idle_sessions_cost_little_and_are_all_told_that_the_server_stops(daemon):
    n = 1000 if SANITIZED else 10_000
    d = daemon(CONFIG + "graceful_timeout: 10s\n")
    worker = d.workers()[0]
    warm = many(d, 200, "/ws/echo")
    before = memory_of(worker)
    started = time.monotonic()
    peers = many(d, n, "/ws/echo")
    took = time.monotonic() - started
    each = (memory_of(worker) - before) / n
    print(f"{n} sessions opened in {took:.2f} s, {each:.0f} bytes each")
    assert is_flat(each, 6 * 1024)
    started = time.monotonic()
    d.send_signal(signal.SIGTERM)
    for peer in warm + peers:
        assert peer.closing() == (1012, "")
        peer.send(close_frame(1012))
    for peer in warm + peers:
        assert peer.sock.recv(1) == b""
        peer.close()
    assert d.wait() == 0
    print(f"all closed in {time.monotonic() - started:.2f} s")
