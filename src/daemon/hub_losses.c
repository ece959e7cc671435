/* hub_losses.c - see hub_losses.h. */
#include "daemon/hub_losses.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/log.h"
#include "io/loop.h"

#define FIRST_PERIOD_MS 1000
#define NEXT_PERIOD_MS 60000

/* False when there was nothing to say. */
static bool say(struct hub_losses *l)
{
	uint64_t n = l->n - l->n_said;

	l->n_said = l->n;
	if (n > 0)
		log_write(l->log, LOG_AT_WARN, "%llu %s", (unsigned long long)n, l->words);
	return n > 0;
}

static void start_period(struct hub_losses *l, int64_t ms)
{
	l->is_counting = true;
	loop_timer_start(l->loop, &l->timer, loop_now_ms(l->loop) + ms);
}

static void on_period_over(struct timer *timer)
{
	struct hub_losses *l = container_of(timer, struct hub_losses, timer);

	l->is_counting = false;
	if (say(l))
		start_period(l, NEXT_PERIOD_MS);
}

void hub_losses_init(struct hub_losses *l, struct loop *loop, const struct log *log,
		     const char *fmt, ...)
{
	va_list ap;

	*l = (struct hub_losses){ .loop = loop, .log = log };
	timer_init(&l->timer, on_period_over);
	va_start(ap, fmt);
	(void)vsnprintf(l->words, sizeof(l->words), fmt, ap);
	va_end(ap);
}

void hub_losses_done(struct hub_losses *l)
{
	(void)say(l);
	loop_timer_stop(l->loop, &l->timer);
	l->is_counting = false;
}

void hub_losses_add(struct hub_losses *l, uint64_t n)
{
	l->n += n;
	if (!l->is_counting && n > 0)
		start_period(l, FIRST_PERIOD_MS);
}
