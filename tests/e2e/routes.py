"""tests/modules/e2e_module.c and e2e_asgi.c on routes: what most end-to-end tests talk to.

Its handlers wait at gates: /hold/3 answers when somebody has asked for /release/3. So a test
decides what happens first; nothing sleeps and hopes.
"""
import json

import daemon as daemon_module

MODULE = [
    # path, handler, options
    ("/hello", "hello", "methods: [GET]"),
    ("/a/b/c", "hello", "methods: [GET, POST]"),
    ("/state", "state_of_all", ""),
    ("/show", "show", ""),
    ("/show/{a}", "show", ""),
    ("/show/{a}/all/{rest...}", "show", ""),
    ("/hold/{gate}", "hold", ""),
    ("/hold/{gate}/finish", "hold", "half_close: finish"),
    ("/release/{gate}", "release", "access_log: false"),
    ("/half/{gate}", "hold_half", ""),
    ("/anyway/{gate}", "finish_anyway", ""),
    ("/tree/{gate}", "tree", ""),
    ("/shielded/{gate}", "shielded", ""),
    ("/stubborn/{gate}", "stubborn", ""),
    ("/body", "body", ""),
    ("/body/small", "body", "max_body: 1KiB"),
    ("/body/finish", "body", "half_close: finish"),
    ("/body/late/{gate}", "body_late", ""),
    ("/body/trailer", "body_trailer", ""),
    ("/body/unread", "body_unread", ""),
    ("/body/started", "body_after_start", ""),
    ("/body/count", "body_count", "max_body: 1GiB"),
    ("/stream", "stream", ""),
    ("/stream/finish", "stream", "half_close: finish"),
    ("/file", "file", ""),
    ("/status/{code}", "status", ""),
    ("/status-only/{code}", "status_only", ""),
    ("/set", "set_field", ""),
    ("/fields", "fields", ""),
    ("/hints", "early_hints", ""),
    ("/fail/{how}", "fail_error", ""),
    ("/fail-words", "fail_words", ""),
    ("/fail-midway/{how}", "fail_midway", ""),
    ("/fail-long", "fail_long", ""),
    ("/fail-after", "fail_after", ""),
    ("/fail-deadline", "fail_deadline", ""),
    ("/answer-twice", "answer_twice", ""),
    ("/exhaust", "exhaust", "request_memory: 256KiB"),
    ("/exhaust/{how}", "exhaust", "request_memory: 256KiB"),
    ("/scratch", "scratch", "request_memory: 256KiB"),
    ("/crash/{how}", "crash", ""),
]
ASGI = [
    ("/asgi/early", "too_early", ""),
    ("/asgi/twice", "start_twice", ""),
    ("/asgi/late", "too_late", ""),
    ("/asgi/status", "bad_status", ""),
    ("/asgi/field", "bad_field", ""),
    ("/asgi/websocket", "websocket", ""),
    ("/asgi/echo", "echo", ""),
    ("/asgi/shout", "echo", "middleware: [e2e_asgi.shout]"),
]
LAYERED = [
    # Handlers of one module behind layers of another.
    ("/tagged", "e2e_module.hello", "middleware: [e2e_asgi.outer, e2e_asgi.inner]"),
    ("/tagged/body", "e2e_module.body", "middleware: [e2e_asgi.shout]"),
    ("/tagged/file", "e2e_module.file", "middleware: [e2e_asgi.outer]"),
    ("/tagged/stream", "e2e_module.stream", "middleware: [e2e_asgi.outer]"),
    ("/tagged/twice", "e2e_module.hello", "middleware: [e2e_asgi.twice]"),
]

TOP = """
listen: [{address: "{address}"}]
module_path: ["{build}/tests/modules", "{build}/examples"]
modules: [{path: e2e_module.so}, {path: e2e_asgi.so}, {path: echo.so}]
"""


def config(**options):
    """The whole site; options are those of the file's top."""
    options = {"workers": 1, "log_level": "info", **options}
    lines = [f"{name}: {value}" for name, value in options.items()]
    rows = [(path, f"e2e_module.{handler}", more) for path, handler, more in MODULE]
    rows += [(path, f"e2e_asgi.{handler}", more) for path, handler, more in ASGI]
    rows += LAYERED + [("/echo", "echo.echo", "max_body: 1GiB")]
    routes = [f'  - {{path: "{path}", handler: {handler}{more and ", "}{more}}}' for path, handler, more in rows]
    return "\n".join(lines) + TOP + "routes:\n" + "\n".join(routes) + "\n"


def release(d, gate, n=1):
    """n who stand at this gate, or will, may pass."""
    assert d.get(f"/release/{gate}?n={n}").status == 200


def state(d):
    return json.loads(d.get("/state").body)


def wait_gate(d, gate, count=1, after=0):
    """Until count handlers stand at this gate."""
    d.wait_log(f"waits at gate {gate}$", count, after)


def wait_nobody(d):
    """Until no handler waits; where one does, it goes, and does not disturb the next test."""
    try:
        wait_state(d, lambda now: now["waiting"] == 0)
    except AssertionError:
        for gate in range(10):
            release(d, gate)
        raise


def wait_state(d, accept):
    """Until accept(state) is true; the state."""
    return daemon_module.wait_until(lambda: (now := state(d)) and accept(now) and now, d.story)
