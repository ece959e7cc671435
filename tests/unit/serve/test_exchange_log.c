/* test_exchange_log.c - what of an exchange stands in the access log. */
#include "serve/exchange_log.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "h1_world.h"
#include "serve/access_format.h"
#include "serve/access_log.h"

struct logged {
	struct h1_world *w;
	struct access_log *access_log;
	int fds[2];
	char text[8192];
};

static void logged_init(struct logged *l)
{
	*l = (struct logged){ .w = h1_world_new() };
	cr_assert_eq(pipe2(l->fds, O_NONBLOCK | O_CLOEXEC), 0);
	cr_assert_eq(access_log_new(l->w->loop, &l->w->log, l->fds[1], NULL, &l->access_log), 0);
	l->w->server.access_log = l->access_log;
}

/* The lines, without what depends on the date. */
static const char *lines(struct logged *l)
{
	ssize_t n;
	char *date;

	h1_world_settle(l->w);
	access_log_flush(l->access_log);
	n = read(l->fds[0], l->text, sizeof(l->text) - 1);
	l->text[n > 0 ? n : 0] = '\0';
	while ((date = strchr(l->text, '['))) {
		char *end = strchr(date, ']');

		memmove(date, end + 2, strlen(end + 2) + 1);
	}
	return l->text;
}

static void logged_done(struct logged *l)
{
	l->access_log = access_log_free(l->access_log);
	l->w->server.access_log = NULL;
	h1_world_free(l->w);
	(void)close(l->fds[0]);
	(void)close(l->fds[1]);
}

Test(exchange_log, has_a_line_for_each_answer)
{
	struct logged l;
	struct client *c;

	logged_init(&l);
	c = client_new(l.w);
	l.w->start = visit_at_once;
	client_send(c, "GET /a?b=c HTTP/1.1\r\nHost: x\r\nUser-Agent: curl/7\r\n"
		       "Referer: http://y/\r\n\r\n"
		       "HEAD /h HTTP/1.1\r\nHost: x\r\n\r\n"
		       "GET /\xc3\xa9\" HTTP/1.1\r\nHost: x\r\n\r\n");
	cr_assert_str_eq(lines(&l),
			 "192.0.2.7 - - \"GET /a?b=c HTTP/1.1\" 200 6 \"http://y/\" \"curl/7\"\n"
			 "192.0.2.7 - - \"HEAD /h HTTP/1.1\" 200 0 \"-\" \"-\"\n"
			 "192.0.2.7 - - \"GET /\\xc3\\xa9\\\" HTTP/1.1\" 400 49 \"-\" \"-\"\n");
	logged_done(&l);
}

Test(exchange_log, says_499_when_the_client_left_before_an_answer)
{
	struct logged l;
	struct client *c;

	logged_init(&l);
	c = client_new(l.w);
	client_send(c, "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
	client_close(c);
	cr_assert_str_eq(lines(&l), "192.0.2.7 - - \"GET /slow HTTP/1.1\" 499 0 \"-\" \"-\"\n");
	logged_done(&l);
}

static void unlogged(struct visit *v)
{
	v->ex->is_logged = false;
	visit_at_once(v);
}

Test(exchange_log, is_off_where_a_route_says_so)
{
	struct logged l;

	logged_init(&l);
	l.w->start = unlogged;
	client_send(client_new(l.w), "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
	cr_assert_str_eq(lines(&l), "");
	logged_done(&l);
}

struct named {
	const char *name, *host;
};

static const struct named names[] = {
	{ "192.0.2.7:51234", "192.0.2.7 " },
	{ "[2001:db8::1]:80", "2001:db8::1 " },
	{ "[fe80::1%eth0]:80", "fe80::1%eth0 " },
	{ "unix:", "unix: " },
	{ "unix:/run/x:y", "unix: " },
	{ "strange", "strange " },
};

Test(exchange_log, names_clients_without_their_ports)
{
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct logged l;
		int fds[2];

		logged_init(&l);
		l.w->start = visit_at_once;
		cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
		server_accept(&l.w->server, fds[1], weir_strz(names[i].name), WEIR_STR("y"));
		cr_assert_eq(send(fds[0], "GET / HTTP/1.0\r\n\r\n", 18, 0), 18);
		cr_assert_eq(strncmp(lines(&l), names[i].host, strlen(names[i].host)), 0, "%s: %s",
			     names[i].name, l.text);
		(void)close(fds[0]);
		logged_done(&l);
	}
}

static struct exchange_log_rule rule;

static void by_rule(struct visit *v)
{
	v->ex->log_rule = &rule;
	visit_at_once(v);
}

Test(exchange_log, has_errors_only_where_a_route_says_so)
{
	struct logged l;
	struct client *c;

	logged_init(&l);
	rule = (struct exchange_log_rule){ .only_errors = true };
	l.w->start = by_rule;
	c = client_new(l.w);
	client_send(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
	cr_assert_str_eq(lines(&l), "");
	logged_done(&l);
}

Test(exchange_log, a_sample_is_of_whole_requests)
{
	struct exchange_log_rule sampled = { .sample = 10 };
	unsigned n = 0;

	for (unsigned i = 0; i < 10000; i++) {
		char id[24];
		struct access_log_line line = { .status = 200 };
		bool is_wanted;

		(void)snprintf(id, sizeof(id), "%016x", i);
		line.request_id = weir_strz(id);
		is_wanted = exchange_log_is_wanted(&sampled, &line, false);
		cr_expect_eq(is_wanted, exchange_log_is_wanted(&sampled, &line, false));
		cr_expect(exchange_log_is_wanted(&sampled, &line, true), "errors are all there");
		n += is_wanted;
	}
	cr_expect(n > 800 && n < 1200, "%u", n);
}

struct refused {
	char bytes[96];
	char line[96];
};

ParameterizedTestParameters(exchange_log, has_what_is_known_of_who_is_refused)
{
	static struct refused rows[] = {
		{ "GET /a b HTTP/1.1\r\n\r\n", "\"GET /a\" 400 " },
		{ "GET / HTTP/1.1\r\n\r\n", "\"GET / HTTP/1.1\" 400 " },
		{ "HEAD / HTTP/1.0\r\n a:b\r\n\r\n", "\"HEAD / HTTP/1.0\" 400 0 " },
		{ "\r\nPUT /\xff HTTP/1.1\r\n\r\n", "\"PUT /\\xff HTTP/1.1\" 400 " },
		{ "G\x01T / HTTP/1.1\r\n\r\n", "\"-\" 400 " },
		{ "\x16\x03\x01", "\"-\" 400 " },
		{ "GET /\n", "\"GET /\" 400 " },
		{ "GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n", "\"GET /%zz HTTP/1.1\" 400 " },
		{ "GET / HTTP/1.1\r\nUser-Agent: me\r\nHost: x\r\nExpect: cake\r\n\r\n",
		  "\"GET / HTTP/1.1\" 417 " },
	};

	return cr_make_param_array(struct refused, rows, sizeof(rows) / sizeof(*rows));
}

ParameterizedTest(struct refused *row, exchange_log, has_what_is_known_of_who_is_refused)
{
	struct logged l;
	struct client *c;
	const char *text;

	logged_init(&l);
	c = client_new(l.w);
	client_send(c, row->bytes);
	(void)client_text(c);
	text = strchr(lines(&l), '"');
	cr_expect(text && !strncmp(text, row->line, strlen(row->line)), "%s instead of %s", l.text,
		  row->line);
	cr_expect_eq(!!strstr(l.text, "\"me\"\n"), !!strstr(row->bytes, ": me"));
	logged_done(&l);
}

/* As long as it took until then. */
Test(exchange_log, knows_how_long_half_a_head_was_waited_for)
{
	const char *words = NULL;
	struct access_format *format;
	struct logged l;
	struct client *c;
	weir_str field;

	logged_init(&l);
	cr_assert_eq(
		access_format_new(WEIR_STR("{client} {request} {status} {duration} {queue_time} "
					   "{handler_time} {route} {scheme} {bytes}"),
				  &format, &words, &field),
		0);
	(void)access_log_free(l.access_log);
	cr_assert_eq(access_log_new(l.w->loop, &l.w->log, l.fds[1], format, &l.access_log), 0);
	l.w->server.access_log = l.access_log;
	c = client_new(l.w);
	client_send(c, "GET /slow HT");
	h1_world_pass(l.w, (int)l.w->server.heads.after_ms);
	(void)client_text(c);
	(void)lines(&l);
	cr_expect(strstr(l.text, "GET /slow 408 "), "%s", l.text);
	cr_expect(strstr(l.text, ".000000 0.000000 0.000000 - http 53\n"), "%s", l.text);
	cr_expect_not(strstr(l.text, " 0.000000 0.000000 0.000000"), "%s", l.text);
	logged_done(&l);
	(void)access_format_free(format);
}
