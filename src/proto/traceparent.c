/* traceparent.c - see traceparent.h. Digits are those of the specification: no capitals. */
#include "proto/traceparent.h"

#include <errno.h>
#include <string.h>

#define PARENT_AT 36
#define FLAGS_AT 53
#define MAX_ID 128

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_hex(const char *text, size_t len, bool *ret_is_zero)
{
	*ret_is_zero = true;
	for (size_t i = 0; i < len; i++) {
		if (digit(text[i]) < 0)
			return false;
		*ret_is_zero &= text[i] == '0';
	}
	return true;
}

int traceparent_parse(weir_str text, struct traceparent *ret_parent)
{
	const char *t = text.ptr;
	bool is_zero, is_trace_zero, is_parent_zero;

	if (text.len < TRACEPARENT_LEN || t[2] != '-' || t[PARENT_AT - 1] != '-' ||
	    t[FLAGS_AT - 1] != '-')
		return -EINVAL;
	if (!is_hex(t, 2, &is_zero) || !is_hex(t + TRACEPARENT_TRACE_AT, 32, &is_trace_zero) ||
	    !is_hex(t + PARENT_AT, 16, &is_parent_zero) || is_trace_zero || is_parent_zero)
		return -EINVAL;
	/* A later version may say more, behind another dash; ff is none. */
	if (memcmp(t, "ff", 2) == 0 || (is_zero && text.len != TRACEPARENT_LEN) ||
	    (text.len > TRACEPARENT_LEN && t[TRACEPARENT_LEN] != '-'))
		return -EINVAL;
	if (!is_hex(t + FLAGS_AT, 2, &is_zero))
		return -EINVAL;
	memcpy(ret_parent->trace, t + TRACEPARENT_TRACE_AT, sizeof(ret_parent->trace));
	memcpy(ret_parent->parent, t + PARENT_AT, sizeof(ret_parent->parent));
	ret_parent->flags = (unsigned char)(digit(t[FLAGS_AT]) << 4 | digit(t[FLAGS_AT + 1]));
	return 0;
}

static char *put_hex(char *out, const unsigned char *bytes, size_t n)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		*out++ = digits[bytes[i] >> 4];
		*out++ = digits[bytes[i] & 15];
	}
	return out;
}

/* Of the flags only the first is defined: others are not handed on (section 3.2.2.6). */
void traceparent_format(const struct traceparent *parent, char ret_text[TRACEPARENT_LEN])
{
	unsigned char flags = parent->flags & 1;
	char *out = ret_text;

	out = mempcpy(out, "00-", 3);
	out = mempcpy(out, parent->trace, sizeof(parent->trace));
	*out++ = '-';
	out = mempcpy(out, parent->parent, sizeof(parent->parent));
	*out++ = '-';
	(void)put_hex(out, &flags, 1);
}

void traceparent_make_parent(const unsigned char random[8], struct traceparent *parent)
{
	(void)put_hex(parent->parent, random, 8);
	/* All zeros would be none. */
	if (memcmp(parent->parent, "0000000000000000", 16) == 0)
		parent->parent[15] = '1';
}

void traceparent_make(const unsigned char random[24], struct traceparent *ret_parent)
{
	(void)put_hex(ret_parent->trace, random, 16);
	if (memcmp(ret_parent->trace, "00000000000000000000000000000000", 32) == 0)
		ret_parent->trace[31] = '1';
	traceparent_make_parent(random + 16, ret_parent);
	ret_parent->flags = 0;
}

bool traceparent_is_id(weir_str text)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

		if (!is_letter && !(c >= '0' && c <= '9') && !memchr("-_.:/+=@", c, 8))
			return false;
	}
	return text.len > 0 && text.len <= MAX_ID;
}
