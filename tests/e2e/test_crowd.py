"""A crowd that does everything at once, at random: good and bad requests, cut, mutated, half sent,
unread, reset. Nothing particular is expected of an answer; what must hold in the end is that the
same worker still serves, that nobody is left waiting in it, and that no sanitizer has a word to say.

    WEIR_SEED=7 WEIR_CROWD_S=600 python3 -m pytest tests/e2e/test_crowd.py
"""
import os
import random
import re
import socket
import struct
import threading
import time

import daemon as daemon_module
import routes

HOST = "Host: localhost\r\n"
N_CLIENTS = 24
SECONDS = float(os.environ.get("WEIR_CROWD_S", 8))

# Nobody who waits for its client to leave: the end of one that has sent a pipeline too long for the
# kernel stands behind bytes that are not read while the handler runs, and so never arrives.
READERS = ["/body", "/body/small", "/body/unread", "/body/started", "/body/finish", "/body/count", "/body/count?gate=2",
           "/echo", "/asgi/echo", "/asgi/shout", "/tagged/body", "/hello", "/nowhere"]
FAILING = ["/fail/eio", "/fail/silently", "/fail-midway/error", "/fail-midway/short", "/fail-long", "/fail-after", "/fail-deadline",
           "/answer-twice", "/exhaust", "/exhaust/again", "/tagged/twice", "/asgi/late", "/asgi/twice", "/asgi/early"]
WAITING = ["/hold/0", "/hold/1", "/hold/1/finish", "/half/1", "/tree/1", "/anyway/1", "/shielded/2", "/stubborn/2"]
OTHERS = ["/hello", "/hints", "/fields", "/show", "/scratch?n=20", "/tagged", "/status/204", "/status/304"]
NONSENSE = [b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"\n", b"\0" * 10, b"GET /" + b"y" * 9000 + b" HTTP/1.1\r\n",
            f"GET /hello HTTP/1.1\r\n{HOST}X: ".encode() + b"z" * 20_000 + b"\r\n\r\n", b"z" * 70_000]
# The same holds for an endless answer whose bytes nobody gets: a mutant may have lost its end, or a number that is one.
ENDLESS = re.compile(rb"HEAD /stream(?!\?n=\d+&)|/scratch(?!\?n=\d+ )")


def n_descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


class Client:
    """Makes up requests, and sends them badly."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def _get(self, target):
        method = self.random.choice(["GET", "GET", "GET", "HEAD", "POST"])
        version = self.random.choice(["1.1", "1.1", "1.1", "1.0"])
        connection = self.random.choice(["", "", "Connection: close\r\n", "Connection: keep-alive\r\n"])
        return f"{method} {target} HTTP/{version}\r\n{HOST}{connection}\r\n".encode()

    def _post(self):
        body = b"x" * self.random.choice([0, 1, 5, 100, 1000, 5000, 20_000, 70_000])
        expect = self.random.choice(["", "", "Expect: 100-continue\r\n"])
        head = f"POST {self.random.choice(READERS)} HTTP/1.1\r\n{HOST}{expect}"
        if self.random.random() < 0.5:
            return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
        size = self.random.choice([1, 777, 16_384])
        chunks = [body[i:i + size] for i in range(0, min(len(body), 200 * size), size)]
        last = self.random.choice([b"0\r\n\r\n", b"0\r\nT: v\r\n\r\n", b"0\r\nT: v\n\r\n", b"zz\r\n", b""])
        return (f"{head}Transfer-Encoding: chunked\r\n\r\n".encode()
                + b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + last)

    def _request(self):
        rand = self.random
        kind = rand.randrange(12)
        if kind < 4:
            return self._post()
        if kind == 4:
            return self._get(f"/stream?n={rand.randrange(20)}&size={rand.choice([1, 100, 16_384, 200_000])}")
        if kind == 5:
            promise = rand.choice(["", "&promise=1"])
            return self._get(f"/file?offset={rand.randrange(300_000)}&len={rand.randrange(100_000)}{promise}")
        if kind == 6:
            return self._get(f"/release/{rand.randrange(3)}")
        if kind == 7:
            return rand.choice(NONSENSE)
        return self._get(rand.choice(rand.choice([FAILING, WAITING, OTHERS])))

    def _requests(self):
        rand = self.random
        data = b"".join(self._request() for _ in range(rand.choice([1, 1, 1, 2, 3, 8])))
        if rand.random() < 0.2:
            data = data[:rand.randrange(len(data) + 1)]
        if rand.random() < 0.1:
            at = rand.randrange(len(data) + 1)
            mutant = data[:at] + bytes([rand.randrange(256)]) + data[at + 1:]
            data = data if ENDLESS.search(mutant) else mutant
        return data

    def _send(self, sock, data):
        rand = self.random
        is_whole = rand.random() < 0.3
        while data:
            size = len(data) if is_whole else rand.choice([1, 7, 100, 4096, 16_384, 70_000])
            try:
                data = data[sock.send(data[:size]):]
            except socket.timeout:
                if rand.random() < 0.3:
                    return
            if rand.random() < 0.3:
                self._receive(sock, rand.choice([1, 1000, 65_536]))

    def _receive(self, sock, size):
        try:
            return sock.recv(size)
        except socket.timeout:
            return b""

    def _leave(self, sock):
        how = self.random.randrange(6)
        if how == 0:
            sock.shutdown(socket.SHUT_WR)
        if how < 3:
            while self._receive(sock, 65_536) and self.random.random() > 0.02:
                continue
        if how == 3:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if how == 4:
            self._receive(sock, 100)

    def visit(self, address):
        with socket.create_connection(address) as sock:
            sock.settimeout(0.02)
            try:
                self._send(sock, self._requests())
                self._leave(sock)
            except OSError:
                pass  # a reset, say: that is the server's right


def test_a_crowd_at_its_worst_leaves_a_worker_at_its_best(daemon):
    seed = int(os.environ.get("WEIR_SEED", time.time_ns() % 1_000_000))
    print(f"WEIR_SEED={seed}")
    d = daemon(routes.config(log_level="notice", access_log="off", header_timeout="1s", body_timeout="700ms",
                             send_timeout="1s", keep_alive="1s"))
    workers = d.workers()
    before = n_descriptors(workers[0])
    until = time.monotonic() + SECONDS

    def be_a_nuisance(number):
        client = Client(seed * N_CLIENTS + number)
        while time.monotonic() < until:
            client.visit(d.address)

    threads = [threading.Thread(target=be_a_nuisance, args=(number,)) for number in range(N_CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    def is_quiet():
        # For those who finish although nobody waits for them; a mutant may have chosen any gate.
        for gate in range(10):
            routes.release(d, gate, n=1000)
        return n_descriptors(workers[0]) <= before and routes.state(d)["waiting"] == 0

    daemon_module.wait_until(is_quiet, d.story)
    assert d.workers() == workers
