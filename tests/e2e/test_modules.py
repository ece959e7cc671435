"""Modules as the daemon meets them: middleware in its order, and modules that cannot be used."""
import pytest

import daemon as daemon_module

MODULES = daemon_module.BUILD / "tests/modules"

LAYERS = """
listen: [{address: "{address}"}]
workers: 1
module_path: ["{build}/tests/modules"]
modules: [{path: e2e_layers.so}]
routes:
  - {path: /bare, handler: e2e_layers.echo}
  - {path: /both, handler: e2e_layers.echo, middleware: [e2e_layers.outer, e2e_layers.inner]}
  - {path: /swapped, handler: e2e_layers.echo, middleware: [e2e_layers.inner, e2e_layers.outer]}
  - {path: /guarded, handler: e2e_layers.echo, middleware: [e2e_layers.guard, e2e_layers.outer]}
"""


@pytest.fixture
def layers(daemon):
    return daemon(LAYERS)


def test_a_request_passes_middleware_in_the_order_of_the_list(layers):
    assert layers.call("POST", "/both", body=b"x").body == b"inner(outer(x))"
    assert layers.call("POST", "/swapped", body=b"x").body == b"outer(inner(x))"


def test_a_response_passes_middleware_in_reverse(layers):
    assert layers.call("POST", "/both", body=b"x").values("x-passed") == ["inner", "outer"]
    assert layers.call("POST", "/swapped", body=b"x").values("x-passed") == ["outer", "inner"]


def test_a_route_without_middleware_has_none(layers):
    r = layers.call("POST", "/bare", body=b"x")
    assert r.body == b"x" and r["x-passed"] is None


def test_a_layer_may_refuse_for_the_handler(layers):
    assert layers.call("POST", "/guarded", body=b"x").status == 401
    assert layers.call("POST", "/guarded", {"X-Key": "7"}, b"x").body == b"outer(x)"


def config(modules, routes=()):
    """A configuration with these modules, and handlers on routes /0, /1, ..."""
    lines = ["module_path: [%s]" % MODULES, "modules:"]
    lines += [f"  - path: {path}" for path in modules]
    lines += ["routes:"] if routes else []
    lines += [f"  - {{path: /{i}, handler: {name}}}" for i, name in enumerate(routes)]
    return "\n".join(lines) + "\n"


@pytest.fixture
def check(run_weir, tmp_path):
    """weir -t on a configuration: exit code and what it says."""
    def run(text):
        path = tmp_path / "weir.yaml"
        path.write_text(text)
        done = run_weir("-t", "-c", path)
        return done.code, done.stdout + done.stderr
    return run


@pytest.mark.parametrize("name, words", [
    ("newer_minor.so", "built for weir's module ABI 1.1, this server has 1.0"),
    ("next_abi.so", "built for weir's module ABI 2"),
    ("no_description.so", "not a weir module: it has no WEIR_MODULE(...)"),
    ("undefined.so", "undefined symbol shop_connect"),
    ("undefined_weir.so", "needs weir_call_of_tomorrow, which this weir does not have"),
    ("needs_lost.so", "needs the library libweir-lost.so.9, which cannot be found"),
    ("missing.so", "no such file in module_path"),
])
def test_a_module_that_cannot_be_used_is_named_with_its_reason(check, name, words):
    code, said = check(config([name]))
    assert code == 78
    assert f"{name}: {words}" in said


def test_every_problem_is_said_at_once(check):
    code, said = check(config(["good.so", "next_abi.so", "missing.so"],
                              ["good.usre", "good.chat", "good.user"])
                       + "  - {path: /ws, websocket: true, handler: good.users}\n")
    assert code == 78
    assert "built for weir's module ABI 2" in said
    assert "missing.so: no such file" in said
    assert "module 'good' has no handler 'usre'; did you mean 'user'?" in said
    assert "good.chat serves WebSockets: this route needs \"websocket: true\"" in said
    assert "good.users serves no WebSockets: its entry has no method \"WS\"" in said


def test_a_good_module_is_fine(check):
    code, said = check(config(["good.so"], ["good.user", "good.users"]))
    assert code == 0, said


def test_the_daemon_does_not_start_with_a_broken_module(run_weir, tmp_path):
    path = tmp_path / "weir.yaml"
    path.write_text(config(["no_description.so"]) + "listen: [{address: \"unix:%s/s\"}]\n" % tmp_path)
    done = run_weir("-c", path)
    assert done.code in (3, 78)
    assert "it has no WEIR_MODULE(...)" in done.stderr


def test_run_mounts_websockets_too(daemon):
    d = daemon(None, "run", "{build}/tests/modules/good.so", "--listen", "{address}", "--workers", "1")
    assert d.get("/chat").status == 426
    assert d.call("POST", "/chat").status == 405
