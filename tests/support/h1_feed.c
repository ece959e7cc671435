/*
 * h1_feed.c - the buffer is moved and reallocated to its exact size before each
 * call, so that a view kept too long or a byte read too far is found by ASan.
 * Each head that was taken is read by llhttp alone, too: where that sees anything
 * else, the program ends.
 */
#include "h1_feed.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/buf.h"
#include "h1_llhttp.h"
#include "proto/h1_read.h"

#define FIELDS_MAX 100

enum phase { PHASE_HEAD, PHASE_BODY, PHASE_OVER };

struct feed {
	struct h1_read reader;
	struct budget budget;
	struct arena arena;
	struct buf text, body;
	struct h1_field_at fields_at[FIELDS_MAX];
	char *bytes; /* exactly len of them */
	size_t len;
	enum phase phase;
	bool keep_alive;
};

struct h1_feed h1_feed_default(void)
{
	return (struct h1_feed){
		.limits = { .max_head = 32768, .max_target = 8192, .max_fields = FIELDS_MAX },
		.max_body = 1 << 20,
		.first = SIZE_MAX,
	};
}

static void say(struct feed *f, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void say(struct feed *f, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = buf_vprintf(&f->text, fmt, ap);
	va_end(ap);
	assert(r == 0);
}

/* Replaces the buffer by a fresh one: without its first n bytes, with more at the end. */
static void rebuild(struct feed *f, size_t n, const char *more, size_t n_more)
{
	size_t len = f->len - n + n_more;
	char *bytes = malloc(len ? len : 1);

	assert(bytes);
	if (f->len > n)
		memcpy(bytes, f->bytes + n, f->len - n);
	memcpy(bytes + f->len - n, more, n_more);
	free(f->bytes);
	f->bytes = bytes;
	f->len = len;
}

static void fail(struct feed *f, int r, enum fault fault)
{
	if (r == -EPROTO)
		say(f, "fault %s\n", fault_name(fault));
	else
		say(f, "error %d\n", r);
	f->phase = PHASE_OVER;
}

static void say_head(struct feed *f, const struct h1_head *head)
{
	say(f, "%.*s %.*s %u%s", WEIR_ARG(head->method), WEIR_ARG(head->target), head->version,
	    head->keep_alive ? " keep" : " close");
	assert(weir_str_eq(head->method, http_method_name(head->method_id)));
	if (head->is_chunked)
		say(f, " chunked");
	if (head->content_length >= 0)
		say(f, " length=%" PRId64, head->content_length);
	if (head->expects_continue)
		say(f, " continue");
	if (head->has_bad_expect)
		say(f, " bad-expect");
	if (head->wants_upgrade)
		say(f, " upgrade");
	say(f, head->host.ptr ? " @%.*s\n" : "%.*s\n", WEIR_ARG(head->host));
	for (size_t i = 0; i < head->n_fields; i++)
		say(f, "  %.*s=%.*s\n", WEIR_ARG(head->fields[i].name),
		    WEIR_ARG(head->fields[i].value));
}

/* An arena without a block has no room: then h1_read asks the guard at once. */
static void empty_arena(struct feed *f, bool is_slow)
{
	if (is_slow) {
		arena_done(&f->arena);
		return;
	}
	(void)arena_alloc(&f->arena, 1);
	arena_reset(&f->arena);
}

/* A head that was taken, and what its bytes were before that: llhttp alone must agree. */
static void check_second(const char *bytes, size_t len, const struct h1_head *head)
{
	size_t skip = h1_guard_skipped(bytes);
	char *differs = h1_llhttp_differs((weir_str){ bytes + skip, len - skip }, head);

	if (differs) {
		(void)fprintf(stderr, "%s", differs);
		abort();
	}
}

static char *copy_of(const char *bytes, size_t len)
{
	char *copy = malloc(len ? len : 1);

	assert(copy);
	memcpy(copy, bytes, len);
	return copy;
}

/* Each returns false when nothing more can be done with what is there. */
static bool step_head(struct feed *f, const struct h1_feed *how)
{
	enum fault fault = FAULT_NONE;
	struct h1_head head;
	char *copy = copy_of(f->bytes, f->len);
	ssize_t n;

	n = h1_read_head(&f->reader, f->bytes, f->len, &f->arena, &head, &fault);
	if (n > 0)
		check_second(copy, (size_t)n, &head);
	free(copy);
	if (n < 0)
		fail(f, (int)n, fault);
	if (n <= 0)
		return false;
	say_head(f, &head);
	f->keep_alive = head.keep_alive;
	h1_read_limit_body(&f->reader, how->max_body);
	rebuild(f, (size_t)n, "", 0);
	empty_arena(f, how->is_slow);
	f->phase = PHASE_BODY;
	return true;
}

static void end_message(struct feed *f)
{
	const weir_header *trailers;
	size_t n;

	if (f->body.len > 0)
		say(f, "  body %zu %.*s\n", f->body.len, (int)f->body.len, f->body.data);
	buf_clear(&f->body);
	trailers = h1_read_trailers(&f->reader, &n);
	for (size_t i = 0; i < n; i++)
		say(f, "  trailer %.*s=%.*s\n", WEIR_ARG(trailers[i].name),
		    WEIR_ARG(trailers[i].value));
	f->phase = PHASE_OVER;
	if (!f->keep_alive) {
		say(f, "closed\n");
		return;
	}
	h1_read_next(&f->reader);
	f->phase = PHASE_HEAD;
}

static bool step_body(struct feed *f)
{
	enum fault fault = FAULT_NONE;
	weir_str piece = { NULL, 0 };
	size_t used = 0;
	int r;

	r = h1_read_body(&f->reader, f->bytes, f->len, &used, &piece, &fault);
	if (r < 0) {
		fail(f, r, fault);
		return false;
	}
	assert(used <= f->len && (r != 0 || used == f->len));
	if (r == 1) {
		assert(piece.len > 0 && piece.ptr >= f->bytes);
		assert(piece.ptr + piece.len == f->bytes + used);
		if (buf_append_str(&f->body, piece) < 0) {
			fail(f, -ENOMEM, FAULT_NONE);
			return false;
		}
	}
	rebuild(f, used, "", 0);
	if (r == H1_READ_END)
		end_message(f);
	return r != 0;
}

static void feed_piece(struct feed *f, const struct h1_feed *how, weir_str piece)
{
	bool goes_on = true;

	rebuild(f, 0, piece.ptr, piece.len);
	while (goes_on && f->phase != PHASE_OVER)
		goes_on = f->phase == PHASE_HEAD ? step_head(f, how) : step_body(f);
}

char *h1_feed_run(const struct h1_feed *how, weir_str bytes)
{
	struct feed f = { .budget = { .limit = 1 << 20 }, .keep_alive = true };
	size_t at = 0, n = how->first < bytes.len ? how->first : bytes.len;
	char *text;

	assert(how->limits.max_fields <= FIELDS_MAX);
	h1_read_init(&f.reader, &how->limits, f.fields_at);
	arena_init(&f.arena, &f.budget);
	empty_arena(&f, how->is_slow);
	rebuild(&f, 0, "", 0);
	while (at < bytes.len && f.phase != PHASE_OVER) {
		feed_piece(&f, how, (weir_str){ bytes.ptr + at, n });
		at += n;
		n = how->step && how->step < bytes.len - at ? how->step : bytes.len - at;
	}
	if (f.phase == PHASE_BODY)
		say(&f, "body...\n");
	if (f.phase == PHASE_HEAD)
		say(&f, f.len > 0 ? "head...\n" : "done\n");
	h1_read_done(&f.reader);
	arena_done(&f.arena);
	buf_done(&f.body);
	free(f.bytes);
	text = buf_steal(&f.text);
	buf_done(&f.text);
	return text;
}

/* NULL when both are the same. */
static char *compare(const char *whole, const struct h1_feed *how, weir_str bytes)
{
	char *text = h1_feed_run(how, bytes), *words = NULL;

	if (!whole || !text)
		abort();
	if (strcmp(whole, text) != 0 &&
	    asprintf(&words, "first %zu step %zu%s:\n%s--- whole:\n%s", how->first, how->step,
		     how->is_slow ? " slow" : "", text, whole) < 0)
		abort();
	free(text);
	return words;
}

char *h1_feed_differs(const struct h1_feed *how, weir_str bytes)
{
	char *whole = h1_feed_run(how, bytes), *words;
	struct h1_feed cut = *how;

	cut.is_slow = true;
	words = compare(whole, &cut, bytes);
	cut.is_slow = false;
	cut.first = 1;
	cut.step = 1;
	if (!words)
		words = compare(whole, &cut, bytes);
	cut.step = 0;
	for (cut.first = 1; !words && cut.first < bytes.len; cut.first++)
		words = compare(whole, &cut, bytes);
	free(whole);
	return words;
}
