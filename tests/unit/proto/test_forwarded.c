/* test_forwarded.c - which client is believed in, of what proxies and clients have written. */
#include "proto/forwarded.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <errno.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/macro.h"

#define MAX_FIELDS 6

struct row {
	enum forwarded_kind kind;
	const char *fields[MAX_FIELDS][2];
	const char *client, *scheme, *host; /* NULL: nothing is said */
	bool is_refused;
};

#define XFF "x-forwarded-for"
#define XFP "x-forwarded-proto"
#define XFH "x-forwarded-host"
#define FWD "forwarded"
#define X .kind = FORWARDED_X
#define F .kind = FORWARDED_RFC7239

/* Trusted are 10.0.0.0/8 and 2001:db8:10::/48. */
static const struct row rows[] = {
	/* the right-most untrusted */
	{ X, { { XFF, "203.0.113.9" } }, "203.0.113.9:0" },
	{ X, { { XFF, "6.6.6.6, 203.0.113.9" } }, "203.0.113.9:0" },
	{ X, { { XFF, "6.6.6.6, 203.0.113.9, 10.0.0.2" } }, "203.0.113.9:0" },
	{ X, { { XFF, "10.6.6.6, 203.0.113.9,10.0.0.2 ,10.0.0.3" } }, "203.0.113.9:0" },
	{ X, { { XFF, "10.0.0.1, 10.0.0.2" } }, "10.0.0.1:0" },
	{ X,
	  { { XFF, "6.6.6.6" }, { "x", "y" }, { XFF, "203.0.113.9, 10.0.0.2" } },
	  "203.0.113.9:0" },
	{ X, { { XFF, "2001:db8::1" } }, "[2001:db8::1]:0" },
	{ X, { { XFF, "[2001:db8::1]:4711" } }, "[2001:db8::1]:4711" },
	{ X, { { XFF, "2001:db8::1, 2001:db8:10::7" } }, "[2001:db8::1]:0" },
	{ X, { { XFF, "203.0.113.9:4711" } }, "203.0.113.9:4711" },
	{ X, { { XFF, "unknown" } }, "unknown" },
	{ X, { { XFF, ",, 203.0.113.9 ,\t," } }, "203.0.113.9:0" },
	{ X, { { XFF, "" } }, NULL },
	{ X, { { "x-other", "1" } }, NULL },
	/* what stands left of it is nobody's business */
	{ X, { { XFF, "<script>, \"; for=x, 203.0.113.9" } }, "203.0.113.9:0" },
	/* what would have to be believed is not to be read */
	{ X, { { XFF, "203.0.113.9, <script>" } }, .is_refused = true },
	{ X, { { XFF, "203.0.113.9, example.org, 10.0.0.2" } }, .is_refused = true },
	{ X, { { XFF, "203.0.113.9:99999" } }, .is_refused = true },
	{ X, { { XFF, "[203.0.113.9]" } }, .is_refused = true },
	{ X, { { XFF, "[2001:db8::1]x" } }, .is_refused = true },
	{ X, { { XFF, "[2001:db8::1" } }, .is_refused = true },
	/* scheme and host */
	{ X, { { XFP, "https" } }, NULL, "https" },
	{ X, { { XFF, "203.0.113.9" }, { XFP, "HTTPS" } }, "203.0.113.9:0", "https" },
	{ X, { { XFF, "203.0.113.9" }, { XFP, "wss" } }, "203.0.113.9:0", "https" },
	{ X, { { XFF, "203.0.113.9" }, { XFP, "ws" } }, "203.0.113.9:0", "http" },
	{ X, { { XFF, "6.6.6.6, 203.0.113.9" }, { XFP, "https, http" } }, "203.0.113.9:0", "http" },
	{ X,
	  { { XFF, "203.0.113.9, 10.0.0.2" }, { XFP, "https, http" } },
	  "203.0.113.9:0",
	  "https" },
	{ X, { { XFF, "203.0.113.9, 10.0.0.2" }, { XFP, "https" } }, "203.0.113.9:0", "https" },
	{ X, { { XFF, "203.0.113.9" }, { XFP, "http, https" } }, "203.0.113.9:0", "https" },
	{ X, { { XFP, "gopher" } }, .is_refused = true },
	{ X, { { XFH, "example.org:8443" } }, NULL, NULL, "example.org:8443" },
	{ X, { { XFH, "evil/, example.org" } }, NULL, NULL, "example.org" },
	{ X, { { XFH, "a b" } }, .is_refused = true },
	/* the other kind is not even looked at */
	{ X, { { FWD, "for=203.0.113.9;proto=https" } }, NULL },
	{ F, { { XFF, "203.0.113.9" }, { XFP, "https" }, { XFH, "a" } }, NULL },

	{ F, { { FWD, "for=203.0.113.9" } }, "203.0.113.9:0" },
	{ F, { { FWD, "For=\"203.0.113.9:4711\"" } }, "203.0.113.9:4711" },
	{ F, { { FWD, "for=\"[2001:db8:cafe::17]:4711\"" } }, "[2001:db8:cafe::17]:4711" },
	{ F, { { FWD, "for=\"[2001:db8:cafe::17]\"" } }, "[2001:db8:cafe::17]:0" },
	{ F,
	  { { FWD, "for=192.0.2.60;proto=http;by=203.0.113.43;host=example.org" } },
	  "192.0.2.60:0",
	  "http",
	  "example.org" },
	{ F, { { FWD, "for=6.6.6.6;proto=https, for=192.0.2.43, for=10.0.0.2" } }, "192.0.2.43:0" },
	{ F,
	  { { FWD, "for=6.6.6.6" }, { FWD, "for=192.0.2.43;proto=https" } },
	  "192.0.2.43:0",
	  "https" },
	{ F, { { FWD, "for=_gazonk" } }, "_gazonk" },
	{ F, { { FWD, "for=unknown, for=10.0.0.2" } }, "unknown" },
	{ F, { { FWD, "for=\"_gazonk:_port\"" } }, "_gazonk" },
	{ F, { { FWD, "for=\"203.0.113.9:_port\"" } }, "203.0.113.9:0" },
	{ F, { { FWD, "for=\"20\\3.0.113.9\"" } }, "203.0.113.9:0" },
	{ F, { { FWD, "for=10.0.0.1;ext=\"a, for=6.6.6.6;\"" } }, "10.0.0.1:0" },
	{ F, { { FWD, " for=203.0.113.9 ; proto=https ; , ," } }, "203.0.113.9:0", "https" },
	{ F, { { FWD, "proto=https" } }, NULL, "https" },
	{ F, { { FWD, "host=\"example.org:8443\"" } }, NULL, NULL, "example.org:8443" },
	{ F, { { FWD, "" } }, NULL },
	{ F,
	  { { FWD, "for=6.6.6.6;proto=gopher;host=\"a b\", for=203.0.113.9" } },
	  "203.0.113.9:0" },
	{ F, { { FWD, "for=\"nonsense\", for=203.0.113.9" } }, "203.0.113.9:0" },
	/* a quote that is not closed would swallow what a proxy has added */
	{ F, { { FWD, "for=\"6.6.6.6, for=203.0.113.9" } }, .is_refused = true },
	{ F, { { FWD, "for=\"6.6.6.6\\" } }, .is_refused = true },
	{ F, { { FWD, "for=\"6.6.6.6\"x, for=203.0.113.9" } }, .is_refused = true },
	{ F, { { FWD, "for=203.0.113.9;for=6.6.6.6" } }, .is_refused = true },
	{ F, { { FWD, "for=203.0.113.9:4711" } }, .is_refused = true },
	{ F, { { FWD, "for=[2001:db8::1]" } }, .is_refused = true },
	{ F, { { FWD, "for =203.0.113.9" } }, .is_refused = true },
	{ F, { { FWD, "for=" } }, .is_refused = true },
	{ F, { { FWD, "for" } }, .is_refused = true },
	{ F, { { FWD, "=203.0.113.9" } }, .is_refused = true },
	{ F, { { FWD, "for=\"\"" } }, .is_refused = true },
	{ F, { { FWD, "for=_" } }, .is_refused = true },
	{ F, { { FWD, "for=203.0.113.9;proto=gopher" } }, .is_refused = true },
	{ F, { { FWD, "for=203.0.113.9;host=\"a b\"" } }, .is_refused = true },
	{ F, { { FWD, "for=203.0.113.9;host=\"\"" } }, .is_refused = true },
};

ParameterizedTestParameters(forwarded, believes)
{
	static size_t index[ARRAY_LEN(rows)];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		index[i] = i;
	return cr_make_param_array(size_t, index, ARRAY_LEN(rows));
}

static struct inet_net net(const char *text)
{
	const char *words = "";
	struct inet_net net;

	cr_assert_eq(inet_net_parse(weir_strz(text), &net, &words), 0);
	return net;
}

static bool is_it(weir_str found, const char *wanted)
{
	return wanted ? found.ptr && weir_str_eq(found, weir_strz(wanted)) : !found.ptr;
}

/* Each value in memory of its own size: reading past its end would be seen. */
static size_t make_fields(const struct row *row, weir_header fields[MAX_FIELDS])
{
	size_t n = 0;

	for (; n < MAX_FIELDS && row->fields[n][0]; n++) {
		size_t len = strlen(row->fields[n][1]);
		char *value = malloc(len ? len : 1);

		memcpy(value, row->fields[n][1], len);
		fields[n] = (weir_header){ weir_strz(row->fields[n][0]), { value, len } };
	}
	return n;
}

ParameterizedTest(size_t *index, forwarded, believes)
{
	const struct row *row = &rows[*index];
	struct inet_net nets[] = { net("10.0.0.0/8"), net("2001:db8:10::/48") };
	struct forwarded_trust trust = { nets, ARRAY_LEN(nets), row->kind };
	struct budget budget = { .limit = 4096 };
	enum fault fault = FAULT_NONE;
	struct forwarded f = { .client = { NULL, 0 } };
	weir_header fields[MAX_FIELDS];
	size_t n = make_fields(row, fields);
	struct arena arena;
	int r;

	arena_init(&arena, &budget);
	r = forwarded_read(&trust, fields, n, &arena, &f, &fault);
	cr_expect_eq(r, row->is_refused ? -EPROTO : 0, "row %zu: %d", *index, r);
	cr_expect_eq(fault, row->is_refused ? FAULT_FORWARDED : FAULT_NONE);
	cr_expect(is_it(f.client, row->client), "row %zu: client %.*s", *index, WEIR_ARG(f.client));
	cr_expect(is_it(f.scheme, row->scheme), "row %zu: scheme %.*s", *index, WEIR_ARG(f.scheme));
	cr_expect(is_it(f.host, row->host), "row %zu: host %.*s", *index, WEIR_ARG(f.host));
	arena_done(&arena);
	for (size_t i = 0; i < n; i++)
		free((char *)(uintptr_t)fields[i].value.ptr);
}

Test(forwarded, without_memory_it_says_so)
{
	struct forwarded_trust trust = { NULL, 0, FORWARDED_X };
	weir_header field = { WEIR_STR(XFF), WEIR_STR("203.0.113.9") };
	struct budget budget = { .limit = 0 };
	enum fault fault = FAULT_NONE;
	struct forwarded f;
	struct arena arena;

	arena_init(&arena, &budget);
	cr_assert_eq(forwarded_read(&trust, &field, 1, &arena, &f, &fault), -ENOMEM);
	cr_assert_eq(fault, FAULT_NONE);
	arena_done(&arena);
}
