#ifndef WEIR_BASE_TOKEN_BUCKET_H
#define WEIR_BASE_TOKEN_BUCKET_H
/*
 * token_bucket.h - how often something may be done: so many times at once, and
 * then once more for each interval. One thread's; serve/ratelimit has what
 * processes share.
 */
#include <stdbool.h>
#include <stdint.h>

struct token_bucket {
	unsigned n, max;
	int64_t every_us;   /* one more */
	int64_t counted_us; /* when time was last added */
};

/* Full. */
void token_bucket_init(struct token_bucket *bucket, unsigned max, int64_t every_us, int64_t now_us);
/* Whether it may be done now; it counts only when it is taken. */
bool token_bucket_has(struct token_bucket *bucket, int64_t now_us);
void token_bucket_take(struct token_bucket *bucket);

#endif
