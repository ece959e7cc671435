"""Started by root: who becomes somebody else, and what he has left."""
import os
import pwd
import signal
import stat

import pytest

from daemon import SANITIZED, children_of, name_of, wait_until

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can change its user")

CONFIG = """
user: nobody
workers: 2
access_log: "{dir}/access.log"
log_level: notice
control: {{socket: "{{dir}}/control.sock"}}
{more}
listen: [{{address: "{{address}}"}}, {{address: "unix:{{dir}}/local.sock", mode: 0660}}]
modules: [{{path: "{{build}}/examples/hello.so"}}, {{path: "{{build}}/tests/modules/e2e_stall.so"}},
          {{path: "{{build}}/examples/hash.so"}}]
routes:
  - {{path: /hello, handler: hello.hello}}
  - {{path: "/crash/{{how}}", handler: e2e_stall.crash}}
  - {{path: "/nap/{{ms}}", handler: e2e_stall.nap}}
"""
NOBODY = pwd.getpwnam("nobody").pw_uid


def config(more=""):
    return CONFIG.replace("{more}", more).replace("{{", "{").replace("}}", "}")


def status_of(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


@pytest.fixture(autouse=True)
def readable(tmp_path):
    """pytest's directories are root's alone."""
    for directory in (tmp_path, *tmp_path.parents):
        if directory.stat().st_uid == 0 and directory.name.startswith("pytest-"):
            directory.chmod(0o755)
    tmp_path.chmod(0o755)


def test_all_but_the_master_are_the_user_and_can_do_nothing_else(daemon):
    # Without a limit nobody makes a backtrace: it begins as root, and is gone in a moment.
    d = daemon(config("stall_limit: 0s"))
    children = children_of(d.pid)
    assert {"weir:worker 0", "weir:worker 1", "weir:hub", "weir:ctl"} <= {name_of(pid) for pid in children}
    for pid in children:
        status = status_of(pid)
        assert status["Uid"].split() == status["Gid"].split() == [str(NOBODY)] * 4, name_of(pid)
        assert int(status["CapPrm"], 16) == int(status["CapEff"], 16) == 0
        assert status["NoNewPrivs"] == "1"
    master = status_of(d.pid)
    assert master["Uid"].split()[0] == "0"
    assert not int(master["CapEff"], 16) & 1 << 21, "CAP_SYS_ADMIN"
    assert d.get("/hello").status == 200
    local = os.stat(d.dir / "local.sock")
    assert (local.st_uid, stat.S_IMODE(local.st_mode)) == (NOBODY, 0o660)
    assert stat.S_IMODE(os.stat(d.dir / "access.log").st_mode) & 0o007 == 0
    assert not os.stat(d.dir / "access.log").st_uid


@pytest.mark.skipif(SANITIZED, reason="its crash is the sanitizer's")
def test_one_that_crashes_is_seen_and_replaced_all_the_same(daemon):
    d = daemon(config())
    with pytest.raises(Exception):
        d.get("/crash/segv")
    d.wait_log("#0 crash_now at ")
    d.wait_log("is ready again")
    assert d.get("/hello").status == 200


def test_one_that_sleeps_is_looked_at_all_the_same(daemon):
    d = daemon(config())
    assert d.get("/nap/400").status == 200
    d.wait_log(r"it sleeps in clock_nanosleep\(\)|nap_now at")


@pytest.mark.skipif(SANITIZED, reason="a leak is looked for in /proc, which is outside")
def test_the_chroot_is_around_who_serves(daemon, tmp_path):
    root = tmp_path / "root"
    root.mkdir(mode=0o755)
    d = daemon(config(f"chroot: {root}"))
    assert d.get("/hello").status == 200
    names = {name_of(pid): os.readlink(f"/proc/{pid}/root") for pid in children_of(d.pid)}
    assert set(names.values()) == {str(root)}, names
    assert os.readlink(f"/proc/{d.pid}/root") == "/"
    for pid in children_of(d.pid):
        assert int(status_of(pid)["CapEff"], 16) == 0


def test_who_serves_ends_when_the_master_is_killed(daemon):
    d = daemon(config(), exit_code=-signal.SIGKILL)
    children = children_of(d.pid)
    os.kill(d.pid, signal.SIGKILL)
    wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") and name_of(pid) for pid in children
                               if status_or_none(pid)))


def status_or_none(pid):
    try:
        return status_of(pid)["State"][0] not in "ZX"
    except OSError:
        return None


def test_what_is_no_user_is_said_with_its_line(run_weir, tmp_path):
    (tmp_path / "x.yaml").write_text("access_log: off\nuser: nosuch\n")
    done = run_weir("-t", "-c", tmp_path / "x.yaml")
    assert done.code == 78
    assert 'x.yaml:2:7: user: there is no user "nosuch" on this machine' in done.stderr
