/*
 * fuzz_ws_hello.c - any fields: what is agreed to is what the RFCs allow, and
 * read once more it is the same.
 *
 * The first line chooses what the server allows, by its first three bytes. Each
 * other is "name: value"; of what h1_read would not hand out, nothing is.
 */
#include <assert.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"
#include "proto/fields.h"
#include "proto/h1_read.h"
#include "proto/ws_deflate.h"
#include "proto/ws_hello.h"

#define MAX_FIELDS 100

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_name(weir_str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] >= 'A' && s.ptr[i] <= 'Z')
			return false;
	}
	return http_is_token(s);
}

static size_t read_fields(weir_str text, weir_header *fields)
{
	size_t n = 0;

	while (text.ptr && n < MAX_FIELDS) {
		weir_str value = str_split(&text, '\n');
		weir_str name = str_split(&value, ':');

		if (!value.ptr || !is_name(name) || !http_is_value(value))
			continue;
		fields[n++] = (weir_header){ name, str_trim(value) };
	}
	return n;
}

static void check_subprotocols(const struct ws_hello *hello)
{
	assert(hello->n_subprotocols <= WS_HELLO_MAX_SUBPROTOCOLS);
	assert((hello->n_subprotocols == 0) == !hello->subprotocols);
	for (size_t i = 0; i < hello->n_subprotocols; i++) {
		assert(http_is_token(hello->subprotocols[i]));
		for (size_t j = 0; j < i; j++)
			assert(!weir_str_eq(hello->subprotocols[i], hello->subprotocols[j]));
	}
}

/* Whoever is listed may come in; as its own only who has a host, and that one. */
static void check_origin(const struct ws_hello *hello)
{
	weir_str any[] = { WEIR_STR("x"), WEIR_STR("*") };
	weir_str scheme = WEIR_STR("https"), host = WEIR_STR("example.org");

	assert(ws_hello_origin_ok(hello, scheme, host, any, 2));
	assert(ws_hello_origin_ok(hello, scheme, host, &hello->origin, 1));
	if (!hello->origin.ptr)
		return;
	assert(ws_hello_origin_is_valid(hello->origin));
	if (ws_hello_origin_ok(hello, scheme, host, NULL, 0)) {
		weir_str start = { hello->origin.ptr, 19 };

		assert(hello->origin.len >= start.len);
		assert(str_eq_nocase(start, WEIR_STR("https://example.org")));
	}
}

static void check_hello(const struct ws_hello *hello)
{
	char accept[WS_HELLO_ACCEPT_LEN];

	assert(hello->key.len == 24);
	assert(ws_hello_accept(hello->key, accept) == 0);
	assert(accept[WS_HELLO_ACCEPT_LEN - 2] != '=' && accept[WS_HELLO_ACCEPT_LEN - 1] == '=');
	check_subprotocols(hello);
	check_origin(hello);
}

static void read_hello(const weir_header *fields, size_t n_fields)
{
	struct h1_head head = { .method = WEIR_STR("GET"),
				.method_id = HTTP_METHOD_GET,
				.version = 11,
				.fields = (weir_header *)fields,
				.n_fields = n_fields,
				.wants_upgrade = true };
	struct budget budget = { .limit = 1 << 20 };
	enum fault fault = FAULT_NONE;
	struct ws_hello hello;
	struct arena arena;
	int r;

	arena_init(&arena, &budget);
	r = ws_hello_read(&head, &arena, &hello, &fault);
	assert(r == 0 || r == -EPROTO);
	assert((r == 0) == (fault == FAULT_NONE));
	if (r == 0)
		check_hello(&hello);
	arena_done(&arena);
}

/* A response is an offer too, and who offers just that gets it. */
static void check_params(const struct ws_deflate_config *config, const struct ws_deflate_params *p)
{
	const struct ws_deflate_config anything = { 15, 15, true };
	weir_header field = { .name = WEIR_STR("sec-websocket-extensions") };
	enum fault fault = FAULT_NONE;
	struct ws_deflate_params again;
	char answer[WS_DEFLATE_ANSWER_MAX];

	assert(p->server_bits >= WS_DEFLATE_MIN_SERVER_BITS);
	assert(p->server_bits <= config->max_server_bits);
	assert(p->client_bits >= WS_DEFLATE_MIN_CLIENT_BITS);
	assert(p->client_bits <= config->max_client_bits);
	assert(config->keeps_contexts || (p->no_server_context && p->no_client_context));

	field.value = (weir_str){ answer, ws_deflate_answer(p, answer) };
	assert(field.value.len <= sizeof(answer) && http_is_value(field.value));
	assert(ws_deflate_negotiate(&field, 1, &anything, &again, &fault) == 1);
	assert(again.server_bits == p->server_bits && again.client_bits == p->client_bits);
	assert(again.no_server_context == p->no_server_context);
	assert(again.no_client_context == p->no_client_context);
	assert(again.says_server_bits == p->says_server_bits);
	assert(again.says_client_bits == p->says_client_bits);
}

static void negotiate(const uint8_t *data, const weir_header *fields, size_t n_fields)
{
	const struct ws_deflate_config config = {
		.max_server_bits = (uint8_t)(9 + data[0] % 7),
		.max_client_bits = (uint8_t)(8 + data[1] % 8),
		.keeps_contexts = data[2] & 1,
	};
	struct ws_deflate_params params;
	enum fault fault = FAULT_NONE;
	int r = ws_deflate_negotiate(fields, n_fields, &config, &params, &fault);

	assert(r == 1 || r == 0 || (r == -EPROTO && fault == FAULT_WS_EXTENSION));
	if (r == 1)
		check_params(&config, &params);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	weir_header fields[MAX_FIELDS];
	size_t n_fields;

	if (size < 3)
		return 0;
	n_fields = read_fields((weir_str){ (const char *)data + 3, size - 3 }, fields);
	read_hello(fields, n_fields);
	negotiate(data, fields, n_fields);
	return 0;
}
