"""`weir --print-schema`: judged by a validator that is not ours, on the files that our reader is
tested with."""
import json
import pathlib
import re

import jsonschema
import pytest
import yaml

from daemon import BUILD, TOP

CONFS = pathlib.Path(TOP) / "tests/unit/conf"
GOOD = [pathlib.Path(TOP) / "conf/demo.yaml", pathlib.Path(TOP) / "conf/weir.yaml",
        *sorted(CONFS.glob("conf_good/*.yaml"))]
BROKEN = sorted(CONFS.glob("conf_broken/*.yaml"))

# What no schema can know, because it is about two places of a file, about the environment, or
# about how the YAML is written.
BEYOND = {
    "04-duplicate-key": "YAML",
    "16-duplicate-listener": "two places",
    "17-overlapping-listeners": "two places",
    "18-duplicate-route": "two places",
    "19-shadowed-route": "two places",
    "21-unknown-module": "two places",
    "25-unset-variable": "the environment",
    "34-two-modules-of-one-name": "two places",
    "35-anchor": "YAML",
    "37-tag": "YAML",
    "45-target-larger-than-head": "two places",
    "54-unknown-directive": "YAML",
    "55-nul-byte": "YAML",
    "56-block-not-indented": "YAML",
    "57-high-water-beyond-the-budget": "two places",
    "64-websocket-and-get": "two places",
    "65-queues-beyond-their-budgets": "two places",
    "71-pools-of-one-name": "two places",
    "73-a-job-may-run-longer-than-it-may": "two places",
    "74-a-pool-without-memory": "two places",
    "75-stalls": "two places",
    "76-an-abort-without-a-limit": "two places",
    "80-tls-of-clients": "two places",
}


class Core(yaml.SafeLoader):
    """YAML 1.2's core schema, as editors read it; PyYAML's own is 1.1, where off is a boolean."""


Core.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
        ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
        ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
        ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", "-+.0123456789"),
        ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""])):
    Core.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^({_pattern})$"),
                               list(_first))


def _int(loader, node):
    text = loader.construct_scalar(node)
    return int(text, 0) if text[:2] in ("0o", "0x") else int(text)


Core.add_constructor("tag:yaml.org,2002:int", _int)


@pytest.fixture(name="schema")
def _schema(run_weir):
    done = run_weir("--print-schema")
    assert done.code == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(name="validator")
def _validator(schema):
    return jsonschema.Draft7Validator(schema)


def errors(validator, text):
    return [f"{'/'.join(map(str, e.absolute_path))}: {e.message}"
            for e in validator.iter_errors(yaml.load(text, Loader=Core))]


def test_is_a_schema(schema):
    jsonschema.Draft7Validator.check_schema(schema)


def test_there_are_dozens_of_files():
    assert len(GOOD) >= 30 and len(BROKEN) >= 50


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_takes_a_good_file(validator, path):
    assert not errors(validator, path.read_text())


def test_takes_every_example_of_the_packaged_file(validator):
    """With its hashes gone, that is: test_option_print.c reads it so, too."""
    text = (pathlib.Path(TOP) / "conf/weir.yaml").read_text()
    lines = [line[1:] for line in text.splitlines() if re.match(r"#( {2,4}- |(  |    )[a-z_]+: |\S)", line)
             and not re.match(r"#   [a-z_]+ \(", line)]
    conf = yaml.load("\n".join(lines), Loader=Core)
    assert {"workers", "listen", "routes", "max_tasks"} <= set(conf)
    assert conf["jobs"]["pools"]
    assert not list(validator.iter_errors(conf))


@pytest.mark.parametrize("path", BROKEN, ids=lambda path: path.stem)
def test_refuses_a_broken_file(validator, path):
    try:
        found = errors(validator, path.read_text())
    except yaml.YAMLError:
        return                          # an editor says so without a schema
    if path.stem in BEYOND:
        assert not found, "the schema does know: take it from BEYOND"
    else:
        assert found


@pytest.mark.parametrize("text", [
    "workers: 0", "workers: 1025", "workers: '1025'", "workers: many", "workers: 1.5", "workers: true",
    "max_head: 1023", "max_head: 1023B", "max_head: 2MiB", "max_head: 1025KiB", "max_head: 64kb",
    "max_body: -1", "header_timeout: 10", "header_timeout: 0", "header_timeout: 0s",
    "min_rate: 240", "min_rate: 240B", "min_rate: 2GiB/s",
    "header_timeout: 2h", "header_timeout: 61m", "header_timeout: 1 s", "keep_alive: 25h",
    "access_log: false", "access_log: log", "log_level: verbose", "log_level: [info]",
    "listen: 127.0.0.1:80", "listen: [{address: 127.0.0.1:0}]", "listen: [{address: 127.0.0.1:65536}]",
    "listen: [{address: 127.0.0.256:80}]", "listen: [{address: 'localhost:80'}]",
    "listen: [{address: 'unix:@x'}]", "listen: [{mode: 0660}]",
    "listen: [{address: 'unix:/x', mode: '0888'}]", "modules: {path: a.so}",
    "modules: [{path: a.so, settings: {a: [1]}}]", "modules: [{path: a.so, settings: [a]}]",
    "routes: [{path: hello, handler: a.a}]", "routes: [{path: /hello, handler: hello}]",
    "routes: [{path: /hello}]", "routes: [{path: /a, handler: a.a, methods: []}]",
    "routes: [{path: /a, handler: a.a, methods: [get]}]",
    "routes: [{path: /a, handler: a.a, methods: [CONNECT]}]",
    "routes: [{path: /a, handler: a.a, access_log: off}]",
    "routes: [{path: /a, handler: a.a, half_close: wait}]",
    "routes: [{path: /a, handler: a.a, middleware: [x]}]",
    "max_message: 0", "max_message: 2TiB", "close_timeout: 0", "slow_client: drop", "deflate: on",
    "deflate_window: 8", "deflate_window: 16", "deflate_client_window: 7", "send_queue: 1023B",
    "max_publication: 0", "max_publication: 1GiB", "origins: ['*']", "websocket: true",
    "routes: [{path: /a, handler: a.a, websocket: 1}]",
    "routes: [{path: /a, handler: a.a, websocket: true, methods: [GET]}]",
    "routes: [{path: /a, handler: a.a, websocket: 'true', methods: GET}]",
    "routes: [{path: /a, handler: a.a, max_message: 1KiB}]",
    "routes: [{path: /a, handler: a.a, websocket: false, deflate: true}]",
    "routes: [{path: /a, handler: a.a, websocket: 'false', origins: '*'}]",
    "routes: [{path: /a, handler: a.a, websocket: true, origins: []}]",
    "routes: [{path: /a, handler: a.a, websocket: true, origins: [example.org]}]",
    "routes: [{path: /a, handler: a.a, websocket: true, origins: ['https://example.org/']}]",
    "routes: [{path: /a, handler: a.a, websocket: true, origins: ['https://*.example.org']}]",
    "routes: [{path: /a, handler: a.a, websocket: true, origins: ['https://a@example.org']}]",
    "routes: [{path: /a, handler: a.a, websocket: true, origins: null}]",
    "routes: [{path: /a, handler: a.a, websocket: true, publish_budget: 1MiB}]",
    "jobs: 2", "jobs: []", "jobs: {processes: 0}", "jobs: {processes: many}", "jobs: {queue: -1}",
    "jobs: {run_timeout: 30}", "jobs: {nice: 20}", "jobs: {nice: -1}", "jobs: {max_result: 2GiB}",
    "jobs: {max_result: 0}", "jobs: {sandbox: 1}", "jobs: {name: x}", "jobs: {workers: 2}",
    "jobs: {pools: slow}", "jobs: {pools: {name: slow}}", "jobs: {pools: [slow]}",
    "jobs: {pools: [{processes: 1}]}", "jobs: {pools: [{name: 'a b'}]}", "jobs: {pools: [{name: a.b}]}",
    "jobs: {pools: [{name: a, max_result: 1MiB}]}", "jobs: {pools: [{name: a, pools: []}]}",
    "jobs: {pools: [{name: a, processes: 0}]}", "processes: 2", "threads: 0", "stall_limit: 1",
    "log_level: $${NOT_A_VARIABLE}", "log_level: ${1}", "log_level: ${A:+b}", "nonsense: 1", "[]", "text",
])
def test_refuses_what_the_reader_refuses(run_weir, validator, tmp_path, text):
    (tmp_path / "x.yaml").write_text(text + "\n")
    done = run_weir("-t", "-c", tmp_path / "x.yaml")
    assert done.code == 78
    assert errors(validator, text)


@pytest.mark.parametrize("text", [
    "workers: ${N}", "workers: '0${N}'", "max_head: ${N}KiB", "header_timeout: ${N}s", "log_level: ${LEVEL}",
    "access_log: ${LEVEL}", "access_log: ${LEVEL:-off}", "listen: [{address: '127.0.0.1:${N}'}]",
    "listen: [{address: 'unix:${LEVEL}', mode: '${N}'}]", "module_path: ${LEVEL}",
    "modules: [{path: '${LEVEL}.so', settings: {a: '${N}'}}]",
    "jobs: {processes: '${N}', grace: '${N}ms', pools: [{name: '${LEVEL}', queue: '${N}'}]}",
])
def test_takes_a_variable_wherever_the_reader_does(run_weir, validator, tmp_path, monkeypatch, text):
    monkeypatch.setenv("N", "64")
    monkeypatch.setenv("LEVEL", "stdout" if "access_log" in text else "info")
    (tmp_path / "x.yaml").write_text(text + "\n")
    done = run_weir("-t", "-c", tmp_path / "x.yaml")
    # A module of that name there is not; that is all that may be wrong.
    assert done.code == 0 or done.stderr.count(": no such file") == 1, done.stderr
    assert not errors(validator, text)


def test_says_defaults_limits_and_what_it_is_about(schema):
    limits = schema["properties"]["max_fields"]
    assert limits["default"] == 100
    assert {"type": "integer", "minimum": 1, "maximum": 10000} in limits["anyOf"]
    assert "431" in limits["description"]
    route = schema["properties"]["routes"]["items"]
    assert route["required"] == ["path"]
    assert {"required": ["handler"]} in route["oneOf"]
    assert {"enum": ["cancel", "finish"]} in route["properties"]["half_close"]["anyOf"]
    assert route["properties"]["access_log"]["default"] is True
    assert route["properties"]["websocket"]["default"] is False
    assert {"enum": ["wait", "drop-oldest", "close"]} in schema["properties"]["slow_client"]["anyOf"]
    assert "default" not in route["properties"]["slow_client"]
    jobs = schema["properties"]["jobs"]
    assert (jobs["type"], jobs["properties"]["processes"]["default"]) == ("object", "auto")
    pool = jobs["properties"]["pools"]["items"]
    assert pool["required"] == ["name"] and "default" not in pool["properties"]["processes"]


@pytest.mark.parametrize("value, code", [("true", 0), ("false", 78)])
def test_a_variable_may_make_a_websocket_of_a_route(run_weir, validator, tmp_path, value, code):
    """Nobody knows, so nobody objects: neither to what a WebSocket has nor to what it has not."""
    text = ("modules: [{path: good.so}]\nmodule_path: [%s]\nroutes: [{path: /a, handler: good.chat, "
            "websocket: '${IS_WS}', origins: ['*']}]\n" % (BUILD / "tests/modules"))
    (tmp_path / "x.yaml").write_text(text)
    done = run_weir("-t", "-c", tmp_path / "x.yaml", env={"IS_WS": value})
    assert done.code == code, done.stderr
    assert not errors(validator, text)
    assert not errors(validator, text.replace("origins: ['*']", "methods: [GET]"))
