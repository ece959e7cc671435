#ifndef WEIR_SERVE_EXCHANGE_LOG_H
#define WEIR_SERVE_EXCHANGE_LOG_H
/* exchange_log.h - a finished exchange as a line of the access log, whatever the protocol. */
#include <stdbool.h>
#include <stdint.h>
#include <weir/base.h>

struct access_log;
struct access_log_line;
struct exchange;
struct h1_head;

/* Which of a route's requests have a line. All zeros: all of them. */
struct exchange_log_rule {
	bool only_errors;
	unsigned sample; /* of those that are no errors, one in so many; 0 or 1: all */
};

void exchange_log_write(struct access_log *access_log, const struct exchange *ex,
			uint64_t duration_us);

/* A request of which no exchange came; all is borrowed. */
struct exchange_log_refusal {
	weir_str client, scheme;
	const struct h1_head *head; /* NULL: it could not be read */
	weir_str bytes;		    /* then: what there is of it */
	int status;
	uint64_t sent;	      /* of the answer's body */
	uint64_t duration_us; /* since its first byte */
};

/* It has a line, too, with what is known; access_log may be NULL. */
void exchange_log_refuse(struct access_log *access_log, const struct exchange_log_refusal *refusal);

/* What is known of it: texts are borrowed from the exchange. */
void exchange_log_fill(const struct exchange *ex, struct access_log_line *ret_line);
/* Does it have one, by the rule? A request that is sampled is so in all its lines. */
bool exchange_log_is_wanted(const struct exchange_log_rule *rule,
			    const struct access_log_line *line, bool is_error);

#endif
