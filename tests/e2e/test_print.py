"""`weir -T`: the configuration in effect, each value with its origin; and that it is the same when it
is read again."""
from daemon import BUILD

CONFIG = f"""
max_body: 3MiB
listen: [{{address: 127.0.0.1:8000}}]
module_path: ["{BUILD}/examples"]
modules:
  - path: hello.so
    settings: {{greeting: "${{GREETING:-hi}}", price: "$${{5}}"}}
routes:
  - path: /hello
    methods: [GET]
    handler: hello.hello
"""


def without_origins(text):
    return [line.split("  # ")[0] for line in text.splitlines()]


def test_says_where_each_value_is_from(run_weir, tmp_path):
    (tmp_path / "weir.yaml").write_text(CONFIG)
    done = run_weir("-T", "-c", "weir.yaml", "--workers", "3",
                    env={"WEIR_KEEP_ALIVE": "5s", "PORT": "9000", "GREETING": "hello"})
    assert (done.code, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    for line in ("workers: 3  # command line --workers",
                 "listen:  # environment PORT",
                 '  - address: "*:9000"  # environment PORT',
                 "keep_alive: 5s  # environment WEIR_KEEP_ALIVE",
                 "max_body: 3MiB  # weir.yaml:2",
                 "    max_body: 3MiB  # weir.yaml:2",
                 '      "greeting": "hello"  # weir.yaml:7',
                 "send_timeout: 30s  # default"):
        assert line in lines


def test_is_the_same_when_it_is_read_again(run_weir, tmp_path):
    (tmp_path / "weir.yaml").write_text(CONFIG)
    first = run_weir("-T", "-c", "weir.yaml", "--workers", "3",
                     env={"WEIR_KEEP_ALIVE": "5s", "WEIR_ACCESS_LOG": "./log"})
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/again.yaml").write_text(first.stdout)
    again = run_weir("-T", "-c", "elsewhere/again.yaml")
    assert again.code == 0, again.stderr
    assert without_origins(again.stdout) == without_origins(first.stdout)
    assert "default" not in again.stdout.replace("half_close: cancel", "")


def test_what_is_printed_serves(daemon, run_weir, tmp_path):
    printed = run_weir("-T", "run", BUILD / "examples/hello.so", "--workers", "1")
    assert printed.code == 0, printed.stderr
    assert "the routes are those that the module names itself" in printed.stdout
    (tmp_path / "weir.yaml").write_text(CONFIG)
    printed = run_weir("-T", "-c", "weir.yaml", "--workers", "1")
    d = daemon(printed.stdout.replace("127.0.0.1:8000", "{address}"))
    assert d.get("/hello").status == 200


def test_prints_nothing_of_what_is_wrong(run_weir, tmp_path):
    (tmp_path / "weir.yaml").write_text(CONFIG.replace("hello.hello", "hello.no-such-handler"))
    done = run_weir("-T", "-c", "weir.yaml")
    assert (done.code, done.stdout) == (78, "")
    assert "no-such-handler" in done.stderr


WEBSOCKETS = f"""
deflate: true
module_path: ["{BUILD}/tests/modules"]
modules: [{{path: good.so}}]
routes:
  - path: /chat
    websocket: true
    origins: [https://example.org]
    deflate_window: 9
    handler: good.chat
  - {{path: /users, handler: good.users}}
"""


def test_a_websocket_route_is_the_same_when_it_is_read_again(run_weir, tmp_path):
    (tmp_path / "weir.yaml").write_text(WEBSOCKETS)
    first = run_weir("-T", "-c", "weir.yaml", env={"WEIR_MAX_LIFETIME": "24h"})
    assert (first.code, first.stderr) == (0, "")
    lines = first.stdout.splitlines()
    for line in ("    websocket: true  # weir.yaml:7",
                 '    origins: ["https://example.org"]  # weir.yaml:8',
                 "    max_lifetime: 24h  # environment WEIR_MAX_LIFETIME",
                 "    deflate: true  # weir.yaml:2",
                 "    deflate_window: 9  # weir.yaml:9",
                 "    deflate_client_window: 15  # default"):
        assert lines.count(line) == 1, line
    (tmp_path / "again.yaml").write_text(first.stdout)
    again = run_weir("-T", "-c", "again.yaml")
    assert again.code == 0, again.stderr
    assert without_origins(again.stdout) == without_origins(first.stdout)


def test_a_full_disk_is_not_success(run_weir, tmp_path):
    (tmp_path / "weir.yaml").write_text(CONFIG)
    script = tmp_path / "to-full"
    script.write_text(f'#!/bin/sh\nexec "{BUILD}/weir" "$@" > /dev/full\n')
    script.chmod(0o755)
    assert run_weir("-T", "-c", "weir.yaml", program=script).code == 71
