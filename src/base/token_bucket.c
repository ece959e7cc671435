/* token_bucket.c - see token_bucket.h. */
#include "base/token_bucket.h"

void token_bucket_init(struct token_bucket *bucket, unsigned max, int64_t every_us, int64_t now_us)
{
	*bucket = (struct token_bucket){
		.n = max, .max = max, .every_us = every_us, .counted_us = now_us
	};
}

bool token_bucket_has(struct token_bucket *bucket, int64_t now_us)
{
	int64_t n_more = (now_us - bucket->counted_us) / bucket->every_us;

	if (n_more >= bucket->max - bucket->n) {
		bucket->n = bucket->max;
		bucket->counted_us = now_us;
	} else if (n_more > 0) {
		/* What is left of an interval is not lost. */
		bucket->n += (unsigned)n_more;
		bucket->counted_us += n_more * bucket->every_us;
	}
	return bucket->n > 0;
}

void token_bucket_take(struct token_bucket *bucket)
{
	bucket->n -= bucket->n > 0;
}
