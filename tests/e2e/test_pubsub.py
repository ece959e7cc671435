"""Publish and subscribe: between workers, past a hub that dies, and in what order."""
import os
import signal

import pytest

from daemon import wait_until
from process import n_descriptors
from wspeer import TEXT, Peer, on_worker

CONFIG = """
log_level: info
access_log: off
workers: %d
listen: [{address: "{address}"}]
module_path: ["{build}/tests/modules", "{build}/examples"]
modules: [{path: e2e_flow.so}, {path: e2e_other.so}]
routes:
  - {path: /pid, handler: e2e_flow.pid}
  - {path: "/publish/{topic}", handler: e2e_flow.publish}
  - {path: "/relay/{topic}", websocket: true, handler: e2e_flow.relay}
  - {path: "/halves/{topic}", websocket: true, handler: e2e_flow.halves}
  - {path: "/next/{topic}", websocket: true, handler: e2e_flow.next}
  - {path: "/passing/{topic}", websocket: true, handler: e2e_flow.passing}
"""
ONE = (CONFIG % 1).replace(", {path: e2e_other.so}", "")
TWO = (CONFIG % 2).replace(", {path: e2e_other.so}", "")


def publish(d, topic, text, **query):
    more = "".join(f"&{name}={value}" for name, value in query.items())
    assert d.get(f"/publish/{topic}?text={text}{more}").status == 200


# What else a session sends.

def test_a_relay_goes_on_when_a_message_in_pieces_is_over(daemon):
    d = daemon(ONE)
    with Peer(d, "/halves/news?size=3") as peer:
        peer.send("begin")
        assert peer.frame() == (TEXT, b"xxx")
        publish(d, "news", "meanwhile")
        publish(d, "other", "passes")
        peer.send("end")
        assert peer.frame() == (0, b"xxx")
        assert peer.frame() == (TEXT, b"meanwhile 0")


def test_a_relay_goes_on_when_a_large_frame_is_out(daemon):
    d = daemon(ONE)
    with Peer(d, "/halves/news?size=900000", read_bytes=4096) as peer:
        peer.send("begin")
        peer.send("end")
        publish(d, "news", "meanwhile")
        assert peer.frame() == (TEXT, b"x" * 900_000)
        assert peer.frame() == (0, b"x" * 900_000)
        assert peer.frame() == (TEXT, b"meanwhile 0")
