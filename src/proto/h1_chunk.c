/*
 * h1_chunk.c - a state for each place in
 *
 *	size [ ";" name [ "=" ( token / quoted-string ) ] ]... CR LF data CR LF
 *
 * Whitespace around the parts of an extension and backslashes in a quoted
 * string are refused although RFC 9112 has them: nobody sends them, llhttp does
 * not read the latter, and where parsers disagree requests get smuggled.
 */
#include "proto/h1_chunk.h"

#include "proto/http.h"

enum chunk_state {
	CHUNK_SIZE,	  /* digits */
	CHUNK_EXT_START,  /* directly behind ";" */
	CHUNK_EXT_NAME,	  /* in the name */
	CHUNK_EXT_VALUE,  /* directly behind "=" */
	CHUNK_EXT_TOKEN,  /* in a value that is a token */
	CHUNK_EXT_QUOTED, /* in a quoted string */
	CHUNK_EXT_END,	  /* behind its closing quote */
	CHUNK_SIZE_LF,	  /* the CR of the size's line was seen */
	CHUNK_DATA,
	CHUNK_DATA_CR, /* all data was seen */
	CHUNK_DATA_LF,
	CHUNK_IS_LAST, /* the line of the last chunk was seen */
};

static int refuse(enum fault fault, enum fault *reterr_fault)
{
	*reterr_fault = fault;
	return -EPROTO;
}

void h1_chunk_init(struct h1_chunk *c)
{
	*c = (struct h1_chunk){ .state = CHUNK_SIZE };
}

/* Only called for hex digits. */
static unsigned hex_digit(char c)
{
	return c <= '9' ? (unsigned)(c - '0') : (unsigned)((c | 0x20) - 'a' + 10);
}

/* What may follow a whole size, extension name or extension value. */
static int on_boundary(struct h1_chunk *c, char byte, enum fault fault, enum fault *reterr_fault)
{
	if (byte == '\r')
		c->state = CHUNK_SIZE_LF;
	else if (byte == ';')
		c->state = CHUNK_EXT_START;
	else
		return refuse(byte == '\n' ? FAULT_H1_BARE_LF : fault, reterr_fault);
	return 0;
}

static int on_size(struct h1_chunk *c, char byte, enum fault *reterr_fault)
{
	if (http_char_is(byte, HTTP_CHAR_HEX)) {
		if (c->n_digits == 16)
			return refuse(FAULT_H1_CHUNK_SIZE, reterr_fault);
		c->n_digits++;
		c->left = c->left << 4 | hex_digit(byte);
		return 0;
	}
	if (c->n_digits == 0)
		return refuse(byte == '\n' ? FAULT_H1_BARE_LF : FAULT_H1_CHUNK_SIZE, reterr_fault);
	return on_boundary(c, byte, FAULT_H1_CHUNK_SIZE, reterr_fault);
}

/* The first byte of a name or of a value that is not quoted. */
static int on_ext_first(struct h1_chunk *c, char byte, enum chunk_state then,
			enum fault *reterr_fault)
{
	if (!http_char_is(byte, HTTP_CHAR_TOKEN))
		return refuse(FAULT_H1_CHUNK_EXT, reterr_fault);
	c->state = (uint8_t)then;
	return 0;
}

/* A further byte of a name or of such a value. */
static int on_ext_token(struct h1_chunk *c, char byte, enum fault *reterr_fault)
{
	if (http_char_is(byte, HTTP_CHAR_TOKEN))
		return 0;
	/* A value without quotes must be the last: llhttp 8 stumbles over what follows it. */
	if (byte == ';' && c->state == CHUNK_EXT_TOKEN)
		return refuse(FAULT_H1_CHUNK_EXT, reterr_fault);
	return on_boundary(c, byte, FAULT_H1_CHUNK_EXT, reterr_fault);
}

static int on_ext_quoted(struct h1_chunk *c, char byte, enum fault *reterr_fault)
{
	if (byte == '\\' || !http_char_is(byte, HTTP_CHAR_VALUE))
		return refuse(FAULT_H1_CHUNK_EXT, reterr_fault);
	if (byte == '"')
		c->state = CHUNK_EXT_END;
	return 0;
}

static int on_ext(struct h1_chunk *c, char byte, enum fault *reterr_fault)
{
	if (byte != '\r' && c->n_ext++ == H1_CHUNK_EXT_MAX)
		return refuse(FAULT_H1_CHUNK_EXT, reterr_fault);

	switch (c->state) {
	case CHUNK_EXT_START:
		return on_ext_first(c, byte, CHUNK_EXT_NAME, reterr_fault);
	case CHUNK_EXT_VALUE:
		if (byte != '"')
			return on_ext_first(c, byte, CHUNK_EXT_TOKEN, reterr_fault);
		c->state = CHUNK_EXT_QUOTED;
		return 0;
	case CHUNK_EXT_NAME:
		if (byte != '=')
			return on_ext_token(c, byte, reterr_fault);
		c->state = CHUNK_EXT_VALUE;
		return 0;
	case CHUNK_EXT_TOKEN:
		return on_ext_token(c, byte, reterr_fault);
	case CHUNK_EXT_END:
		return on_boundary(c, byte, FAULT_H1_CHUNK_EXT, reterr_fault);
	default:
		return on_ext_quoted(c, byte, reterr_fault);
	}
}

/* The size's line is whole. */
static int on_size_end(struct h1_chunk *c, uint64_t max_body, enum fault *reterr_fault)
{
	c->n_digits = 0;
	if (c->left == 0) {
		c->state = CHUNK_IS_LAST;
		return 0;
	}
	if (c->n_body > max_body || c->left > max_body - c->n_body)
		return refuse(FAULT_BODY_TOO_LARGE, reterr_fault);
	c->n_body += c->left;
	c->state = CHUNK_DATA;
	return 0;
}

/* One byte of framing. */
static int on_byte(struct h1_chunk *c, uint64_t max_body, char byte, enum fault *reterr_fault)
{
	switch (c->state) {
	case CHUNK_SIZE:
		return on_size(c, byte, reterr_fault);
	case CHUNK_SIZE_LF:
		if (byte != '\n')
			return refuse(FAULT_H1_BARE_CR, reterr_fault);
		return on_size_end(c, max_body, reterr_fault);
	case CHUNK_DATA_CR:
		if (byte != '\r')
			return refuse(FAULT_H1_CHUNK_END, reterr_fault);
		c->state = CHUNK_DATA_LF;
		return 0;
	case CHUNK_DATA_LF:
		if (byte != '\n')
			return refuse(FAULT_H1_CHUNK_END, reterr_fault);
		c->state = CHUNK_SIZE;
		return 0;
	default:
		return on_ext(c, byte, reterr_fault);
	}
}

int h1_chunk_next(struct h1_chunk *c, uint64_t max_body, const char *bytes, size_t len,
		  size_t *ret_used, weir_str *ret_piece, enum fault *reterr_fault)
{
	for (size_t i = 0; i < len; i++) {
		int r;

		if (c->state == CHUNK_DATA) {
			size_t n = c->left < len - i ? (size_t)c->left : len - i;

			c->left -= n;
			if (c->left == 0)
				c->state = CHUNK_DATA_CR;
			*ret_piece = (weir_str){ bytes + i, n };
			*ret_used = i + n;
			return 1;
		}

		r = on_byte(c, max_body, bytes[i], reterr_fault);
		if (r < 0)
			return r;
		if (c->state == CHUNK_IS_LAST) {
			*ret_used = i + 1;
			return H1_CHUNK_LAST;
		}
	}
	*ret_used = len;
	return 0;
}
