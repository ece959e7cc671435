"""Sessions that open, publish and die at random: reset, half closed, with garbage, or because they
just stop reading. In the end the same workers still serve, and have lost nothing: no descriptor, no
memory, and no word from a sanitizer.

    WEIR_SEED=7 WEIR_CHURN_S=60 python3 -m pytest tests/e2e/test_ws_churn.py
"""
import os
import random
import socket
import struct
import threading
import time
import zlib

from daemon import SANITIZED, wait_until
from process import memory_of, n_descriptors
from test_pubsub import hear_each_other
from websocket import BINARY, CLOSE, PING, PONG, RSV1, TEXT, Session, close_frame, frame, request
from ws_crowd import on_worker

N_CLIENTS = 16
SECONDS = float(os.environ.get("WEIR_CHURN_S", 6))
MIB = 1024 * 1024

CONFIG = """
log_level: notice
access_log: off
workers: 2
listen: [{address: "{address}"}]
module_path: ["{build}/tests/modules", "{build}/examples"]
modules: [{path: e2e_flow.so}, {path: wsecho.so}, {path: chat.so}, {path: clock.so}]
header_timeout: 1s
send_timeout: 1s
keep_alive: 1s
ping_interval: 300ms
ping_timeout: 700ms
close_timeout: 300ms
send_queue_budget: 1MiB
publish_budget: 1MiB
deflate: true
routes:
  - {path: /pid, handler: e2e_flow.pid}
  - {path: "/publish/{topic}", handler: e2e_flow.publish}
  - {path: "/relay/{topic}", websocket: true, handler: e2e_flow.relay}
  - {path: "/drop/{topic}", websocket: true, handler: e2e_flow.relay, slow_client: drop-oldest, send_queue_age: 200ms}
  - {path: "/close/{topic}", websocket: true, handler: e2e_flow.relay, slow_client: close}
  - {path: "/contexts/{topic}", websocket: true, handler: e2e_flow.relay, deflate_contexts: true}
  - {path: "/halves/{topic}", websocket: true, handler: e2e_flow.halves}
  - {path: "/next/{topic}", websocket: true, handler: e2e_flow.next}
  - {path: "/passing/{topic}", websocket: true, handler: e2e_flow.passing}
  - {path: /flood, websocket: true, handler: e2e_flow.flood}
  - {path: /flood/drop, websocket: true, handler: e2e_flow.flood, slow_client: drop-oldest, send_queue: 64KiB,
     send_queue_age: 200ms}
  - {path: /flood/close, websocket: true, handler: e2e_flow.flood, slow_client: close, send_queue: 256KiB,
     send_queue_age: 200ms}
  - {path: /echo, websocket: true, handler: wsecho.echo, max_message: 64KiB}
  - {path: /echo/plain, websocket: true, handler: wsecho.echo, deflate: false, idle_timeout: 500ms}
  - {path: /pieces, websocket: true, handler: wsecho.echo_pieces, max_lifetime: 700ms}
  - {path: /turns, websocket: true, handler: wsecho.message_echo, max_message: 64KiB}
  - {path: /turns/drop, websocket: true, handler: wsecho.message_echo, slow_client: drop-oldest, send_queue: 64KiB}
  - {path: "/chat/{room}", websocket: true, handler: chat.chat}
  - {path: /clock, websocket: true, handler: clock.clock}
"""

TARGETS = ["/relay/a", "/relay/b?prefix=1&queue=4", "/relay/?prefix=1", "/relay/a?slow=1&queue=8", "/drop/a", "/close/a?queue=4",
           "/contexts/a", "/halves/a?size=100", "/halves/a?size=100000", "/next/a?queue=4", "/next/a?queue=2&slow=1", "/passing/a",
           "/flood?n=50&size=30000", "/flood/drop?n=100&size=20000", "/flood/close?n=100&size=20000", "/echo", "/echo", "/echo/plain",
           "/pieces", "/pieces", "/turns", "/turns", "/turns/drop", "/chat/a?name=x", "/chat/b", "/clock", "/nowhere"]
OFFERS = [[], [], [("Sec-WebSocket-Extensions", "permessage-deflate")],
          [("Sec-WebSocket-Extensions", "permessage-deflate; client_no_context_takeover; server_max_window_bits=9")]]
SIZES = [0, 1, 5, 100, 125, 126, 1000, 20_000, 65_535, 65_536, 70_000, 300_000]


def deflated(data):
    deflater = zlib.compressobj(1, zlib.DEFLATED, -9)
    return (deflater.compress(data) + deflater.flush(zlib.Z_SYNC_FLUSH))[:-4]


# Made once: making them is most of the work.
TEXTS = [b"words " * (size // 6) for size in SIZES]
MESSAGES = [frame(text, opcode) for text in TEXTS for opcode in (TEXT, TEXT, BINARY)]
DEFLATED = [frame(deflated(text), TEXT, True, RSV1) for text in TEXTS]
CHATTER = frame(b"x") * 200
MISTAKES = [
    b"GET / HTTP/1.1\r\n\r\n", frame(b"abc", mask=None), frame(b"\xff\xfe", TEXT), frame(b"x", 3), frame(b"x", 11),
    frame(b"x" * 126, PING), frame(b"x", 0), frame(b"p", PING, False), frame(b"", BINARY, length=1 << 40),
    frame(b"", TEXT, length=1 << 63)[:10], frame(b"x", TEXT, False) + frame(b"y", TEXT), frame(b"\x03", CLOSE),
    close_frame(1005), close_frame(1000, b"\xff"), frame(deflated(b"\0" * 3_000_000), BINARY, True, RSV1)]


class Client:
    """Opens a session and treats it badly."""

    def __init__(self, seed, address):
        self.random = random.Random(seed)
        self.address = address

    def _fragments(self):
        n = self.random.randrange(2, 6)
        parts = []
        for i in range(n):
            parts.append(frame(self.random.choice(TEXTS)[:5000], self.random.choice([TEXT, BINARY]) if i == 0 else 0, i == n - 1))
            if self.random.random() < 0.3:
                parts.append(frame(b"in between", PING))
        return b"".join(parts)

    def _mistake(self):
        noise = self.random.randbytes(self.random.randrange(1, 200))
        return self.random.choice([*MISTAKES, noise, frame(noise, TEXT, True, RSV1)])

    def _some(self):
        kind = self.random.randrange(10)
        if kind < 4:
            return self.random.choice(MESSAGES)
        if kind == 4:
            return self._fragments()
        if kind == 5:
            return frame(b"", self.random.choice([PING, PONG])) * self.random.choice([1, 3, 100])
        if kind == 6:
            return self.random.choice(DEFLATED)
        if kind == 7:
            return CHATTER
        if kind == 8:
            return self._mistake()
        return close_frame(self.random.choice([1000, 1001, 3000, 4999]), b"bye")

    def _receive(self, sock, size):
        try:
            return sock.recv(size)
        except socket.timeout:
            return b""

    def _send(self, sock, data):
        rand = self.random
        is_whole = rand.random() < 0.6
        while data:
            size = len(data) if is_whole else rand.choice([1, 7, 100, 4096, 70_000])
            try:
                data = data[sock.send(data[:size]):]
            except socket.timeout:
                if rand.random() < 0.3:
                    return
            if rand.random() < 0.2:
                self._receive(sock, rand.choice([1, 1000, 65_536]))

    def _publish(self):
        with socket.create_connection(self.address) as sock:
            sock.settimeout(0.1)
            sock.sendall(f"GET /publish/{self.random.choice('ab')}?text=t&n={self.random.choice([1, 20, 100])}"
                         f"&size={self.random.choice([0, 100, 5000])} HTTP/1.0\r\n\r\n".encode())
            self._receive(sock, 1000)

    def _say(self, sock):
        rand = self.random
        data = b"".join(self._some() for _ in range(rand.choice([0, 1, 1, 2, 5, 20])))
        if rand.random() < 0.1:
            data = data[:rand.randrange(len(data) + 1)]
        self._send(sock, data)
        if rand.random() < 0.3:
            self._publish()

    def _leave(self, sock):
        rand = self.random
        how = rand.randrange(7)
        if how == 0:
            sock.shutdown(socket.SHUT_WR)
        if how == 1:
            self._send(sock, close_frame(1000))
        if how < 3:
            until = time.monotonic() + 1
            while self._receive(sock, 65_536) and rand.random() > 0.02 and time.monotonic() < until:
                continue
        if how == 3:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if how == 4:
            time.sleep(rand.choice([0.1, 0.4, 1.2]))  # it just stays, and reads nothing

    def visit(self):
        rand = self.random
        with socket.socket() as sock:
            if rand.random() < 0.3:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.settimeout(0.02)
            try:
                sock.connect(self.address)
                first = request(rand.choice(TARGETS), rand.choice(OFFERS))
                if rand.random() < 0.1:
                    first = first[:rand.randrange(len(first))]
                if rand.random() < 0.5:
                    self._send(sock, first)
                    self._receive(sock, 2000)
                    self._say(sock)
                else:
                    sock.sendall(first + self._some())
                while rand.random() < 0.5:
                    self._say(sock)
                    self._receive(sock, rand.choice([1, 1000, 65_536]))
                self._leave(sock)
            except OSError:
                pass  # a reset, say: that is the server's right


def churn(d, seed, seconds):
    """How many sessions there were."""
    until = time.monotonic() + seconds
    counts = [0] * N_CLIENTS

    def be_a_nuisance(number):
        client = Client(seed * N_CLIENTS + number, d.address)
        while time.monotonic() < until:
            client.visit()
            counts[number] += 1

    threads = [threading.Thread(target=be_a_nuisance, args=(number,)) for number in range(N_CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts)


def test_sessions_that_come_and_die_at_random_leave_nothing_behind(daemon):
    seed = int(os.environ.get("WEIR_SEED", time.time_ns() % 1_000_000))
    print(f"WEIR_SEED={seed}")
    d = daemon(CONFIG)
    workers = d.workers()
    peers = [on_worker(d, pid, "/relay/a") for pid in workers]
    hear_each_other(d, *peers)  # the hub is there, and known to both
    processes = [*workers, d.hub()]
    before = {pid: n_descriptors(pid) - (pid in workers) for pid in processes}
    for peer in peers:
        peer.leave()

    def is_quiet():
        # A handler that waits for a publication does not notice that its session was closed meanwhile.
        for topic in "ab":
            d.get(f"/publish/{topic}?text=wake")
        return all(n_descriptors(pid) <= before[pid] for pid in processes)

    n = churn(d, seed, SECONDS / 2)
    wait_until(is_quiet, d.story)
    memory = {pid: memory_of(pid) for pid in processes}
    n += churn(d, seed + 1, SECONDS / 2)
    wait_until(is_quiet, d.story)
    print(f"{n} sessions; memory {memory}, then { {pid: memory_of(pid) for pid in processes} }")
    assert [*d.workers(), d.hub()] == processes
    for pid in processes:
        grown = memory_of(pid) - memory[pid]
        assert SANITIZED or grown < 4 * MIB, f"{grown} bytes in {pid}\n{d.story()}"
    with Session(d.address, "/echo") as peer:
        assert peer.ask("still there?") == "still there?"
        assert peer.leave() == 1000
