"""A program that awaits its standard input, whatever that is, and leaves it as it was."""
import os
import pty
import re
import select
import socket
import subprocess
import tty

import pytest

from daemon import BUILD, WAIT_S, environment
from gate import Gate

PROGRAM = BUILD / "tests/modules/e2e_stdin"


class Program:
    def __init__(self, stdin):
        self.gate = Gate()
        self.process = subprocess.Popen([PROGRAM], stdin=stdin, stdout=subprocess.PIPE, env=environment(self.gate))

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        reports = self.gate.reports()
        self.gate.__exit__(*what)
        assert not reports, reports

    def says(self, *lines):
        assert [self.process.stdout.readline().decode().strip() for _ in lines] == list(lines)

    def is_silent(self):
        return not select.select([self.process.stdout], [], [], 0.05)[0]

    def ends(self, at_least=0):
        found = re.fullmatch(rb"end (\d+)\n", self.process.stdout.read())
        assert found and int(found.group(1)) >= at_least
        assert self.process.wait(WAIT_S) == 0


def is_blocking(fd):
    return os.get_blocking(fd)


def test_a_pipe():
    theirs, ours = os.pipe()
    with Program(theirs) as p:
        os.write(ours, b"one\ntwo\nthr")
        p.says("[one]", "[two]")
        assert p.is_silent()
        os.write(ours, b"ee\n" + b"x" * 101 + b"\nlast")
        p.says("[three]", "[too long]")
        os.close(ours)
        p.says("[last]")
        p.ends(at_least=5)  # of the 50 ms in which it was silent
    assert is_blocking(theirs)
    os.close(theirs)


def test_a_terminal_that_is_a_shells_too():
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    with Program(theirs) as p:
        os.write(ours, b"one\n")
        p.says("[one]")
        assert p.is_silent()
        assert is_blocking(theirs), "for the shell, while it runs"
        os.write(ours, b"two\n")
        p.says("[two]")
        p.process.terminate()
        p.process.wait(WAIT_S)
    assert is_blocking(theirs), "and when it has gone"
    os.close(ours)
    os.close(theirs)


def test_a_terminals_end_of_input():
    ours, theirs = pty.openpty()
    with Program(theirs) as p:
        os.write(ours, b"one\n\x04")
        p.says("[one]")
        p.ends()
    os.close(ours)
    os.close(theirs)


def test_a_socket():
    ours, theirs = socket.socketpair()
    with Program(theirs) as p:
        ours.sendall(b"one\n")
        p.says("[one]")
        assert p.is_silent()
        ours.close()
        p.ends(at_least=5)
    assert is_blocking(theirs.fileno())
    theirs.close()


@pytest.mark.parametrize("text, said", [("one\ntwo\n", ["[one]", "[two]"]), ("", [])], ids=["some", "empty"])
def test_a_file(tmp_path, text, said):
    (tmp_path / "file").write_text(text)
    with open(tmp_path / "file", "rb") as file, Program(file) as p:
        p.says(*said)
        p.ends()


def test_nothing():
    with Program(subprocess.DEVNULL) as p:
        p.ends()


def test_a_pipe_that_was_closed_before():
    theirs, ours = os.pipe()
    os.write(ours, b"one\n")
    os.close(ours)
    with Program(theirs) as p:
        p.says("[one]")
        p.ends()
    os.close(theirs)
