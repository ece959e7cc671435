/* exchange_log.c - see exchange_log.h. */
#include "serve/exchange_log.h"

#include "base/str.h"
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

void exchange_log_fill(const struct exchange *ex, struct access_log_line *ret_line)
{
	*ret_line = (struct access_log_line){
		.client = host_of(ex->client),
		.method = ex->head.method,
		.target = ex->head.target,
		.version = ex->head.version,
		.status = ex->status ? ex->status : EXCHANGE_STATUS_LEFT,
		.bytes = ex->is_bodiless ? 0 : ex->sent,
		.received = ex->received,
		.referer = field(ex, WEIR_STR("referer")),
		.user_agent = field(ex, WEIR_STR("user-agent")),
		.scheme = ex->scheme,
		.host = field(ex, WEIR_STR("host")),
		.headers = ex->head.fields,
		.n_headers = ex->head.n_fields,
	};
	if (ex->up->describe)
		ex->up->describe(ex, ret_line);
}

bool exchange_log_is_wanted(const struct exchange_log_rule *rule,
			    const struct access_log_line *line, bool is_error)
{
	if (!rule || is_error)
		return true;
	if (rule->only_errors)
		return false;
	return rule->sample <= 1 || str_hash(line->request_id) % rule->sample == 0;
}

void exchange_log_write(struct access_log *access_log, const struct exchange *ex,
			uint64_t duration_us)
{
	struct access_log_line line;
	uint64_t phases;

	exchange_log_fill(ex, &line);
	if (!exchange_log_is_wanted(ex->log_rule, &line,
				    line.status >= 400 || ex->phase == EXCHANGE_ABORTED))
		return;
	line.duration_us = duration_us;
	phases = line.job_us + line.write_us;
	line.handler_us = phases < duration_us ? duration_us - phases : 0;
	access_log_write(access_log, &line);
}
