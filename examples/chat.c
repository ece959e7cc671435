/*
 * chat.c - everybody in a room hears everybody, whichever worker they are
 * connected to. Listening costs no task: what is published goes to the session
 * directly. Who comes and who goes is published, too.
 *
 *	GET /chat		a page to chat with
 *	/ws/chat/{room}?name=ann
 */
#include <weir/weir.h>

/* Of the 32 letters that the page allows none takes more bytes than three. */
#define NAME_MAX_LEN 96

static int tell(weir_req *req, weir_str topic, weir_str name, const char *what)
{
	WEIR_SCRATCH(req); /* the session may live for days */
	weir_str line = weir_printf(req, "* %.*s %s", WEIR_ARG(name), what);

	return line.ptr ? weir_publish(req, topic, line, 0) : -ENOMEM;
}

/* Until the client closes, or is gone. */
static int talk(weir_req *req, weir_ws *ws, weir_str topic)
{
	weir_str line;
	int r;

	while ((r = weir_ws_recv(ws, &line)) > 0) {
		if (!weir_ws_is_text(ws))
			return weir_ws_close(ws, 1003, "text only");
		r = weir_publish(req, topic, line, 0);
		if (r < 0)
			return r;
	}
	return r;
}

/* What the room hears, and what its members say. */
static int join(weir_req *req, weir_sub *sub, weir_str topic)
{
	weir_ws *ws;
	int r;

	r = weir_ws_accept(req, NULL, &ws);
	if (r < 0)
		return r;
	r = weir_ws_relay(ws, sub, 0);
	return r < 0 ? r : talk(req, ws, topic);
}

/* What can be wrong with a room or a name is found before the session is accepted: a status says it. */
static int chat(weir_req *req)
{
	weir_str topic = weir_printf(req, "room/%.*s", WEIR_ARG(weir_param(req, "room")));
	weir_str name = weir_query_get(req, "name");
	weir_sub *sub;
	int r;

	if (!topic.ptr)
		return -ENOMEM;
	if (name.len > NAME_MAX_LEN)
		return WEIR_STATUS(400);
	r = weir_subscribe(req, &sub, .topic = topic);
	if (r < 0)
		return r; /* too long: 413 */
	if (name.len == 0)
		return join(req, sub, topic); /* who gives no name is not announced */

	r = tell(req, topic, name, "joined");
	if (r < 0)
		return r; /* not UTF-8: 400 */
	r = join(req, sub, topic);
	/* Publishing does not suspend: it works although the client may have vanished. */
	(void)(tell(req, topic, name, "left") < 0);
	return r;
}

static const char page[] =
	"<!doctype html>\n"
	"<meta charset=\"utf-8\">\n"
	"<title>chat</title>\n"
	"<style>\n"
	"body { font: 1em sans-serif; max-width: 40em; margin: 2em auto; }\n"
	"#log { border: 1px solid #999; height: 20em; overflow: auto; padding: .5em; }\n"
	"#log p { margin: .2em 0; }\n"
	"</style>\n"
	"<h1>chat</h1>\n"
	"<form id=\"join\">\n"
	"<label>Name <input id=\"name\" required maxlength=\"32\"></label>\n"
	"<label>Room <input id=\"room\" required value=\"lobby\"></label>\n"
	"<button>Join</button>\n"
	"</form>\n"
	"<div id=\"log\" role=\"log\"></div>\n"
	"<form id=\"say\" hidden>\n"
	"<input id=\"words\" autocomplete=\"off\" size=\"50\"> <button>Say</button>\n"
	"</form>\n"
	"<script>\n"
	"\"use strict\";\n"
	"const $ = (id) => document.getElementById(id);\n"
	"let ws, wait = 500;\n"
	"\n"
	"function show(text) {\n"
	"	const p = document.createElement(\"p\");\n"
	"	p.textContent = text;\n"
	"	$(\"log\").append(p);\n"
	"	p.scrollIntoView();\n"
	"}\n"
	"\n"
	"function connect() {\n"
	"	const url = new URL(\"/ws/chat/\" + encodeURIComponent($(\"room\").value), "
	"location.href);\n"
	"	url.protocol = location.protocol === \"https:\" ? \"wss:\" : \"ws:\";\n"
	"	url.searchParams.set(\"name\", $(\"name\").value);\n"
	"	ws = new WebSocket(url);\n"
	"	ws.onopen = () => { wait = 500; $(\"say\").hidden = false; };\n"
	"	ws.onmessage = (event) => show(event.data);\n"
	"	ws.onclose = () => { /* the server restarts, or the network is gone: come back */\n"
	"		$(\"say\").hidden = true;\n"
	"		setTimeout(connect, wait + Math.random() * wait);\n"
	"		wait = Math.min(wait * 2, 30000);\n"
	"	};\n"
	"}\n"
	"\n"
	"$(\"join\").onsubmit = (event) => {\n"
	"	event.preventDefault();\n"
	"	$(\"join\").hidden = true;\n"
	"	connect();\n"
	"};\n"
	"$(\"say\").onsubmit = (event) => {\n"
	"	event.preventDefault();\n"
	"	ws.send($(\"name\").value + \": \" + $(\"words\").value);\n"
	"	$(\"words\").value = \"\";\n"
	"};\n"
	"</script>\n";

static int show_page(weir_req *req)
{
	int r;

	r = weir_set_header(req, "cache-control", WEIR_STR("no-cache"));
	if (r < 0)
		return r;
	return weir_respond(req, 200, "text/html; charset=utf-8",
			    (weir_str){ page, sizeof(page) - 1 });
}

WEIR_MODULE(.name = "chat",
	    .handlers = WEIR_HANDLERS({ "page", show_page, "GET", "/chat", 0 },
				      { "chat", chat, "WS", "/ws/chat/{room}", 0 }));
