"""What tests of the load clients share."""
import socket
import threading

import pytest


@pytest.fixture(name="listen")
def fixture_listen():
    """listen(handler) runs handler(connection) for each one, in a thread, and returns the port."""
    listeners = []

    def run(handler, connection):
        with connection:
            try:
                handler(connection)
            except OSError:
                pass    # the client has gone: the end of the run

    def accept_all(handler, listener):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=run, args=(handler, connection), daemon=True).start()

    def listen(handler):
        listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        listeners.append(listener)
        threading.Thread(target=accept_all, args=(handler, listener), daemon=True).start()
        return str(listener.getsockname()[1])

    yield listen
    for listener in listeners:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
