"""The manual: no page has a warning, and weir.conf(5) has every option."""
import os
import pathlib
import re
import subprocess

import pytest

BUILD = pathlib.Path(os.environ["WEIR_BUILD"]) if "WEIR_BUILD" in os.environ else None
TOP = pathlib.Path(__file__).resolve().parents[2]
PAGES = ["weir.8", "weir.conf.5", "weirctl.8", "weir-module.7"]

pytestmark = pytest.mark.skipif(not BUILD, reason="WEIR_BUILD says where the pages are")


def run(*command, **kwargs):
    return subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=60, check=False, stdin=subprocess.DEVNULL, **kwargs)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_has_no_warning(page):
    path = BUILD / "man" / page
    done = run("groff", "-ww", "-t", "-man", "-Tutf8", "-z", path)
    assert (done.returncode, done.stdout) == (0, "")
    done = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", str(path)],
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=60,
                          check=False, env=dict(os.environ, LC_ALL="C.UTF-8", MANWIDTH="80"))
    assert (done.returncode, done.stderr) == (0, "")
    assert "@" not in re.sub(r"\w@\w", "", path.read_text(encoding="utf-8")), "something was not filled in"


def test_the_page_of_the_configuration_has_every_option():
    help_text = run(BUILD / "weir", "--help-config").stdout
    names = re.findall(r"^  (\w+)$", help_text, re.MULTILINE)
    page = (BUILD / "man" / "weir.conf.5").read_text(encoding="utf-8")
    assert len(names) > 50
    assert re.findall(r"^\.TP\n\.B (\w+)$", page, re.MULTILINE) == names
    assert page.count('\n.SH "') == len(re.findall(r"^\S.*:$", help_text, re.MULTILINE)) + 1


@pytest.mark.parametrize("option", ["--config", "--test", "--print", "--listen", "--workers", "--help-config",
                                    "--print-default", "--print-schema", "--version", "--help"])
def test_the_page_of_the_daemon_has_every_argument(option):
    assert option in run(BUILD / "weir", "--help").stdout
    page = (BUILD / "man" / "weir.8").read_text(encoding="utf-8").replace("\\-", "-")
    assert f"\\fB{option}\\fP" in page or f".B {option}" in page


def test_the_sandbox_of_the_service_is_tight():
    """As systemd-analyze weighs it, without a machine that it runs on."""
    done = run("systemd-analyze", "security", "--offline=true", "--no-pager", BUILD / "systemd" / "weir.service")
    if "Failed to" in done.stdout and "offline" in done.stdout:
        pytest.skip("this systemd-analyze knows no --offline")
    level = re.search(r"Overall exposure level for weir.service: ([\d.]+)", done.stdout)
    assert level, done.stdout
    assert float(level.group(1)) <= 2.5, done.stdout
