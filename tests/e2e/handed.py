"""The service manager's part of socket activation: sockets at 3 and on, under the pid that weir will have."""
import os

from daemon import BUILD

LAUNCH = """#!/usr/bin/python3
import os, socket, sys
made = []
for at, address in enumerate({addresses!r}):
    made.append(socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET))
    made[-1].bind(address)
    made[-1].listen()
for at, sock in enumerate(made):
    os.dup2(sock.fileno(), 100 + at)
for at in range(len(made)):
    os.dup2(100 + at, 3 + at, inheritable=True)
    os.close(100 + at)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(made)), LISTEN_FDNAMES={names!r})
os.execv({weir!r}, [{weir!r}, *sys.argv[1:]])
"""


def launcher(directory, names, addresses):
    """A program that does so, and becomes weir."""
    path = directory / "launch"
    path.write_text(LAUNCH.format(addresses=addresses, names=names, weir=str(BUILD / "weir")))
    path.chmod(0o755)
    return path


def socket_of(pid, number):
    """The socket behind a descriptor, which is the same in whatever process has it."""
    return os.readlink(f"/proc/{pid}/fd/{number}")


def sockets_of(pid):
    """All that a process has."""
    found = set()
    for number in os.listdir(f"/proc/{pid}/fd"):
        try:
            found.add(socket_of(pid, number))
        except FileNotFoundError:
            continue  # closed meanwhile
    return {name for name in found if name.startswith("socket:")}
