"""A client of HTTP/1.1 on a raw socket: what it cannot make sense of is an error of the server."""
import re
import socket
import struct

from built import WAIT_S

STATUS = re.compile(rb"HTTP/1\.([01]) ([1-5]\d\d) ([\t\x20-\x7e\x80-\xff]*)")
FIELD = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([\x21-\x7e\x80-\xff]?(?:[\t\x20-\x7e\x80-\xff]*"
                   rb"[\x21-\x7e\x80-\xff])?)[ \t]*")
CHUNK = re.compile(rb"([0-9A-Fa-f]{1,16})(?:;[\t\x20-\x7e]*)?")


class Broken(AssertionError):
    """The server sent something that is not HTTP, or stopped in the middle of it."""


class Response:
    def __init__(self, version, status, reason, fields):
        self.version = version
        self.status = status
        self.reason = reason
        self.fields = fields       # (lower-case name, value) in order
        self.body = b""
        self.trailers = []
        self.interim = []          # 1xx responses that came before

    def __repr__(self):
        return f"<{self.status} {self.reason} {self.fields} {self.body[:200]!r}>"

    def values(self, name):
        return [value for key, value in self.fields if key == name.lower()]

    def __getitem__(self, name):
        """The one value of a field; None when it is absent; twice is an error."""
        values = self.values(name)
        assert len(values) < 2, f"{name} came {len(values)} times: {values}"
        return values[0] if values else None

    @property
    def text(self):
        return self.body.decode()


class Connection:
    """
    address: (host, port), or the path of a Unix socket. read_bytes: of the kernel's buffer for what
    comes. source: an address of ours, as 127.0.0.2.
    """

    def __init__(self, address, timeout=WAIT_S, read_bytes=None, source=None):
        if isinstance(address, tuple):
            family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
            self.sock = socket.socket(family, socket.SOCK_STREAM)
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        else:
            self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        if read_bytes:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, read_bytes)
        if source:
            self.sock.bind((source, 0))
        self.sock.settimeout(timeout)
        self.address = address
        self.buffer = b""
        self.at_end = False
        self.sock.connect(str(address) if not isinstance(address, tuple) else address)

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.close()

    # Leaving.

    def close(self):
        self.sock.close()

    def half_close(self):
        """FIN: no more from us, we still listen."""
        self.sock.shutdown(socket.SHUT_WR)

    def reset(self):
        """RST instead of FIN."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    # Sending.

    def send(self, data):
        self.sock.sendall(data.encode("latin-1") if isinstance(data, str) else data)

    def request(self, method, target, fields=(), body=None, version="1.1", host="localhost"):
        """Sends a request as it stands: fields are (name, value); Content-Length is added for a body."""
        fields = list(fields.items() if isinstance(fields, dict) else fields)
        names = {name.lower() for name, _ in fields}
        if host is not None and "host" not in names:
            fields.insert(0, ("Host", host))
        if body is not None and not names & {"content-length", "transfer-encoding"}:
            fields.append(("Content-Length", len(body)))
        head = f"{method} {target} HTTP/{version}\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in fields) + "\r\n"
        self.send(head.encode("latin-1") + (body or b""))

    def call(self, method, target, *args, **kwargs):
        self.request(method, target, *args, **kwargs)
        return self.response(method)

    # Receiving.

    def _more(self):
        if not self.at_end:
            data = self.sock.recv(65536)
            self.at_end = not data
            self.buffer += data
        return not self.at_end

    def _line(self):
        while b"\r\n" not in self.buffer:
            if b"\n" in self.buffer.replace(b"\r\n", b""):
                raise Broken(f"a bare LF: {self.buffer[:200]!r}")
            if not self._more():
                raise Broken(f"the connection ended within a line: {self.buffer[:200]!r}")
        line, _, self.buffer = self.buffer.partition(b"\r\n")
        if b"\n" in line or b"\r" in line:
            raise Broken(f"a bare CR or LF: {line!r}")
        return line

    def _exactly(self, n):
        while len(self.buffer) < n:
            if not self._more():
                raise Broken(f"the connection ended {n - len(self.buffer)} bytes early")
        data, self.buffer = self.buffer[:n], self.buffer[n:]
        return data

    def _fields(self):
        fields = []
        while line := self._line():
            found = FIELD.fullmatch(line)
            if not found:
                raise Broken(f"not a field: {line!r}")
            fields.append((found.group(1).decode().lower(), found.group(2).decode("latin-1")))
        return fields

    def head(self):
        """The next head, interim or final; the body is left unread."""
        line = self._line()
        found = STATUS.fullmatch(line)
        if not found:
            raise Broken(f"not a status line: {line!r}")
        return Response(f"1.{found.group(1).decode()}", int(found.group(2)),
                        found.group(3).decode("latin-1"), self._fields())

    def chunk(self):
        """The next chunk of a chunked body; b"" is the last one, without its trailers."""
        found = CHUNK.fullmatch(self._line())
        if not found:
            raise Broken("not a chunk size")
        size = int(found.group(1), 16)
        if size == 0:
            return b""
        data = self._exactly(size)
        if self._exactly(2) != b"\r\n":
            raise Broken("a chunk that does not end with CRLF")
        return data

    def _body(self, response, method):
        length, codings = response["content-length"], response["transfer-encoding"]
        has_none = method == "HEAD" or response.status in (204, 304)
        if length is not None and codings is not None:
            raise Broken("Content-Length and Transfer-Encoding together")
        if response.status == 204 and (length or codings):
            raise Broken("a 204 speaks of a body")
        if length is not None and not re.fullmatch(r"\d+", length):
            raise Broken(f"Content-Length: {length!r}")
        if has_none:
            return
        if codings is not None:
            if codings != "chunked":
                raise Broken(f"Transfer-Encoding: {codings!r}")
            response.body = b"".join(iter(self.chunk, b""))
            response.trailers = self._fields()
        elif length is not None:
            response.body = self._exactly(int(length))
        elif response["connection"] == "close" or response.version == "1.0":
            response.body = self.rest()
        else:
            raise Broken("a body without an end")

    def response(self, method="GET"):
        """One whole response to a request of this method, the interim ones before it included."""
        interim = []
        while (response := self.head()).status < 200 and response.status != 101:
            interim.append(response)
        response.interim = interim
        if response.status != 101:
            self._body(response, method)
        return response

    def rest(self):
        """All until the server closes. A reset is an error of its own (ConnectionResetError)."""
        while self._more():
            pass
        data, self.buffer = self.buffer, b""
        return data

    def assert_closed(self):
        """The server has said all it wanted to, and nothing more."""
        rest = self.rest()
        assert not rest, f"unexpected: {rest[:200]!r}"

    def assert_silent(self, seconds=0.2):
        """Nothing arrives, and nobody closes, for that long."""
        if not self.buffer:
            self.sock.settimeout(seconds)
            try:
                self._more()
            except socket.timeout:
                return
            finally:
                self.sock.settimeout(WAIT_S)
        raise AssertionError(f"unexpected: {self.buffer!r}, closed: {self.at_end}")


def get(address, target, **kwargs):
    with Connection(address) as connection:
        return connection.call("GET", target, **kwargs)
