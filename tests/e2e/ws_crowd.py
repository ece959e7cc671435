"""WebSocket sessions in numbers."""
import selectors
import time

import daemon as daemon_module
from process import connect_to
from websocket import Session


def many(d, n, target, **options):
    """n sessions, opened beside each other."""
    sessions = []
    for start in range(0, n, 200):
        batch = [Session(d.address, target, is_answered=False, **options) for _ in range(min(200, n - start))]
        for session in batch:
            session.wait_answer()
        sessions += batch
    return sessions


def on_worker(d, pid, target):
    """A session with this worker: connections go to either."""
    connection, _ = connect_to(d, lambda other: other == pid)
    return Session.on(connection, target)


class Readers:
    """Sessions that must all get the same bytes, in order, and nothing else."""

    def __init__(self, sessions):
        self.sessions = sessions
        self.taken = [0] * len(sessions)
        self.selector = selectors.DefaultSelector()
        for number, session in enumerate(sessions):
            session.sock.setblocking(False)
            self.selector.register(session.sock, selectors.EVENT_READ, number)

    def take(self, expected, goal, story):
        """Until each has taken so many of the expected bytes."""
        n_left = sum(taken < goal for taken in self.taken)
        until = time.monotonic() + daemon_module.WAIT_S
        while n_left:
            assert time.monotonic() < until, f"{n_left} wait for more\n{story()}"
            for key, _ in self.selector.select(1):
                number = key.data
                data = key.fileobj.recv(262_144)
                at = self.taken[number]
                assert data, f"reader {number} was cut off after {at} bytes\n{story()}"
                assert data == expected[at:at + len(data)], f"reader {number}: something else at {at}\n{story()}"
                self.taken[number] = at + len(data)
                n_left -= at < goal <= self.taken[number]

    def close(self):
        self.selector.close()
        for session in self.sessions:
            session.close()
