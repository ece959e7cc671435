"""The real daemon on loopback, and a client that believes nothing.

    def test_hello(daemon):
        d = daemon(HELLO)                       # YAML; {address} in it is a free address
        assert d.get("/hello").body == b"hello, world\\n"

Every daemon is stopped at the end of its test and must then have exited with
0, left no child behind, and given a sanitizer nothing to report.
"""
import pathlib
import sys

import pytest

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent),
                str(pathlib.Path(__file__).resolve().parents[1] / "support")]

import daemon as daemon_module  # noqa: E402


@pytest.fixture(scope="session")
def build():
    """The build directory under test: WEIR_BUILD, or build/."""
    return daemon_module.BUILD


def claim_ports():
    """A function that finds free ports of 127.0.0.1, nobody else's until the end."""
    claims = []

    def find():
        claims.append(daemon_module.Port())
        return claims[-1].number

    yield find
    for claim in claims:
        claim.close()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    """Where a test fails by another word than the log's, a time-out say, the log is told all the same."""
    report = (yield).get_result()
    if not report.failed:
        return
    for name, value in item.funcargs.items():
        for one in [value] if isinstance(value, daemon_module.Daemon) else getattr(value, "started", []):
            report.sections.append((f"the log of {name}, pid {one.pid}", one.story()))


def run_daemons(directory, find_port):
    """A function that starts daemons below this directory; at the end all are finished."""
    started = []

    def start(config=None, *arguments, **options):
        started.append(daemon_module.Daemon(directory / f"weir-{len(started)}", find_port, config,
                                            arguments, **options))
        started[-1].wait_ready()
        return started[-1]

    start.started = started
    yield start
    problems = []
    for one in reversed(started):
        try:
            one.finish()
        except AssertionError as problem:
            problems.append(str(problem))
    assert not problems, "\n\n".join(problems)


@pytest.fixture
def port():
    yield from claim_ports()


@pytest.fixture(scope="module")
def shared_port():
    yield from claim_ports()


@pytest.fixture
def daemon(tmp_path, port):
    """daemon(config, *arguments, **options) starts one: see daemon.Daemon."""
    yield from run_daemons(tmp_path, port)


@pytest.fixture(scope="module")
def shared_daemon(tmp_path_factory, shared_port):
    """The same, but it runs until the last test of the file: for tests that leave nothing behind."""
    yield from run_daemons(tmp_path_factory.mktemp("shared"), shared_port)


@pytest.fixture
def run_weir(tmp_path):
    """run_weir(*arguments, **options) runs weir to its end: exit code, stdout, stderr; gated too."""
    def run(*arguments, **options):
        return daemon_module.run(tmp_path, arguments, **options)
    return run
