/* exchange_log.c - see exchange_log.h. */
#include "serve/exchange_log.h"

#include <string.h>

#include "base/str.h"
#include "proto/fields.h"
#include "proto/http.h"
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

static weir_str field(const struct h1_head *head, weir_str name)
{
	return fields_get(head->fields, head->n_fields, name);
}

static inline void fill_head(const struct h1_head *head, struct access_log_line *line)
{
	line->method = head->method;
	line->target = head->target;
	line->version = head->version;
	line->referer = field(head, WEIR_STR("referer"));
	line->user_agent = field(head, WEIR_STR("user-agent"));
	line->host = head->host;
	line->headers = head->fields;
	line->n_headers = head->n_fields;
}

void exchange_log_fill(const struct exchange *ex, struct access_log_line *ret_line)
{
	*ret_line = (struct access_log_line){
		.client = host_of(ex->client),
		.status = ex->status ? ex->status : EXCHANGE_STATUS_LEFT,
		.bytes = ex->is_bodiless ? 0 : ex->sent,
		.received = ex->received,
		.scheme = ex->scheme,
	};
	fill_head(&ex->head, ret_line);
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

/* "HTTP/1.1" is 11; 0: it is nothing of the kind. */
static unsigned version_of(weir_str text)
{
	const char *p = text.ptr;

	if (text.len != 8 || memcmp(p, "HTTP/", 5) != 0 || p[6] != '.' || p[5] < '0' ||
	    p[5] > '9' || p[7] < '0' || p[7] > '9')
		return 0;
	return (unsigned)(p[5] - '0') * 10 + (unsigned)(p[7] - '0');
}

/* Of bytes that are wrong somewhere: what looks like a request line, as far as it does. */
static void fill_request_line(weir_str bytes, struct access_log_line *line)
{
	weir_str rest = bytes, text, method;

	if (str_starts(rest, WEIR_STR("\r\n")))
		rest = (weir_str){ rest.ptr + 2, rest.len - 2 };
	text = str_split(&rest, '\n');
	if (text.len > 0 && text.ptr[text.len - 1] == '\r')
		text.len--;
	method = str_split(&text, ' ');
	if (!text.ptr || !http_is_token(method))
		return;
	line->method = method;
	line->target = str_split(&text, ' ');
	if (text.ptr)
		line->version = version_of(text);
}

void exchange_log_refuse(struct access_log *access_log, const struct exchange_log_refusal *refusal)
{
	struct access_log_line line = { .client = host_of(refusal->client),
					.scheme = refusal->scheme,
					.status = refusal->status,
					.bytes = refusal->sent,
					.duration_us = refusal->duration_us };

	if (!access_log)
		return;
	if (refusal->head)
		fill_head(refusal->head, &line);
	else if (refusal->bytes.len > 0)
		fill_request_line(refusal->bytes, &line);
	access_log_write(access_log, &line);
}
