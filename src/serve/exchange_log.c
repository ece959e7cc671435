/* exchange_log.c - see exchange_log.h. */
#include "serve/exchange_log.h"

#include "proto/fields.h"
#include "serve/access_log.h"
#include "serve/exchange.h"

/* The address without its port: log readers count clients, not connections. "unix:" stays. */
static weir_str host_of(weir_str name)
{
	const char *colon;

	if (name.len == 0)
		return name;
	if (name.ptr[0] == '[') {
		const char *end = memchr(name.ptr, ']', name.len);

		return end ? (weir_str){ name.ptr + 1, (size_t)(end - name.ptr) - 1 } : name;
	}
	if (name.len >= 5 && memcmp(name.ptr, "unix:", 5) == 0)
		return (weir_str){ name.ptr, 5 };
	colon = memrchr(name.ptr, ':', name.len);
	return colon ? (weir_str){ name.ptr, (size_t)(colon - name.ptr) } : name;
}

static weir_str field(const struct exchange *ex, weir_str name)
{
	return fields_get(ex->head.fields, ex->head.n_fields, name);
}

void exchange_log_write(struct access_log *access_log, const struct exchange *ex, int64_t now_ms)
{
	struct access_log_line line = {
		.client = host_of(ex->client),
		.method = ex->head.method,
		.target = ex->head.target,
		.version = ex->head.version,
		.status = ex->status ? ex->status : EXCHANGE_STATUS_LEFT,
		.bytes = ex->is_bodiless ? 0 : ex->sent,
		.referer = field(ex, WEIR_STR("referer")),
		.user_agent = field(ex, WEIR_STR("user-agent")),
		.duration_us = (now_ms - ex->started_ms) * 1000,
	};

	access_log_write(access_log, &line);
}
