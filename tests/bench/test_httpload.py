"""
The HTTP load client against servers whose answers come in awkward pieces: it must ask on, and
notice what is wrong, else its numbers are worth nothing.
"""
import json
import os
import pathlib
import socket
import subprocess

import pytest

CLIENT = pathlib.Path(os.environ.get("WEIR_BUILD", "build")) / "tests/bench/bench_httpload"
READ = 256 * 1024    # what it reads at once


def answer_of(size):
    """A whole answer of so many bytes."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %08d\r\n\r\n"
    left = size - len(head % 0)
    return head % left + bytes(left)


def answer_all(connection, answer):
    """Until the client goes; the beginning is sent by itself."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with connection.makefile("rb") as file:
        while line := file.readline():
            if line == b"\r\n":
                connection.sendall(answer[:100])
                connection.sendall(answer[100:])


@pytest.fixture(name="serve")
def fixture_serve(listen):
    """serve(answer) gives it to whoever asks, and returns the port."""
    return lambda answer: listen(lambda connection: answer_all(connection, answer))


def load(*arguments):
    done = subprocess.run([CLIENT, *arguments], capture_output=True, timeout=120, check=False)
    return done.returncode, json.loads(done.stdout.decode() or "{}")


# Sizes that its last read of an answer fills, whether the beginning came by itself or not, and some beside.
@pytest.mark.parametrize("size", [1000, READ - 1, READ, READ + 1, READ + 100, 8 * READ, 8 * READ + 100])
def test_asks_on_whatever_the_pieces_are(serve, size):
    status, said = load("-p", serve(answer_of(size)), "-c4", "-n", "300", "-d", "30")
    assert status == 0
    assert (said["done"], said["bad"]) == (300, 0)    # else it waited for what it had


def test_notices_an_answer_that_is_too_long(serve):
    status, said = load("-p", serve(answer_of(1000) + b"x"), "-c1", "-n", "10", "-d", "10")
    assert status != 0 or said["bad"] > 0
