/* front.c - see front.h. */
#include "daemon/front.h"

#include <stdio.h>
#include <sys/resource.h>

#include "base/log.h"
#include "conf/conf.h"

/* Generations of workers overlap while a new configuration comes. */
#define ROWS_BEYOND 64
/* Addresses that a worker's row has room for at first, should a limit come later. */
#define ADDRESSES_USUAL 1024
#define ADDRESSES_MAX 16384
/* Of a worker's descriptors: its own ones, and an eighth for files, and what handlers open. */
#define OWN_DESCRIPTORS 64
#define SHARE_OF_OTHERS 8
#define CONNECTIONS_MAX 1000000u

static rlim_t descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 1024;
	return limit.rlim_cur;
}

/* Connections that so many descriptors are enough for. */
static unsigned connections_for(rlim_t n)
{
	rlim_t others = n / SHARE_OF_OTHERS + OWN_DESCRIPTORS;

	if (n <= others)
		return 1;
	return n - others < CONNECTIONS_MAX ? (unsigned)(n - others) : CONNECTIONS_MAX;
}

unsigned front_max_connections(const struct conf *conf)
{
	unsigned limit = conf->limits.max_connections, able = connections_for(descriptors());

	return limit > 0 && limit < able ? limit : able;
}

void front_describe(const struct conf *conf, const struct log *log)
{
	unsigned limit = conf->limits.max_connections, able = connections_for(descriptors());
	unsigned long long all = (unsigned long long)able * conf->n_workers;
	unsigned long long nofile = descriptors();

	if (limit == 0)
		log_write(log, LOG_AT_NOTICE,
			  "connections: at most %llu: %u workers, of %llu descriptors each "
			  "(LimitNOFILE, "
			  "ulimit -n) %u for connections",
			  all, conf->n_workers, nofile, able);
	else if (limit > all)
		log_write(
			log, LOG_AT_WARN,
			"connections: at most %llu, not %u (max_connections): %u workers, of %llu "
			"descriptors each (LimitNOFILE, ulimit -n) %u for connections",
			all, limit, conf->n_workers, nofile, able);
	else
		log_write(log, LOG_AT_NOTICE, "connections: at most %u (max_connections)", limit);
}

int front_init(struct front *front, const struct conf *conf)
{
	unsigned n_addresses = front_max_connections(conf);
	int r;

	if (conf->front.max_connections_per_address == 0)
		n_addresses = ADDRESSES_USUAL;
	else if (n_addresses > ADDRESSES_MAX)
		n_addresses = ADDRESSES_MAX;
	r = headcount_init(&front->headcount, 2 * conf->n_workers + ROWS_BEYOND, n_addresses);
	if (r < 0)
		return r;
	return ratelimit_init(&front->rates, conf->front.rate_addresses);
}

void front_done(struct front *front)
{
	headcount_done(&front->headcount);
	ratelimit_done(&front->rates);
}

void front_join(struct front *front, const struct conf *conf, const struct log *log)
{
	front->headcount.max_all = conf->limits.max_connections;
	front->headcount.max_address = conf->front.max_connections_per_address;
	if (!front->headcount.rows || headcount_join(&front->headcount) < 0)
		log_write(log, LOG_AT_WARN,
			  "connections of this worker do not count for the others");
}
