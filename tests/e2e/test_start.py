"""How it starts, or says why not: exit codes, addresses, the environment, and what goes to which log."""
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import socket
import stat
import subprocess
import tempfile

import pytest

import daemon as daemon_module
from daemon import BUILD, wait_until
from process import config, is_running

ONE = config("workers: 1\n")
HELLO = str(BUILD / "examples/hello.so")


@pytest.fixture
def run_config(run_weir, tmp_path, port):
    """run_config(text, *arguments, **options): weir with this file, to its end."""
    def run(text, *arguments, **options):
        path = tmp_path / "weir.yaml"
        for name, value in (("address", f"127.0.0.1:{port()}"), ("build", BUILD), ("dir", tmp_path)):
            text = text.replace("{%s}" % name, str(value))
        path.write_text(text)
        return run_weir("-c", path, *arguments, **options)
    return run


@pytest.fixture
def open_dir():
    """A directory that everybody may enter and nobody but us may write to."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="weir-e2e-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def powerless(open_dir):
    """weir as a user who may do next to nothing; for a program= argument."""
    if os.getuid() != 0:
        open_dir.chmod(0o555)
        yield BUILD / "weir"
        open_dir.chmod(0o755)
        return
    path = open_dir / "weir-as-nobody"
    path.write_text(f'#!/bin/sh\nexec setpriv --reuid=65534 --regid=65534 --clear-groups '
                    f'"{BUILD}/weir" "$@"\n')
    path.chmod(0o755)
    yield path


# Exit codes.

@pytest.mark.parametrize("arguments, words", [
    ([], "no configuration"),
    (["--wrokers", "2"], "did you mean --workers?"),
    (["--workers", "many", "-c", "x"], "--workers: "),
    (["--listen", "nonsense", "-c", "x"], "--listen: "),
    (["-c"], "-c needs a value"),
    (["serve", "x.so"], 'what is "serve"?'),
    (["run"], "which module?"),
])
def test_a_command_line_that_makes_no_sense_ends_with_2(run_weir, arguments, words):
    done = run_weir(*arguments)
    assert done.code == 2 and done.stdout == ""
    assert words in done.stderr and "usage: weir" in done.stderr


@pytest.mark.parametrize("argument, words", [
    ("--help", "usage: weir -c FILE"), ("--version", "llhttp "), ("--help-config", "graceful_timeout"),
    ("--print-default", "listen:"),
])
def test_a_question_is_answered_with_0(run_weir, argument, words):
    done = run_weir(argument)
    assert done.code == 0 and done.stderr == ""
    assert words in done.stdout


@pytest.mark.parametrize("text, words", [
    ("wokers: 2\n", 'did you mean "workers"?'),
    ("workers: [\n", "weir.yaml:"),
    ("modules: [{path: /nowhere/x.so}]\n", "/nowhere/x.so: no such file"),
    ('modules: [{path: "{build}/examples/hello.so"}]\nroutes: [{path: /, handler: hello.helo}]\n',
     "did you mean 'hello'?"),
])
def test_a_configuration_with_a_mistake_ends_with_78(run_config, text, words):
    done = run_config(text)
    assert done.code == 78
    assert words in done.stderr and "weir.yaml:" in done.stderr
    assert "ready" not in done.stderr


@pytest.mark.parametrize("what", ["missing", "directory", "binary"])
def test_a_file_that_is_no_configuration_ends_with_78(run_weir, tmp_path, what):
    path = tmp_path / "it"
    if what == "directory":
        path.mkdir()
    elif what == "binary":
        path.write_bytes(b"listen:\0\xff\xfe")
    done = run_weir("-c", path)
    assert done.code == 78
    assert str(path) in done.stderr and len(done.stderr.splitlines()) < 5


def test_a_module_that_cannot_start_ends_it_with_3_and_its_reason(run_config):
    done = run_config(config("workers: 3\n", "startup: fail"))
    assert done.code == 3
    assert re.search(r"error master: worker \d cannot start: .*the stars are wrong", done.stderr)
    # The others fail for the same reason: once is enough.
    assert len(re.findall("cannot start: ", done.stderr)) == 1
    assert "ready" not in done.stderr


def test_a_worker_that_crashes_while_it_starts_ends_it_with_3(run_config):
    done = run_config(config("workers: 2\n", "startup: abort"))
    assert done.code == 3
    assert re.search(r"ended while it started: killed by signal 6 \(SIGABRT\)", done.stderr)


def test_a_module_that_crashes_when_it_is_loaded_is_a_message(run_config):
    done = run_config('modules: [{path: "{build}/tests/modules/aborts.so"}]\n')
    assert done.code == 78
    assert "killed by signal 6 (SIGABRT)" in done.stderr


def test_a_second_daemon_on_the_address_ends_with_69_and_the_first_goes_on(daemon, run_weir):
    first = daemon(ONE)
    for workers in ("1", "4"):
        done = run_weir("-c", first.config, "--workers", workers)
        assert done.code == 69
        assert (f"cannot listen on 127.0.0.1:{first.port}: another process already does "
                f"(see: ss -ltnp 'sport = :{first.port}')") in done.stderr
    assert first.get("/pid").status == 200


def test_one_taken_address_of_several_leaves_none_listening(daemon, run_weir, port):
    first, free = daemon(ONE), port()
    done = run_weir("-c", first.config, "--listen", f"127.0.0.1:{free}", "--listen",
                    f"127.0.0.1:{first.port}")
    assert done.code == 69
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", free))


def test_an_address_that_is_not_ours_is_said_to_be_so(run_weir):
    done = run_weir("run", HELLO, "--listen", "192.0.2.1:8000")
    assert done.code == 3
    assert "cannot listen on 192.0.2.1:8000: this machine does not have that address" in done.stderr


def test_a_directory_that_we_may_not_write_to_ends_it_with_77(run_weir, powerless, open_dir):
    done = run_weir("run", HELLO, "--listen", f"unix:{open_dir}/sock", program=powerless)
    assert done.code == 77, done.stderr
    assert f"cannot listen on unix:{open_dir}/sock: Permission denied" in done.stderr


def test_an_access_log_that_we_may_not_write_to_ends_it_with_77(run_weir, powerless, open_dir, port):
    done = run_weir("run", HELLO, "--listen", f"127.0.0.1:{port()}", program=powerless,
                    env={"WEIR_ACCESS_LOG": f"{open_dir}/log"})
    assert done.code == 77, done.stderr
    assert f"cannot open the access log {open_dir}/log: Permission denied" in done.stderr


def test_t_prints_every_problem_and_starts_nothing(run_config):
    done = run_config("wokers: 2\n"
                      'modules: [{path: "{build}/examples/hello.so"}, {path: /nowhere/x.so}]\n'
                      "routes:\n"
                      "  - {path: /a, handler: hello.helo}\n"
                      "  - {path: /b, handler: hello.hello, middleware: [hello.none]}\n"
                      "  - {path: b, handler: hello.hello}\n"
                      "keep_alive: 5\n", "-t")
    assert done.code == 78
    for place in ("1:1", "2:", "4:", "5:", "6:", "7:"):
        assert f"weir.yaml:{place}" in done.stderr, done.stderr
    assert done.stderr.index("weir.yaml:4:") < done.stderr.index("weir.yaml:7:")


def test_t_of_a_good_file_says_so_and_binds_no_address(daemon, run_weir):
    d = daemon(ONE)
    done = run_weir("-t", "-c", d.config)
    assert (done.code, done.stdout) == (0, "")
    assert done.stderr == f"{d.config}: the configuration is fine\n"


# Unix sockets.

@pytest.fixture
def unix(daemon, tmp_path):
    """unix(mode=None, **options): a daemon on tmp_path/sock."""
    def start(mode=None, **options):
        path = tmp_path / "sock"
        listen = f"address: unix:{path}" + (f", mode: {mode}" if mode else "")
        d = daemon(config("workers: 2\n").replace('address: "{address}"', listen), **options)
        d.address = str(path)
        return d, path
    return start


@pytest.mark.parametrize("mode, expected", [(None, 0o666), ("0660", 0o660), ("0600", 0o600)])
def test_a_unix_socket_has_its_mode_and_is_gone_in_the_end(unix, mode, expected):
    d, path = unix(mode)
    assert stat.S_ISSOCK(path.stat().st_mode)
    assert stat.S_IMODE(path.stat().st_mode) == expected
    assert d.get("/pid").status == 200
    d.wait_log(rf"ready: listening on unix:{path}, ")
    assert d.stop() == 0
    assert not path.exists()


def test_a_stale_unix_socket_is_replaced(unix, tmp_path):
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(tmp_path / "sock"))
    d, path = unix()
    assert d.get("/pid").status == 200


def test_the_socket_of_a_daemon_that_was_killed_is_replaced(unix):
    d, path = unix(exit_code=-signal.SIGKILL)
    workers = d.workers()
    d.process.kill()
    wait_until(lambda: not any(map(is_running, workers)), d.story)
    assert path.exists()
    second, _ = unix()
    assert second.get("/pid").status == 200


def test_a_unix_socket_in_use_is_respected(unix, run_weir):
    d, path = unix()
    done = run_weir("-c", d.config)
    assert done.code == 69
    assert f"cannot listen on unix:{path}: another process already does" in done.stderr
    assert d.get("/pid").status == 200


def test_a_file_in_the_place_of_the_socket_is_left_alone(run_weir, tmp_path):
    (tmp_path / "sock").write_text("precious")
    done = run_weir("run", HELLO, "--listen", f"unix:{tmp_path}/sock")
    assert done.code == 69
    assert "there is a file in its place that is no socket" in done.stderr
    assert (tmp_path / "sock").read_text() == "precious"


def test_the_socket_of_somebody_who_came_later_is_left_alone(unix):
    d, path = unix()
    path.unlink()
    with socket.socket(socket.AF_UNIX) as later:
        later.bind(str(path))
        assert d.stop() == 0
        assert path.exists()


def test_both_kinds_of_address_at_once_and_ipv6(daemon, port, tmp_path):
    other = port()
    d = daemon(ONE, "--listen", "{address}", "--listen", f"[::1]:{other}", "--listen",
               f"unix:{tmp_path}/sock")
    d.wait_log(rf"ready: listening on 127\.0\.0\.1:{d.port}, \[::1\]:{other}, unix:{tmp_path}/sock, 1 worker,")
    pids = set()
    for address in (d.address, ("::1", other), tmp_path / "sock"):
        d.address = address
        pids.add(d.get("/pid").text)
    assert len(pids) == 1


# Who wins: the command line, then the environment, then the file, then the default.

@pytest.mark.parametrize("env, arguments, expected", [
    ({}, [], 2),
    ({"WEB_CONCURRENCY": "3"}, [], 3),
    ({"WEIR_WORKERS": "4"}, [], 4),
    ({"WEIR_WORKERS": "4", "WEB_CONCURRENCY": "3"}, [], 4),
    ({"WEIR_WORKERS": "4", "WEB_CONCURRENCY": "3"}, ["--workers", "1"], 1),
    ({}, ["--workers", "auto"], len(os.sched_getaffinity(0))),
])
def test_how_many_workers(daemon, env, arguments, expected):
    d = daemon(config("workers: 2\n"), *arguments, env=env)
    assert len(d.workers()) == expected


def test_listen_on_the_command_line_replaces_all_others(daemon, port):
    file, env, first, second = port(), port(), port(), port()
    d = daemon(ONE.replace("{address}", f"127.0.0.1:{file}"), "--listen", f"127.0.0.1:{first}", "--listen",
               f"127.0.0.1:{second}", env={"WEIR_LISTEN": f"127.0.0.1:{env}", "PORT": str(env)})
    d.wait_log(rf"ready: listening on 127\.0\.0\.1:{first}, 127\.0\.0\.1:{second}, 1 worker")


def test_weir_listen_is_a_list_that_replaces_the_files(daemon, port):
    file, first, second = port(), port(), port()
    d = daemon(ONE.replace("{address}", f"127.0.0.1:{file}"),
               env={"WEIR_LISTEN": f"127.0.0.1:{first} 127.0.0.1:{second}", "PORT": "1"})
    d.wait_log(rf"ready: listening on 127\.0\.0\.1:{first}, 127\.0\.0\.1:{second}, 1 worker")


def test_port_is_that_port_of_every_address(run_config, port):
    # One of them is taken, so that this test opens nothing to the world.
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        number = taken.getsockname()[1]
        done = run_config(ONE, env={"PORT": str(number)})
    assert done.code == 69
    assert f"cannot listen on *:{number}: another process already does" in done.stderr


def test_options_can_come_from_the_environment(daemon):
    d = daemon(config("workers: 1\ngraceful_timeout: 1h\n"),
               env={"WEIR_GRACEFUL_TIMEOUT": "1500ms", "WEIR_LOG_LEVEL": "notice"})
    assert d.stop() == 0
    d.wait_log("stopping: requests in flight have 1500 ms to finish")
    assert "e2e_process.startup" not in d.err.text  # said at info


def test_a_bad_value_in_the_environment_is_named(run_config):
    done = run_config(ONE, env={"WEIR_KEEP_ALIVE": "soon"})
    assert done.code == 78
    assert "WEIR_KEEP_ALIVE" in done.stderr


# weir run.

def test_run_takes_a_path_relative_to_where_it_is_called(daemon, port):
    relative = os.path.relpath(HELLO, daemon_module.TOP)
    d = daemon(None, "run", relative, "--listen", "{address}", "--workers", "2")
    assert d.get("/hello").text == "hello, world\n"
    assert len(d.workers()) == 2


def test_run_says_what_is_wrong_with_a_module(run_weir, tmp_path):
    (tmp_path / "text.so").write_text("not a module\n")
    for path, words in ((tmp_path / "text.so", "text.so"), ("nowhere.so", "no such file"),
                        (BUILD / "tests/modules/no_paths.so", "no handler with a path of its own")):
        done = run_weir("run", path)
        assert done.code == 78
        assert words in done.stderr


# The access log.

COMBINED = (r'^127\.0\.0\.1 - - \[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] '
            r'"GET /pid\?x=%22 HTTP/1\.1" 200 \d+ "http://from/" "the \\"agent\\" \\xc3\\xa4"$')
FIELDS = [("Referer", "http://from/"), ("User-Agent", 'the "agent" \xc3\xa4')]


def test_the_access_log_is_in_combined_format_on_stdout(daemon):
    d = daemon(ONE)
    assert d.get("/pid?x=%22", FIELDS).status == 200
    d.wait_access(COMBINED)


def test_the_access_log_has_refusals_of_routes_and_no_quiet_routes(daemon):
    d = daemon(ONE)
    with d.connect() as c:
        for target in ("/quiet", "/nowhere", "/pid"):
            c.call("GET", target)
        c.call("POST", "/pid")
    assert d.stop() == 0
    lines = [re.search(r'"(\S+ \S+) HTTP/1\.1" (\d+) \d+ "-" "-"$', line).groups() for line in d.out.lines]
    assert lines == [("GET /nowhere", "404"), ("GET /pid", "200"), ("POST /pid", "405")]


def test_the_access_log_is_appended_to_its_file_by_all_workers(daemon, tmp_path):
    path = tmp_path / "access.log"
    path.write_text("what was there\n")
    d = daemon(config(f"workers: 2\naccess_log: {path}\n"))
    for _ in range(20):
        d.get("/pid")
    assert d.stop() == 0
    lines = path.read_text().splitlines()
    assert lines[0] == "what was there" and len(lines) == 21
    assert d.out.text == ""


def test_a_new_access_log_is_not_for_everybody(daemon, tmp_path):
    d = daemon(config(f"workers: 1\naccess_log: {tmp_path}/access.log\n"))
    d.get("/pid")
    assert stat.S_IMODE((tmp_path / "access.log").stat().st_mode) & 0o137 == 0


def test_lines_reach_the_access_log_within_a_moment_and_all_at_the_end(daemon):
    d = daemon(ONE)
    with d.connect() as c:
        c.call("GET", "/pid")
        d.wait_access("GET /pid")  # long before the connection ends
        for _ in range(500):
            c.call("GET", "/pid")
    assert d.stop() == 0
    assert len(d.out.lines) == 501


def test_without_an_access_log_there_is_none(daemon):
    d = daemon(config("workers: 1\naccess_log: off\n"))
    d.get("/pid")
    assert d.stop() == 0
    assert d.out.text == ""


# The error log.

def test_less_grave_lines_are_left_out(daemon):
    d = daemon(ONE.replace("log_level: info", "log_level: error"), ready=None)

    def answers():
        try:
            return d.get("/pid").status == 200
        except ConnectionRefusedError:
            return False
    wait_until(answers, d.story)
    assert d.stop() == 0
    assert d.err.text == ""


LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ (error|warn|notice|info) (master|worker \d+): .+")


def test_each_line_says_when_how_grave_and_who(daemon):
    d = daemon(config("workers: 2\n"))
    d.get("/pid")
    assert d.stop() == 0
    assert d.err.lines
    for line in d.err.lines:
        assert LINE.fullmatch(line), line


def test_a_client_cannot_write_lines_of_its_own(daemon):
    d = daemon(ONE)
    with d.connect() as c:
        c.send(b"GET /until/%0Aerror%20master:%20forged HTTP/1.1\r\nHost: x\r\n\r\n")
        d.wait_log(r"waits for \\x0aerror master: forged")
    assert not [line for line in d.err.lines if line.startswith("error master: forged")]


def run_on_terminal(env, *arguments):
    """All that weir writes to a terminal that is its stderr."""
    ours, theirs = pty.openpty()
    said = b""
    with daemon_module.Gate() as gate:
        process = subprocess.Popen([BUILD / "weir", *arguments], stdin=subprocess.DEVNULL, stderr=theirs,
                                   stdout=subprocess.DEVNULL, env=daemon_module.environment(gate, env))
        os.close(theirs)
        try:
            while select.select([ours], [], [], daemon_module.WAIT_S)[0]:
                try:
                    said += os.read(ours, 65536)
                except OSError:  # the other side is closed
                    break
                if b"ready: " in said and process.poll() is None:
                    process.terminate()
        finally:
            os.close(ours)
            process.kill()
            process.wait()
    return said.decode()


@pytest.mark.parametrize("env, is_coloured", [
    ({}, True), ({"NO_COLOR": ""}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": "no"}, False),
])
def test_colour_is_for_terminals_that_do_not_mind(env, is_coloured, tmp_path):
    env = {"NO_COLOR": "", **env}
    said = run_on_terminal(env, "run", BUILD / "tests/modules/e2e_process.so", "--listen",
                           f"unix:{tmp_path}/sock", "--workers", "1")
    assert "ready: " in said
    # A start that fails says so in colour.
    (tmp_path / "sock").write_text("")
    said += run_on_terminal(env, "run", HELLO, "--listen", f"unix:{tmp_path}/sock")
    assert "cannot listen" in said
    assert ("\033[" in said) == is_coloured


def test_no_colour_where_nobody_sees_it(daemon):
    d = daemon(ONE, env={"NO_COLOR": "", "TERM": "xterm-256color", "CLICOLOR_FORCE": "1"})
    d.stop()
    assert "\033" not in d.err.text
