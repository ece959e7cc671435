"""Publish and subscribe: between workers, past a hub that dies, and in what order."""
import os
import re
import signal

import pytest

from client import Broken
from daemon import SANITIZED, WAIT_S, wait_until
from process import memory_of, n_descriptors
from websocket import CONTINUATION, TEXT, Session, frame
from ws_crowd import on_worker

CONFIG = """
log_level: info
access_log: off
workers: %d
listen: [{address: "{address}"}]
module_path: ["{build}/tests/modules", "{build}/examples"]
modules: [{path: e2e_flow.so}]
routes:
  - {path: /pid, handler: e2e_flow.pid}
  - {path: "/publish/{topic}", handler: e2e_flow.publish}
  - {path: "/relay/{topic}", websocket: true, handler: e2e_flow.relay}
  - {path: "/halves/{topic}", websocket: true, handler: e2e_flow.halves}
  - {path: "/next/{topic}", websocket: true, handler: e2e_flow.next}
  - {path: "/passing/{topic}", websocket: true, handler: e2e_flow.passing}
"""
ONE = CONFIG % 1
TWO = CONFIG % 2
# The same module again, by another name.
ONE_OTHER = ONE.replace("{path: e2e_flow.so}", "{path: e2e_flow.so}, {path: e2e_other.so}") + """
  - {path: "/other/publish/{topic}", handler: e2e_other.publish}
  - {path: "/other/relay/{topic}", websocket: true, handler: e2e_other.relay}
"""


def publish(d, topic, text, **query):
    more = "".join(f"&{name}={value}" for name, value in query.items())
    assert d.get(f"/publish/{topic}?text={text}{more}").status == 200


def both(d):
    """Their pids, once the hub is there and knows what they want."""
    workers = sorted(d.workers())
    assert len(workers) == 2
    return workers


def hear_each_other(d, *peers):
    """Until what each says is heard by all: what is subscribed to takes a moment to get around."""
    for number, peer in enumerate(peers):
        word = f"hear-{number}"

        def is_heard(one):
            while True:
                try:
                    return one.hear() == word or None
                except TimeoutError:
                    return False

        def is_heard_by_all(waiting=list(peers)):
            peer.text(word)
            for one in list(waiting):
                one.sock.settimeout(0.2)
                while (heard := is_heard(one)) is None:
                    pass
                if heard:
                    waiting.remove(one)
                one.sock.settimeout(WAIT_S)
            return not waiting

        wait_until(is_heard_by_all, d.story)


def next_but(peer, *words):
    """The next message that is not one of these."""
    while (text := peer.hear()) in words:
        pass
    return text


GREETINGS = ("hear-0", "hear-1")


# Between workers.

def test_what_one_worker_publishes_is_heard_in_the_other_both_ways(daemon):
    d = daemon(TWO)
    one, other = both(d)
    with on_worker(d, one, "/relay/a") as a, on_worker(d, other, "/relay/a") as b:
        hear_each_other(d, a, b)
        a.text("from a")
        assert next_but(a, *GREETINGS) == next_but(b, *GREETINGS) == "from a"
        b.text("from b")
        assert a.hear() == b.hear() == "from b"


def test_of_each_publisher_everything_comes_in_order(daemon):
    d = daemon(TWO)
    peers = [on_worker(d, pid, "/relay/a?queue=100000") for pid in both(d)]
    hear_each_other(d, *peers)
    n = 2000
    for number, peer in enumerate(peers):
        peer.sock.sendall(b"".join(frame(f"{number} {i}") for i in range(n)))
    for peer in peers:
        heard = [[], []]
        first = next_but(peer, *GREETINGS)
        for text in [first] + [peer.hear() for _ in range(2 * n - 1)]:
            number, i = map(int, text.split())
            heard[number].append(i)
        assert heard == [list(range(n)), list(range(n))]


def test_topics_are_literal_and_prefixes_a_choice(daemon):
    d = daemon(ONE)
    with Session(d.address, "/relay/a*") as literal, Session(d.address, "/relay/a?prefix=1") as prefix, \
            Session(d.address, "/relay/a") as a:
        for topic in ("a", "b", "a*", "ab"):
            publish(d, topic, topic)
        publish(d, "a*", "end")
        assert [literal.hear() for _ in range(2)] == ["a* 0", "end 0"]
        assert [prefix.hear() for _ in range(4)] == ["a 0", "a* 0", "ab 0", "end 0"]
        publish(d, "a", "end")
        assert [a.hear() for _ in range(2)] == ["a 0", "end 0"]


def test_a_prefix_hears_the_other_worker_too(daemon):
    d = daemon(TWO)
    one, other = both(d)
    with on_worker(d, one, "/relay/a?prefix=1") as a, on_worker(d, other, "/relay/abc") as b:
        wait_until(lambda: (b.text("x"), a.sock.settimeout(0.2), is_text(a, "x"))[-1], d.story)


def is_text(peer, expected):
    try:
        return peer.hear() == expected
    except TimeoutError:
        return False


def test_a_topic_belongs_to_its_module_unless_it_is_shared(daemon):
    d = daemon(ONE_OTHER)
    with Session(d.address, "/relay/a") as own, Session(d.address, "/relay/a?shared=1") as shared, \
            Session(d.address, "/other/relay/a") as other:
        publish(d, "a", "ours")
        publish(d, "a", "everybodys", shared=1)
        assert d.get("/other/publish/a?text=theirs").status == 200
        publish(d, "a", "end")
        publish(d, "a", "end", shared=1)
        assert d.get("/other/publish/a?text=end").status == 200
        assert [own.hear() for _ in range(2)] == ["ours 0", "end 0"]
        assert [shared.hear() for _ in range(2)] == ["everybodys 0", "end 0"]
        assert [other.hear() for _ in range(2)] == ["theirs 0", "end 0"]


def test_startup_may_publish(daemon):
    d = daemon(TWO)
    one, other = both(d)
    with on_worker(d, one, "/relay/startup") as peer, on_worker(d, one, "/relay/other") as probe:
        probe.text("x")
        assert probe.hear() == "x"
        wait_until(lambda: d.hub(), d.story)
        os.kill(other, signal.SIGKILL)
        d.wait_log("is ready again")
        assert int(peer.hear()) in set(d.workers()) - {one}


# Who falls behind.

def test_who_falls_behind_loses_the_oldest_and_knows_how_many(daemon):
    d = daemon(ONE)
    with Session(d.address, "/next/a?queue=4") as peer:
        publish(d, "a", "x", n=10)
        assert [peer.ask("next") for _ in range(4)] == [f"6 a x {i}" for i in range(6, 10)]
        publish(d, "a", "y", n=1)
        assert peer.ask("next") == "6 a y 0"
        publish(d, "a", "z", n=5)
        assert peer.ask("next") == "7 a z 1"


def test_or_is_ended_as_it_asked(daemon):
    d = daemon(ONE)
    with Session(d.address, "/next/a?queue=4&slow=1") as peer, Session(d.address, "/next/a?queue=4") as patient:
        publish(d, "a", "x", n=4)
        assert peer.ask("next") == "0 a x 0"
        publish(d, "a", "y", n=4)
        assert peer.ask("next") == "ended 5"
        assert patient.ask("next") == "4 a y 0"


def test_a_relayed_subscription_that_is_ended_closes_its_session(daemon):
    d = daemon(ONE)
    with Session(d.address, "/relay/a?queue=4&slow=1", read_bytes=4096) as peer:
        for _ in range(20):
            publish(d, "a", "x", n=16, size=65536)
        _, code = peer.messages_to_the_close()
        assert code == 1013


def test_who_unsubscribes_hears_no_more_and_a_million_times_costs_nothing(daemon):
    d = daemon(ONE)
    n = 20_000 if SANITIZED else 1_000_000
    worker = d.workers()[0]
    with Session(d.address, "/passing/a") as peer:
        pass_by(peer, n // 10)
        before = memory_of(worker)
        pass_by(peer, n)
        grown = memory_of(worker) - before
        # What waits together after a pause has buffers together; the least that malloc() gives would be 16 MiB by now.
        assert grown < 4 * 1024 * 1024 or SANITIZED, f"{grown} bytes"
        assert peer.ask("the last") == "the last"


def pass_by(peer, n):
    """So many messages, each with a subscription of its own; all must come back."""
    batch = 500
    ours = b"".join(frame(f"message {i:06}") for i in range(batch))
    theirs = b"".join(frame(f"message {i:06}", mask=None) for i in range(batch))
    for _ in range(n // batch):
        peer.sock.sendall(ours)
        assert peer._exactly(len(theirs)) == theirs


# The hub dies.

def test_sessions_stay_when_the_hub_is_killed_again_and_again_while_they_publish(daemon):
    d = daemon(TWO)
    peers = [on_worker(d, pid, "/relay/a?queue=100000") for pid in both(d)]
    hear_each_other(d, *peers)
    before = {pid: n_descriptors(pid) for pid in (d.pid, *d.workers())}
    workers = d.workers()
    hub = d.hub()
    for life in range(5):
        for i in range(300):
            for number, peer in enumerate(peers):
                peer.text(f"{life} {number} {i}")
            if i == 100:
                os.kill(hub, signal.SIGKILL)
        hub = wait_until(lambda: (pid := d.hub()) and pid != hub and pid, d.story)
        # What is published when it is back arrives; of the rest all of one's own, and the others' in order.
        for number, peer in enumerate(peers):
            word = f"back-{life}-{number}"
            wait_until(lambda: heard_by(d, peers, peer, word), d.story)
    assert d.workers() == workers
    lost = [int(n) for n in re.findall(r"(\d+) publications", d.err.text)]
    assert lost and sum(lost) > 0, d.story()
    wait_until(lambda: {pid: n_descriptors(pid) for pid in (d.pid, *d.workers())} == before, d.story)
    for peer in peers:
        assert peer.leave() == 1000


def heard_by(d, peers, speaker, word):
    """Everything up to this word, from all; each message of a life in order."""
    speaker.text(word)
    for peer in peers:
        last = {}
        while True:
            peer.sock.settimeout(0.5)
            try:
                text = peer.hear()
            except TimeoutError:
                return False
            finally:
                peer.sock.settimeout(WAIT_S)
            if text == word:
                break
            if text.startswith("back"):
                continue
            if text.startswith("hear"):
                continue
            life, number, i = map(int, text.split())
            assert last.get((life, number), -1) < i, d.story()
            last[life, number] = i
    return True


def test_a_worker_that_is_killed_takes_only_its_own_sessions(daemon):
    d = daemon(TWO)
    one, other = both(d)
    with on_worker(d, one, "/relay/a") as mine, on_worker(d, other, "/relay/a") as doomed:
        hear_each_other(d, mine, doomed)
        os.kill(other, signal.SIGKILL)
        with pytest.raises((Broken, ConnectionResetError)):
            while True:
                doomed.message()
        d.wait_log("is ready again")
        again = next(pid for pid in d.workers() if pid != one)
        with on_worker(d, again, "/relay/a") as other:
            hear_each_other(d, mine, other)
            other.text("here I am again")
            assert next_but(mine, *GREETINGS) == "here I am again"


# What else a session sends.

def test_a_relay_goes_on_when_a_message_in_pieces_is_over(daemon):
    d = daemon(ONE)
    with Session(d.address, "/halves/news?size=3") as peer:
        peer.text("begin")
        assert peer.frame()[2:] == (TEXT, b"xxx")
        publish(d, "news", "meanwhile")
        publish(d, "other", "passes")
        peer.text("end")
        assert peer.frame()[2:] == (CONTINUATION, b"xxx")
        assert peer.frame()[2:] == (TEXT, b"meanwhile 0")


def test_a_relay_goes_on_when_a_large_frame_is_out(daemon):
    d = daemon(ONE)
    with Session(d.address, "/halves/news?size=900000", read_bytes=4096) as peer:
        peer.text("begin")
        peer.text("end")
        publish(d, "news", "meanwhile")
        assert peer.frame()[2:] == (TEXT, b"x" * 900_000)
        assert peer.frame()[2:] == (CONTINUATION, b"x" * 900_000)
        assert peer.frame()[2:] == (TEXT, b"meanwhile 0")
