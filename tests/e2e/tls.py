"""Certificates made by the openssl command, and the client's side of TLS.

    ca = tls.Authority(tmp_path)
    ca.issue("server", ["localhost", "*.example.org"])      # server.pem, server-key.pem
    with tls.connect(d.address, ca.client()) as c:
        assert c.call("GET", "/hello").status == 200
"""
import pathlib
import select
import socket
import ssl
import subprocess

import client
import websocket
from built import WAIT_S


def openssl(*arguments, directory):
    subprocess.run(["openssl", *map(str, arguments)], cwd=directory, check=True, stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


KEYS = {"ec": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
        "rsa": ["-newkey", "rsa:2048"], "weak": ["-newkey", "rsa:1024"]}


class Authority:
    def __init__(self, directory, name="ca"):
        self.dir = pathlib.Path(directory)
        self.name = name
        openssl("req", "-x509", *KEYS["ec"], "-nodes", "-keyout", f"{name}-key.pem", "-out", f"{name}.pem",
                "-days", "30", "-subj", f"/CN=weir test {name}", directory=self.dir)
        self.file = self.dir / f"{name}.pem"

    def issue(self, name, hosts=("localhost",), key="ec", subject=None, dates=()):
        """name.pem and name-key.pem; dates: arguments of openssl x509 that say from when to when."""
        names = ",".join(f"DNS:{host}" for host in hosts)
        subject = subject or f"/CN={hosts[0]}"
        openssl("req", *KEYS[key], "-nodes", "-keyout", f"{name}-key.pem", "-out", f"{name}.csr",
                "-subj", subject, directory=self.dir)
        (self.dir / f"{name}.ext").write_text(f"subjectAltName={names}\n")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", self.file, "-CAkey", f"{self.name}-key.pem",
                "-CAcreateserial", "-out", f"{name}.pem", *(dates or ("-days", "20")),
                "-extfile", f"{name}.ext", directory=self.dir)
        return self.dir / f"{name}.pem", self.dir / f"{name}-key.pem"

    def client(self, certificate=None, version=None, alpn=("http/1.1",)):
        """A context that trusts us, and nobody else."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(self.file)
        if certificate:
            context.load_cert_chain(*certificate)
        if version:
            context.minimum_version = context.maximum_version = version
        if alpn:
            context.set_alpn_protocols(alpn)
        return context


class Connection(client.Connection):
    """With TLS; options are those of wrap_socket()."""

    def __init__(self, address, timeout=WAIT_S, context=None, host="localhost", session=None):
        super().__init__(address, timeout)
        try:
            self.sock = (context or self.context).wrap_socket(self.sock, server_hostname=host, session=session)
        except BaseException:
            self.sock.close()
            raise

    def send_and_take(self, data):
        """Sends all of it, and keeps what comes meanwhile: by one thread, as OpenSSL's objects want it."""
        left = memoryview(data)
        timeout = self.sock.gettimeout()
        self.sock.setblocking(False)
        while left:
            n_before = len(left) - len(self.buffer)
            try:
                left = left[self.sock.send(left[:65536]):]
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                pass
            try:
                self._more()
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                pass
            if n_before == len(left) - len(self.buffer):
                readable, writable, _ = select.select([self.sock], [self.sock], [], timeout)
                assert readable or writable, f"stuck with {len(left)} bytes to send"
        self.sock.settimeout(timeout)


def connect(address, context, **options):
    return Connection(address, context=context, **options)


def session(address, context, *args, **kwargs):
    """A WebSocket over TLS."""
    kind = type("TlsSession", (websocket.Session, Connection), {"context": context})
    return kind(address, *args, **kwargs)


class ByHand:
    """A client whose records pass through our hands: sent in any pieces, or not at all."""

    def __init__(self, address, context, host="localhost"):
        self.sock = socket.create_connection(address, WAIT_S)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname=host)

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.sock.close()

    def flush(self, size=None):
        data = self.outgoing.read()
        for part in [data[i:i + size] for i in range(0, len(data), size)] if size else [data]:
            self.sock.sendall(part)

    def _do(self, step, size=None):
        """step() until it has what it needs."""
        while True:
            try:
                result = step()
                self.flush(size)
                return result
            except ssl.SSLWantReadError:
                self.flush(size)
                data = self.sock.recv(65536)
                if data:
                    self.incoming.write(data)
                else:
                    self.incoming.write_eof()

    def handshake(self, size=None):
        self._do(self.tls.do_handshake, size)

    def send(self, data, size=None):
        while data:
            n = self.tls.write(data)
            data = data[n:]
        self.flush(size)

    def end(self):
        """close_notify: nothing more from us, but we still listen. The TCP connection stays."""
        try:
            self.tls.unwrap()
        except ssl.SSLWantReadError:
            pass
        self.flush()

    def read(self, n=65536):
        """b"" after the server's close_notify."""
        try:
            return self._do(lambda: self.tls.read(n))
        except ssl.SSLZeroReturnError:
            return b""

    def rest(self):
        data = b""
        while more := self.read():
            data += more
        return data
