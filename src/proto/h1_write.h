#ifndef WEIR_PROTO_H1_WRITE_H
#define WEIR_PROTO_H1_WRITE_H
/*
 * h1_write.h - responses into memory of the caller's, who asks for the size
 * first. Fields are written as they are: who lets others set them has asked
 * http_field_check() before.
 */
#include <stdbool.h>
#include <stdint.h>
#include <weir/base.h>

#include "base/clock.h"
#include "base/str.h"

/* What begins nearly every response, formatted once a second. */
#define H1_OWN_OK "HTTP/1.1 200 OK\r\n"
#define H1_OWN_DATE "date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
#define H1_OWN_SERVER "server: weir\r\n"
struct h1_own {
	char ok[sizeof(H1_OWN_OK) - 1]; /* the three are copied as one */
	char date[sizeof(H1_OWN_DATE) - 1];
	char server[sizeof(H1_OWN_SERVER) - 1];
};

struct h1_response {
	int status;		   /* 100 to 999 */
	unsigned version;	   /* the request's: 10 or 11 */
	bool keep_alive;	   /* false: "connection: close" */
	bool is_chunked;	   /* "transfer-encoding: chunked" */
	int64_t content_length;	   /* -1: say nothing */
	const struct h1_own *own;  /* borrowed: Date and Server, unless fields have them; or NULL */
	weir_str type;		   /* a Content-Type that is not among the fields; or ptr NULL */
	const weir_header *fields; /* borrowed */
	size_t n_fields;
	/* Among the fields, h1_write_measure() says. With Upgrade goes a Connection that names it. */
	bool has_date, has_server, has_upgrade;
};

/* date: as clock_http_date() writes it. */
void h1_write_own(struct h1_own *ret_own, const char date[CLOCK_HTTP_DATE]);

/* Before h1_write_head(), which never needs more than that. */
size_t h1_write_measure(struct h1_response *resp);
/*
 * The whole head with its empty line; returns its length. Where the status
 * forbids it (1xx, 204) no length and no coding are written, nor to HTTP/1.0 a
 * coding. A 1xx other than 101 is written as interim: bare but for its fields.
 */
size_t h1_write_head(const struct h1_response *resp, char *out);

/*
 * The most usual head, the same in fewer steps: 200 to HTTP/1.1, keep-alive, a length, no other
 * fields. Returns its end, which is at most H1_WRITE_USUAL_MAX and type's bytes behind out.
 */
#define H1_WRITE_USUAL_MAX                                                              \
	(sizeof(struct h1_own) + sizeof("content-length: \r\ncontent-type: \r\n\r\n") + \
	 STR_DIGITS_MAX)
char *h1_write_usual(const struct h1_own *own, int64_t content_length, weir_str type, char *out);

/* "HTTP/1.1 100 Continue" with its empty line. */
weir_str h1_write_continue(void);

/* The line in front of a chunk's data; after the data goes H1_WRITE_CRLF. */
#define H1_WRITE_CHUNK_MAX 18
#define H1_WRITE_CRLF "\r\n"
size_t h1_write_chunk(uint64_t len, char out[H1_WRITE_CHUNK_MAX]);

/* The last chunk with trailers. */
size_t h1_write_last_bound(const weir_header *fields, size_t n_fields);
size_t h1_write_last(const weir_header *fields, size_t n_fields, char *out);

#endif
