"""The servers that scripts/bench compares: started, pinned to a core, asked once, stopped."""
import http.client
import os
import pathlib
import pwd
import shutil
import socket
import subprocess
import time

HELLO = b"hello, world\n"
VALGRIND_PATIENCE_S = 60
PATIENCE_S = 20

NGINX_CONF = """\
daemon off;
{user}
worker_processes 1;
worker_rlimit_nofile 20000;
pid {dir}/nginx.pid;
error_log stderr warn;
events {{
	worker_connections 16384;
	multi_accept on;
}}
http {{
	access_log off;
	keepalive_requests 1000000000;
	keepalive_timeout 75s;
	tcp_nodelay on;
	default_type text/plain;
	client_body_temp_path {dir}/body;
	proxy_temp_path {dir}/proxy;
	fastcgi_temp_path {dir}/fastcgi;
	uwsgi_temp_path {dir}/uwsgi;
	scgi_temp_path {dir}/scgi;
	server {{
		listen 127.0.0.1:{port} backlog=4096;
		location = /hello {{
			return 200 "hello, world\\n";
		}}
	}}
}}
"""

WEIR_CONF = """\
stall_limit: 30s     # under callgrind every turn is a long one
listen:
  - address: 127.0.0.1:{port}
workers: {n_workers}
access_log: {access_log}
metrics_memory: {metrics}
max_connections: 20000
max_tasks: 1000000
module_path: [{build}/examples, {build}/tests/bench]
modules:
  - path: hello.so
  - path: suspends.so
routes:
  - path: /hello
    methods: [GET]
    handler: hello.hello
  - path: /suspends
    methods: [GET]
    handler: suspends.suspends
  - path: /crowd/{{n}}
    methods: [GET]
    handler: suspends.crowd
"""

# The WebSocket routes of weir, with the examples' handlers behind them; the bare server has no
# paths.
WS_ECHO = "/ws/echo"
WS_MESSAGE_ECHO = "/ws/message-echo"
WS_ECHO_DEFLATE = "/ws/echo-deflate"
WS_CHAT = "/ws/chat/{room}"
WS_MODULES = ["wsecho", "chat"]
WS_HANDLERS = {
    WS_ECHO: "wsecho.echo",
    WS_MESSAGE_ECHO: "wsecho.message_echo",
    WS_ECHO_DEFLATE: "wsecho.echo",
    WS_CHAT: "chat.chat",
}

WEIR_WS_CONF = """\
stall_limit: 30s     # under callgrind every turn is a long one
listen:
  - address: 127.0.0.1:{port}
workers: 1
access_log: off
max_connections: 20000
module_path: [{build}/examples]
modules:
  - path: hello.so
{modules}
routes:
  - path: /hello
    methods: [GET]
    handler: hello.hello
{routes}
"""


# Files, and what serves them: weir and nginx from the disk, the bare server from memory.
FILES = {"1KiB": 1 << 10, "100KiB": 100 << 10, "10MiB": 10 << 20}

NGINX_FILES_CONF = NGINX_CONF.replace("\t\tlocation = /hello", """\
\t\tlocation /files/ {{
\t\t\talias {root}/;
\t\t}}
\t\tsendfile on;
\t\ttcp_nopush on;
\t\topen_file_cache max=100 inactive=60s;
\t\topen_file_cache_valid 1s;
\t\tlocation = /hello""")

WEIR_FILES_CONF = """\
stall_limit: 30s     # under callgrind every turn is a long one
listen:
  - address: 127.0.0.1:{port}
workers: 1
access_log: off
routes:
  - {{path: /hello, respond: {{body: "hello, world\\n"}}}}
  - {{path: "/files/{{path...}}", static: {{root: {root}}}}}
"""

WEIR_TLS_CONF = """\
stall_limit: 30s     # under callgrind every turn is a long one
handshake_timeout: 60s
listen:
  - address: 127.0.0.1:{port}
    tls: {{certificate: {dir}/certificate.pem, key: {dir}/key.pem}}
workers: 1
access_log: off
max_connections: 20000
module_path: [{build}/examples]
modules:
  - path: hello.so
  - path: wsecho.so
routes:
  - path: /hello
    methods: [GET]
    handler: hello.hello
  - path: {echo}
    websocket: true
    handler: {handler}
"""

# What weir does without being told: tickets, no cache of sessions, records of up to 16 KiB.
NGINX_TLS = """\
	ssl_certificate {dir}/certificate.pem;
	ssl_certificate_key {dir}/key.pem;
	ssl_protocols TLSv1.2 TLSv1.3;
	ssl_session_cache off;
	ssl_session_tickets on;
	ssl_buffer_size 16k;
	server {{
		listen 127.0.0.1:{port} ssl backlog=4096;
"""


class BenchError(Exception):
    """What ends the run, in words for the user."""


def free_ports():
    """Ports of four digits, as in a request head of 45 bytes, that nobody listens on."""
    for port in range(7300, 8000):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        yield port
    raise BenchError("no free port between 7300 and 7999")


class Server:
    """A context manager: inside it the server runs and has answered once."""

    def __init__(self, name, command, port, core, log, tool=(), env=None, answer=HELLO):
        self.name = name
        self.port = port
        self.patience_s = VALGRIND_PATIENCE_S if tool else PATIENCE_S
        self._command = [*tool, *command]
        self._cores = core if isinstance(core, list) else [core]
        self._env = env
        self._answer = answer    # to GET /hello
        self._log = pathlib.Path(log)
        self._child = None

    def __enter__(self):
        with open(self._log, "wb") as log:
            self._child = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self._env,
                preexec_fn=lambda: os.sched_setaffinity(0, self._cores))
        try:
            self._wait_until_it_answers()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_what):
        self._child.terminate()
        try:
            self._child.wait(self.patience_s)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()

    def signal(self, number):
        self._child.send_signal(number)

    def pids(self):
        """The process and all its descendants."""
        found = [self._child.pid]
        for pid in found:
            for path in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
                try:
                    found += [int(child) for child in path.read_text().split()]
                except OSError:
                    continue
        return found

    def _wait_until_it_answers(self):
        give_up = time.monotonic() + self.patience_s
        while time.monotonic() < give_up:
            if self._child.poll() is not None:
                break
            try:
                answer = self._ask()
            except (OSError, http.client.HTTPException):
                time.sleep(0.05)
                continue
            if answer != (200, self._answer):
                raise BenchError(f"{self.name} answers /hello with {answer}")
            return
        raise BenchError(f"{self.name} does not serve; it said:\n"
                         + self._log.read_text(errors="replace")[-2000:])

    def _ask(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.patience_s)
        try:
            connection.request("GET", "/hello", headers={"Connection": "close"})
            response = connection.getresponse()
            return response.status, response.read(1000)
        finally:
            connection.close()


def bare_command(build, port, is_once):
    return [build / "tests/bench/bench_bare", str(port), *(["--close"] if is_once else [])]


def nginx_command(directory, port, text=NGINX_CONF):
    program = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")
    if not program:
        raise BenchError("nginx is missing: scripts/setup installs it")
    # Started by root, its worker would become a user who cannot write the profile.
    is_root = os.geteuid() == 0
    user = f"user {pwd.getpwuid(0).pw_name};" if is_root else ""
    conf = directory / f"nginx-{port}.conf"
    conf.write_text(text.format(dir=directory, port=port, user=user))
    return [program, "-p", directory, "-c", conf, "-e", "stderr"]


def nginx_tls_command(directory, port):
    command = nginx_command(directory, port)
    conf = directory / f"nginx-{port}.conf"
    text = conf.read_text()
    plain = f"\tserver {{\n\t\tlisten 127.0.0.1:{port} backlog=4096;\n"
    if plain not in text:
        raise BenchError("nginx's configuration is not what its TLS takes the place of")
    conf.write_text(text.replace(plain, NGINX_TLS.format(dir=directory, port=port)))
    return command


def weir_tls_command(build, directory, port):
    conf = directory / f"weir-{port}.yaml"
    conf.write_text(WEIR_TLS_CONF.format(build=build, dir=directory, port=port, echo=WS_ECHO,
                                         handler=WS_HANDLERS[WS_ECHO]))
    return [build / "weir", "-c", conf]


def weir_command(build, directory, port, access_log, metrics=True, n_workers=1):
    conf = directory / f"weir-{port}.yaml"
    conf.write_text(WEIR_CONF.format(build=build, port=port, access_log=access_log,
                                     n_workers=n_workers, metrics="1MiB" if metrics else "0"))
    return [build / "weir", "-c", conf]


def make_files(directory):
    """FILES, in a directory of their own; where that is."""
    root = directory / "files"
    root.mkdir()
    for name, size in FILES.items():
        (root / name).write_bytes(b"x" * size)
    return root


def bare_files_command(build, port, size):
    return [build / "tests/bench/bench_bare", str(port), f"--size={size}"]


def nginx_files_command(directory, port, root):
    return nginx_command(directory, port, NGINX_FILES_CONF.replace("{root}", str(root)))


def weir_files_command(build, directory, port, root):
    conf = directory / f"weir-{port}.yaml"
    conf.write_text(WEIR_FILES_CONF.format(port=port, root=root))
    return [build / "weir", "-c", conf]


def bare_ws_command(build, port, is_broadcast):
    return [build / "tests/bench/bench_bare", str(port), "-B" if is_broadcast else "-W"]


def weir_ws_command(build, directory, port):
    conf = directory / f"weir-{port}.yaml"
    modules = "\n".join(f"  - path: {name}.so" for name in WS_MODULES)
    routes = "\n".join(f"  - path: {path}\n    websocket: true\n    handler: {handler}"
                       + ("\n    deflate: true" if path == WS_ECHO_DEFLATE else "")
                       for path, handler in WS_HANDLERS.items())
    conf.write_text(WEIR_WS_CONF.format(build=build, port=port, modules=modules, routes=routes))
    return [build / "weir", "-c", conf]
