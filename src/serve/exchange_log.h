#ifndef WEIR_SERVE_EXCHANGE_LOG_H
#define WEIR_SERVE_EXCHANGE_LOG_H
/* exchange_log.h - a finished exchange as a line of the access log, whatever the protocol. */
#include <stdbool.h>
#include <stdint.h>

struct access_log;
struct access_log_line;
struct exchange;

/* Which of a route's requests have a line. All zeros: all of them. */
struct exchange_log_rule {
	bool only_errors;
	unsigned sample; /* of those that are no errors, one in so many; 0 or 1: all */
};

void exchange_log_write(struct access_log *access_log, const struct exchange *ex,
			uint64_t duration_us);

/* What is known of it: texts are borrowed from the exchange. */
void exchange_log_fill(const struct exchange *ex, struct access_log_line *ret_line);
/* Does it have one, by the rule? A request that is sampled is so in all its lines. */
bool exchange_log_is_wanted(const struct exchange_log_rule *rule,
			    const struct access_log_line *line, bool is_error);

#endif
