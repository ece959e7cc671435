/* errpage.c - see errpage.h. */
#include "serve/errpage.h"

#include <assert.h>
#include <stdio.h>

#include "proto/h1_write.h"
#include "proto/http.h"

size_t errpage_body(char out[ERRPAGE_MAX], int status, const char *words)
{
	weir_str reason = http_reason(status);
	int n;

	n = snprintf(out, ERRPAGE_MAX, "%d%s%.*s%s%.200s\n", status, reason.len ? " " : "",
		     WEIR_ARG(reason), words ? ": " : "", words ? words : "");
	return (size_t)n;
}

size_t errpage_write(char out[ERRPAGE_MAX], enum fault fault, const struct h1_own *own,
		     bool has_body)
{
	weir_header type = { WEIR_STR("content-type"), WEIR_STR("text/plain; charset=utf-8") };
	char body[ERRPAGE_MAX];
	size_t body_len = errpage_body(body, fault_status(fault), fault_words(fault));
	struct h1_response resp = {
		.status = fault_status(fault),
		.version = 11,
		.keep_alive = false,
		.content_length = (int64_t)body_len,
		.own = own,
		.fields = &type,
		.n_fields = 1,
	};
	size_t n;

	n = h1_write_measure(&resp);
	assert(n + body_len <= ERRPAGE_MAX);
	n = h1_write_head(&resp, out);
	if (!has_body)
		return n;
	memcpy(out + n, body, body_len);
	return n + body_len;
}
