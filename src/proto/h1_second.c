/*
 * h1_second.c - llhttp, and its habits. It stops for good after a message with
 * "Connection: close": so it is started anew for each head, and keep-alive is
 * not its business. It hands out trailers through the callbacks of fields: so
 * each run is told which ones it should see. It pauses after a message that asks
 * for an upgrade: so it is told that there is none. CONNECT and PRI, where it
 * pauses too, never get past the guard.
 *
 * It reads long values sixteen bytes at a time if it was compiled for SSE4.2,
 * which not every x86-64 has: its state machine is there twice (meson.build
 * says how), and the CPU is asked before each run. That costs three
 * instructions and saves a third of a browser's head.
 */
#include "proto/h1_second.h"

static int on_url(llhttp_t *p, const char *at, size_t len)
{
	struct h1_second *s = p->data;

	s->target = (weir_str){ at, len };
	return 0;
}

static int on_field(llhttp_t *p, const char *at, size_t len)
{
	struct h1_second *s = p->data;

	if (s->field == s->fields_end || s->owed > 0 || s->field->name.ptr != at ||
	    s->field->name.len != len)
		return -1;
	s->owed = s->field->value.len;
	s->field++;
	return 0;
}

static int on_value(llhttp_t *p, const char *at, size_t len)
{
	struct h1_second *s = p->data;

	/* llhttp leaves out the blanks in front, not those behind. */
	while (len > 0 && (at[len - 1] == ' ' || at[len - 1] == '\t'))
		len--;
	if (len != s->owed || (len > 0 && at != s->field[-1].value.ptr))
		return -1;
	s->owed = 0;
	return 0;
}

static int on_headers_complete(llhttp_t *p)
{
	struct h1_second *s = p->data;

	s->is_head_over = true;
	s->is_chunked = p->flags & F_CHUNKED;
	s->length = p->content_length;
	p->upgrade = 0;
	return 0;
}

static int on_body(llhttp_t *p, const char *at, size_t len)
{
	struct h1_second *s = p->data;

	if (s->piece.len > 0)
		return -1;
	s->piece = (weir_str){ at, len };
	return 0;
}

static int on_message_complete(llhttp_t *p)
{
	struct h1_second *s = p->data;

	s->is_message_over = true;
	return 0;
}

static const llhttp_settings_t settings = {
	.on_url = on_url,
	.on_header_field = on_field,
	.on_header_value = on_value,
	.on_headers_complete = on_headers_complete,
	.on_body = on_body,
	.on_message_complete = on_message_complete,
};

/* What the guard let through and llhttp did not. */
static enum fault fault_of(llhttp_errno_t error)
{
	switch (error) {
	case HPE_INVALID_URL:
		return FAULT_H1_TARGET;
	case HPE_INVALID_METHOD:
		return FAULT_H1_METHOD;
	case HPE_INVALID_VERSION:
		return FAULT_H1_VERSION;
	case HPE_INVALID_HEADER_TOKEN:
		return FAULT_H1_FIELD_NAME;
	case HPE_INVALID_CONTENT_LENGTH:
		return FAULT_H1_CL_INVALID;
	case HPE_UNEXPECTED_CONTENT_LENGTH:
		return FAULT_H1_TE_AND_CL;
	case HPE_INVALID_TRANSFER_ENCODING:
		return FAULT_H1_TE_INVALID;
	case HPE_INVALID_CHUNK_SIZE:
		return FAULT_H1_CHUNK_SIZE;
	default:
		return FAULT_H1_SYNTAX;
	}
}

void h1_second_begin(llhttp_t *parser)
{
	llhttp_init(parser, HTTP_REQUEST, &settings);
}

static llhttp_errno_t execute(llhttp_t *parser, const char *bytes, size_t len)
{
#ifdef H1_SECOND_SSE42
	if (__builtin_cpu_supports("sse4.2"))
		return (llhttp_errno_t)sse42_llhttp__internal_execute(parser, bytes, bytes + len);
#endif
	return llhttp_execute(parser, bytes, len);
}

int h1_second_run(llhttp_t *parser, struct h1_second *second, size_t len, enum fault *reterr_fault)
{
	llhttp_errno_t error;

	parser->data = second;
	error = execute(parser, second->start, len);
	parser->data = NULL;
	if (error == HPE_OK)
		return 0;
	*reterr_fault = fault_of(error);
	return -EPROTO;
}
