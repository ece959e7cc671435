"""The WebSocket routes of conf/demo.yaml, and those of tests/modules/e2e_ws.c."""
ROUTES = [
    # path, handler, options
    ("/ws/echo", "wsecho.echo", "max_message: 16MiB"),
    ("/ws/echo-small", "wsecho.echo", "max_message: 1MiB"),
    ("/ws/echo-deflate", "wsecho.echo", "max_message: 16MiB, deflate: true, deflate_min: 0"),
    ("/ws/echo-contexts", "wsecho.echo", "max_message: 16MiB, deflate: true, deflate_min: 0, deflate_contexts: true"),
    ("/ws/echo-min", "wsecho.echo", "deflate: true, deflate_min: 128B"),
    ("/ws/echo-windows", "wsecho.echo", "deflate: true, deflate_min: 0, deflate_window: 10, deflate_client_window: 9"),
    ("/ws/echo-pieces", "wsecho.echo_pieces", ""),
    ("/ws/message-echo", "wsecho.message_echo", "max_message: 16MiB"),
    ("/ws/message-echo-deflate", "wsecho.message_echo", "max_message: 16MiB, deflate: true"),
    ("/ws/chat/{room}", "chat.chat", "max_message: 64KiB"),
    ("/ws/clock", "clock.clock", ""),
    ("/ws/origins", "wsecho.echo", 'origins: ["https://example.org", "http://other.example:8080"]'),
    ("/ws/any-origin", "wsecho.echo", 'origins: ["*"]'),
    ("/ws/refuse/{status}", "e2e_ws.refuse", ""),
    ("/ws/fail", "e2e_ws.fail_before", ""),
    ("/ws/nothing", "e2e_ws.say_nothing", ""),
    ("/ws/fields", "e2e_ws.with_fields", ""),
    ("/ws/listen", "e2e_ws.listen_only", ""),
    ("/ws/close/{code}", "e2e_ws.close_with", ""),
    ("/ws/leave/{errno}", "e2e_ws.leave_with", ""),
    ("/ws/push", "e2e_ws.push", "request_memory: 16MiB"),
    ("/ws/ignore", "e2e_ws.ignore", ""),
    ("/ws/counter", "e2e_ws.counter", ""),
    ("/ws/closed-door", "e2e_ws.closed_door", ""),
]
TOP = """
listen: [{address: "{address}"}]
module_path: ["{build}/tests/modules", "{build}/examples"]
modules: [{path: e2e_ws.so}, {path: wsecho.so}, {path: chat.so}, {path: clock.so}]
"""


def config(more=None, **options):
    """The whole site. more: {path: further options of its route}; options are those of the file's top."""
    options = {"workers": 1, "log_level": "info", **options}
    lines = [f"{name}: {value}" for name, value in options.items()]
    routes = ['  - {path: "/hello", handler: e2e_ws.hello}']
    for path, handler, about in ROUTES:
        about = ", ".join(part for part in (about, (more or {}).get(path, "")) if part)
        routes.append(f'  - {{path: "{path}", handler: {handler}, websocket: true{about and ", "}{about}}}')
    return "\n".join(lines) + TOP + "routes:\n" + "\n".join(routes) + "\n"
