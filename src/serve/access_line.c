/*
 * access_line.c - written by hand and eight bytes at a time: every request pays
 * for it. The hard thing is that nearly all of a line is the client's text: as
 * Apache does, quotes, backslashes and whatever is not printable ASCII leave as
 * escapes, so that no client writes lines or fields of its own.
 */
#include "serve/access_line.h"

#include <stdbool.h>
#include <string.h>

#include "base/str.h"

/* What the fields of one line may take, as written: together less than a line. */
enum { CLIENT_MAX = 128, METHOD_MAX = 64, TARGET_MAX = 2048, REFERER_MAX = 1024, AGENT_MAX = 512 };

static char *put(char *out, const char *text, size_t len)
{
	memcpy(out, text, len);
	return out + len;
}

static bool needs_escape(unsigned char c)
{
	return c < 0x20 || c >= 0x7f || c == '"' || c == '\\';
}

/* Eight bytes, each of which may become \xNN. */
#define WORD_MAX 32

#define EACH_BYTE(b) (0x0101010101010101u * (uint64_t)(b))

/* load_tail() puts words together. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the first byte is the lowest");

/* Is any of the eight bytes to be escaped? High bits mark them, as in Hacker's Delight, 6-1. */
static bool word_needs_escape(uint64_t word)
{
	uint64_t quote = word ^ EACH_BYTE('"'), backslash = word ^ EACH_BYTE('\\');
	uint64_t del = word ^ EACH_BYTE(0x7f);
	uint64_t marks;

	marks = (word - EACH_BYTE(0x20)) | (quote - EACH_BYTE(1)) | (backslash - EACH_BYTE(1)) |
		(del - EACH_BYTE(1)) | word;
	return marks & EACH_BYTE(0x80);
}

static char *put_escaped_byte(char *out, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";

	*out++ = '\\';
	if (c == '"' || c == '\\') {
		*out++ = (char)c;
		return out;
	}
	*out++ = 'x';
	*out++ = hex[c >> 4];
	*out++ = hex[c & 15];
	return out;
}

/* The last n bytes, 1 to 7, in a word filled up with spaces; nothing is read beyond them. */
static uint64_t load_tail(const char *in, size_t n)
{
	uint64_t filled = EACH_BYTE(' ') << (8 * n);
	uint32_t low, high;

	if (n >= 4) {
		memcpy(&low, in, 4);
		memcpy(&high, in + n - 4, 4);
		return filled | low | (uint64_t)high << (8 * (n - 4));
	}
	low = (unsigned char)in[0];
	low |= (uint32_t)(unsigned char)in[n / 2] << (8 * (n / 2));
	low |= (uint32_t)(unsigned char)in[n - 1] << (8 * (n - 1));
	return filled | low;
}

static char *put_bytewise(char *out, const char *in, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (needs_escape((unsigned char)in[i]))
			out = put_escaped_byte(out, (unsigned char)in[i]);
		else
			*out++ = in[i];
	}
	return out;
}

/* Eight bytes at most, and room for eight more than are written. */
static inline char *put_word(char *out, const char *in, size_t n)
{
	uint64_t word;

	if (n == 8)
		memcpy(&word, in, 8);
	else
		word = load_tail(in, n);
	if (word_needs_escape(word))
		return put_bytewise(out, in, n);
	memcpy(out, &word, 8);
	return out + n;
}

/* At most room bytes; what is cut ends with "...". */
static char *put_escaped(char *out, weir_str text, size_t room)
{
	const char *in = text.ptr, *out_end = out + room - WORD_MAX - 3;
	size_t left = text.len;

	for (; left >= 8 && out <= out_end; in += 8, left -= 8)
		out = put_word(out, in, 8);
	if (left == 0)
		return out;
	if (out > out_end)
		return put(out, "...", 3);
	return put_word(out, in, left);
}

char *access_line_put(char *out, weir_str text, size_t room)
{
	return put_escaped(out, text, room);
}

static char *put_quoted(char *out, weir_str text, size_t room)
{
	*out++ = '"';
	if (text.len == 0)
		*out++ = '-';
	else
		out = put_escaped(out, text, room);
	*out++ = '"';
	return out;
}

static char *put_request_line(char *out, const struct access_log_line *line)
{
	if (line->method.len == 0)
		return put(out, "\"-\"", 3);
	*out++ = '"';
	out = put_escaped(out, line->method, METHOD_MAX);
	*out++ = ' ';
	out = put_escaped(out, line->target, TARGET_MAX);
	if (line->version > 0) {
		out = put(out, " HTTP/", 6);
		*out++ = (char)('0' + line->version / 10 % 10);
		*out++ = '.';
		*out++ = (char)('0' + line->version % 10);
	}
	*out++ = '"';
	return out;
}

size_t access_line_format(char ret_text[ACCESS_LINE_MAX], const struct access_log_line *line,
			  const char date[CLOCK_LOG_DATE])
{
	char *out = ret_text;

	out = put_escaped(out, line->client, CLIENT_MAX);
	out = put(out, " - - [", 6);
	out = put(out, date, CLOCK_LOG_DATE - 1);
	out = put(out, "] ", 2);
	out = put_request_line(out, line);
	*out++ = ' ';
	out = str_put_u64(out, (uint64_t)(line->is_session_end ? line->close_code : line->status));
	*out++ = ' ';
	out = str_put_u64(out, line->bytes);
	*out++ = ' ';
	out = put_quoted(out, line->referer, REFERER_MAX);
	*out++ = ' ';
	out = put_quoted(out, line->user_agent, AGENT_MAX);
	*out++ = '\n';
	return (size_t)(out - ret_text);
}
