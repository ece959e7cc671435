/* job_queue.c - see job_queue.h. Only what has jobs is in the tree, so each list is a round of those who wait. */
#include "daemon/job_queue.h"

#include <assert.h>
#include <errno.h>

/* Jobs of one priority. */
struct level {
	struct list link;
	int32_t priority;
	int64_t since_ms; /* it was served last, or began to wait */
	struct list rounds;
};

/* Those of one route among them. */
struct round {
	struct list link;
	struct level *level;
	uint32_t route;
	struct list flows;
};

/* And of these what one worker has. */
struct job_flow {
	struct list link;
	struct round *round;
	unsigned worker;
	struct list items;
};

static struct level *find_level(const struct job_queue *q, int32_t priority)
{
	list_for_each (link, &q->levels) {
		struct level *level = list_entry(link, struct level, link);

		if (level->priority == priority)
			return level;
	}
	return NULL;
}

static struct round *find_round(const struct level *level, uint32_t route)
{
	list_for_each (link, &level->rounds) {
		struct round *round = list_entry(link, struct round, link);

		if (round->route == route)
			return round;
	}
	return NULL;
}

static struct job_flow *find_flow(const struct round *round, unsigned worker)
{
	list_for_each (link, &round->flows) {
		struct job_flow *flow = list_entry(link, struct job_flow, link);

		if (flow->worker == worker)
			return flow;
	}
	return NULL;
}

static struct level *get_level(struct job_queue *q, int32_t priority, int64_t now_ms)
{
	struct level *level = find_level(q, priority);

	if (level)
		return level;
	level = malloc(sizeof(*level));
	if (!level)
		return NULL;
	*level = (struct level){ .priority = priority, .since_ms = now_ms };
	list_init(&level->rounds);
	list_add_tail(&q->levels, &level->link);
	return level;
}

static struct round *get_round(struct level *level, uint32_t route)
{
	struct round *round = find_round(level, route);

	if (round)
		return round;
	round = malloc(sizeof(*round));
	if (!round)
		return NULL;
	*round = (struct round){ .level = level, .route = route };
	list_init(&round->flows);
	list_add_tail(&level->rounds, &round->link);
	return round;
}

static struct job_flow *get_flow(struct round *round, unsigned worker)
{
	struct job_flow *flow = find_flow(round, worker);

	if (flow)
		return flow;
	flow = malloc(sizeof(*flow));
	if (!flow)
		return NULL;
	*flow = (struct job_flow){ .round = round, .worker = worker };
	list_init(&flow->items);
	list_add_tail(&round->flows, &flow->link);
	return flow;
}

/* What has become empty goes; what has not is the last of its round. */
static void step_level(struct level *level)
{
	if (!list_is_empty(&level->rounds))
		return;
	list_del(&level->link);
	free(level);
}

static void step_round(struct round *round)
{
	struct level *level = round->level;

	if (!list_is_empty(&round->flows)) {
		list_move_tail(&level->rounds, &round->link);
		return;
	}
	list_del(&round->link);
	free(round);
	step_level(level);
}

static void step_flow(struct job_flow *flow)
{
	struct round *round = flow->round;

	if (!list_is_empty(&flow->items)) {
		list_move_tail(&round->flows, &flow->link);
	} else {
		list_del(&flow->link);
		free(flow);
	}
	step_round(round);
}

/* What was removed has not had its turn: who is left keeps his. */
static void prune(struct job_flow *flow)
{
	struct round *round = flow->round;

	if (!list_is_empty(&flow->items))
		return;
	list_del(&flow->link);
	free(flow);
	if (list_is_empty(&round->flows))
		step_round(round);
}

/* ---- */

void job_queue_init(struct job_queue *q)
{
	list_init(&q->levels);
	q->n = 0;
}

static void take_out(struct job_queue *q, struct job_queue_item *item)
{
	list_del(&item->link);
	item->flow = NULL;
	q->n--;
}

void job_queue_done(struct job_queue *q)
{
	while (job_queue_take(q, 0, NULL, NULL))
		;
}

int job_queue_put(struct job_queue *q, struct job_queue_item *item, int64_t now_ms)
{
	struct level *level = get_level(q, item->priority, now_ms);
	struct round *round = level ? get_round(level, item->route) : NULL;
	struct job_flow *flow = round ? get_flow(round, item->worker) : NULL;

	if (!flow) {
		if (round && list_is_empty(&round->flows))
			step_round(round);
		else if (level)
			step_level(level);
		return -ENOMEM;
	}
	list_add_tail(&flow->items, &item->link);
	item->flow = flow;
	q->n++;
	return 0;
}

void job_queue_remove(struct job_queue *q, struct job_queue_item *item)
{
	struct job_flow *flow = item->flow;

	assert(flow);
	take_out(q, item);
	prune(flow);
}

/* Whose turn it is in a level; NULL when all in it are blocked. */
static struct job_flow *next_flow(const struct level *level, job_queue_is_blocked_fn *is_blocked,
				  void *arg)
{
	list_for_each (round_link, &level->rounds) {
		struct round *round = list_entry(round_link, struct round, link);

		list_for_each (link, &round->flows) {
			struct job_flow *flow = list_entry(link, struct job_flow, link);

			if (!is_blocked || !is_blocked(arg, flow->worker))
				return flow;
		}
	}
	return NULL;
}

static bool goes_before(const struct level *a, const struct level *b, int64_t now_ms)
{
	int64_t weight_a = a->priority + (now_ms - a->since_ms) / JOB_QUEUE_AGE_MS;
	int64_t weight_b = b->priority + (now_ms - b->since_ms) / JOB_QUEUE_AGE_MS;

	return weight_a != weight_b ? weight_a > weight_b : a->since_ms < b->since_ms;
}

struct job_queue_item *job_queue_take(struct job_queue *q, int64_t now_ms,
				      job_queue_is_blocked_fn *is_blocked, void *arg)
{
	struct job_flow *best = NULL;
	struct job_queue_item *item;

	list_for_each (link, &q->levels) {
		struct level *level = list_entry(link, struct level, link);
		struct job_flow *flow;

		if (best && !goes_before(level, best->round->level, now_ms))
			continue;
		flow = next_flow(level, is_blocked, arg);
		if (flow)
			best = flow;
	}
	if (!best)
		return NULL;
	item = list_entry(best->items.next, struct job_queue_item, link);
	take_out(q, item);
	best->round->level->since_ms = now_ms;
	step_flow(best);
	return item;
}
