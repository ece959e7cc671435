/* rate.c - see rate.h. */
#include "app/rate.h"

#include "app/req.h"
#include "app/site.h"
#include "base/str.h"
#include "io/loop.h"
#include "serve/ratelimit.h"

COLD bool rate_apply(const struct site *site, const struct ratelimit_rule *rule,
		     struct exchange *ex, const char *name)
{
	char seconds[STR_DIGITS_MAX];
	weir_header retry = { WEIR_STR("retry-after"), { seconds, 0 } };
	int64_t wait_ms;

	if (!site->rates)
		return false;
	wait_ms = ratelimit_take(site->rates, rule, ex->client, loop_now_ms(site->loop));
	if (wait_ms == 0)
		return false;
	retry.value.len = (size_t)(str_put_u64(seconds, (uint64_t)(wait_ms + 999) / 1000) -
				   seconds);
	req_refuse_for(ex, name, FAULT_TOO_FREQUENT, &retry, 1);
	return true;
}
