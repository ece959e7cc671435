/*
 * test_topics_model.c - the same random steps for topics and for a model, in
 * which each subscriber has a queue of its own.
 */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "serve/subscriber.h"
#include "serve/topics.h"
#include "topics_world.h"

#define READERS 24
#define STEPS 20000
#define MOST_QUEUE 9

static const char *const names[] = { "", "a", "ab", "abc", "b", "ba" };
static const char *const scopes[] = { "", "mod" };

struct model {
	struct reader reader; /* first, so that one can be had from the other */
	struct topic_key key;
	uint32_t queue;
	bool ends_if_slow, is_ended;
	unsigned ids[MOST_QUEUE + 1];
	unsigned n_ids, n_ready;
	uint64_t n_for_it, n_taken, lost;
	unsigned last;
};

struct play {
	struct world w;
	struct model readers[READERS];
	uint64_t seed, delivered, dropped;
	unsigned id;
	unsigned n_inner; /* steps that ready() may still take */
	bool is_exact;	  /* no budget: the model knows who loses what */
};

static unsigned random_below(struct play *p, unsigned n)
{
	p->seed = p->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)(p->seed >> 33) % n;
}

static bool is_for(const struct model *m, const struct publication_view *view)
{
	if (!m->reader.sub.log || !weir_str_eq(m->key.scope, view->scope))
		return false;
	if (!m->key.is_prefix)
		return weir_str_eq(m->key.name, view->name);
	return view->name.len >= m->key.name.len &&
	       memcmp(view->name.ptr, m->key.name.ptr, m->key.name.len) == 0;
}

static void model_push(struct play *p, struct model *m, unsigned id)
{
	if (m->is_ended)
		return;
	m->n_for_it++;
	if (m->n_ids == 0)
		m->n_ready++;
	m->ids[m->n_ids++] = id;
	if (m->n_ids <= m->queue)
		return;
	if (m->ends_if_slow) {
		m->is_ended = true;
		m->n_ready++;
		m->lost += m->n_ids;
		p->dropped += m->n_ids;
		m->n_ids = 0;
		return;
	}
	m->lost++;
	p->dropped++;
	memmove(m->ids, m->ids + 1, --m->n_ids * sizeof(m->ids[0]));
}

static void step_publish(struct play *p)
{
	const char *name = names[random_below(p, ARRAY_LEN(names))];
	char filler[200] = { 0 };
	struct publication_view view = { .scope = weir_strz(scopes[random_below(p, 2)]),
					 .name = weir_strz(name) };

	memcpy(filler, &p->id, sizeof(p->id));
	view.bytes = (weir_str){ filler, sizeof(p->id) + random_below(p, 190) };
	/* The model first: ready() may go on with the play. */
	for (unsigned i = 0; i < READERS; i++) {
		if (is_for(&p->readers[i], &view))
			model_push(p, &p->readers[i], p->id);
	}
	p->id++;
	cr_assert_eq(topics_publish(&p->w.topics, &view), 0);
}

static bool step_take(struct play *p, struct model *m)
{
	struct publication *got = subscriber_next(&m->reader.sub);
	unsigned id;

	if (p->is_exact)
		cr_assert_eq(got != NULL, m->n_ids > 0 && m->reader.sub.log);
	if (!got)
		return false;
	memcpy(&id, got->view.bytes.ptr, sizeof(id));
	(void)publication_unref(got);
	cr_assert(m->n_taken == 0 || id > m->last, "%u behind %u", id, m->last);
	m->last = id;
	m->n_taken++;
	p->delivered++;
	if (p->is_exact) {
		cr_assert_eq(id, m->ids[0]);
		memmove(m->ids, m->ids + 1, --m->n_ids * sizeof(m->ids[0]));
	}
	return true;
}

static void take_all(struct play *p, struct model *m)
{
	while (step_take(p, m))
		;
	if (m->reader.sub.log && !subscriber_is_ended(&m->reader.sub))
		cr_assert_eq(m->n_taken + subscriber_lost(&m->reader.sub), m->n_for_it);
}

static void step_join_or_leave(struct play *p, struct model *m)
{
	struct topics_limit limit = { 1 + random_below(p, 3) * 4, random_below(p, 4) == 0 };

	if (m->reader.sub.log) {
		topics_unsubscribe(&m->reader.sub);
		m->n_ids = 0;
		return;
	}
	m->key.scope = weir_strz(scopes[random_below(p, 2)]);
	m->key.name = weir_strz(names[random_below(p, ARRAY_LEN(names))]);
	m->key.is_prefix = random_below(p, 3) == 0;
	m->queue = limit.queue;
	m->ends_if_slow = limit.ends_if_slow;
	m->is_ended = false;
	m->n_ids = 0;
	m->n_for_it = m->n_taken = m->lost = 0;
	cr_assert_eq(topics_subscribe(&p->w.topics, &m->reader.sub, &m->key, &limit), 0);
}

/* A log is as long as the most that one of its subscribers has to take. */
static void assert_length(struct play *p, const struct topic_log *log)
{
	unsigned most = 0;

	for (unsigned i = 0; i < READERS; i++) {
		if (p->readers[i].reader.sub.log == log && p->readers[i].n_ids > most)
			most = p->readers[i].n_ids;
	}
	cr_assert_eq(log->end - log->first, most);
}

static void assert_same(struct play *p, const struct model *m)
{
	const struct subscriber *s = &m->reader.sub;

	cr_assert_eq(subscriber_lost(s), m->lost);
	cr_assert_eq(subscriber_is_ended(s), m->is_ended);
	if (s->log)
		assert_length(p, s->log);
}

static void step(struct play *p)
{
	struct model *m = &p->readers[random_below(p, READERS)];
	unsigned what = random_below(p, 16);

	if (what < 7)
		step_publish(p);
	else if (what < 13)
		(void)step_take(p, m);
	else if (what < 14)
		take_all(p, m);
	else
		step_join_or_leave(p, m);
}

static void start(struct play *p, unsigned seed, size_t budget)
{
	memset(p, 0, sizeof(*p));
	p->seed = seed;
	p->is_exact = budget == 0;
	world_init(&p->w, budget);
	p->w.topics.hooks = (struct topics_hooks){ 0 };
	for (unsigned i = 0; i < READERS; i++)
		reader_init(&p->readers[i].reader, &p->w);
}

static void finish(struct play *p)
{
	for (unsigned i = 0; i < READERS; i++)
		take_all(p, &p->readers[i]);
	cr_assert_eq(p->w.topics.logs.bytes, 0);
	cr_assert_eq(p->w.topics.logs.sizes_used, 0);
	for (unsigned i = 0; i < READERS; i++)
		topics_unsubscribe(&p->readers[i].reader.sub);
	cr_assert_eq(p->w.topics.n_topics, 0);
	cr_assert_eq(p->w.topics.n_prefixes, 0);
	topics_done(&p->w.topics);
}

ParameterizedTestParameters(topics_model, agrees)
{
	static unsigned seeds[] = { 1, 2, 3, 4, 5, 6 };

	return cr_make_param_array(unsigned, seeds, ARRAY_LEN(seeds));
}

ParameterizedTest(unsigned *seed, topics_model, agrees)
{
	static struct play p;

	start(&p, *seed, 0);
	for (unsigned i = 0; i < STEPS; i++) {
		step(&p);
		assert_same(&p, &p.readers[i % READERS]);
		cr_assert_eq(p.readers[i % READERS].reader.n_ready, p.readers[i % READERS].n_ready);
	}
	cr_assert_eq(p.w.topics.logs.counts.delivered, p.delivered);
	cr_assert_eq(p.w.topics.logs.counts.dropped, p.dropped);
	cr_assert_gt(p.delivered, STEPS / 20);
	cr_assert_gt(p.dropped, STEPS / 20);
	finish(&p);
}

ParameterizedTestParameters(topics_model, stays_within_its_budget)
{
	static size_t budgets[] = { 1, 300, 1000, 3000, 10000 };

	return cr_make_param_array(size_t, budgets, ARRAY_LEN(budgets));
}

/* Nobody is told wrongly how much it has lost, whoever the budget is taken from. */
ParameterizedTest(size_t *budget, topics_model, stays_within_its_budget)
{
	static struct play p;

	start(&p, 7, *budget);
	for (unsigned i = 0; i < STEPS; i++) {
		/* The model does not know how many wait: it must not think that a queue is full. */
		for (unsigned j = 0; j < READERS; j++)
			p.readers[j].n_ids = 0;
		step(&p);
		cr_assert_leq(p.w.topics.logs.bytes, *budget);
	}
	cr_assert_eq(p.w.topics.logs.counts.delivered, p.delivered);
	finish(&p);
}

static void step_inside(struct reader *reader)
{
	struct play *p = container_of(reader->world, struct play, w);

	if (p->n_inner == 0 || random_below(p, 2) == 0)
		return;
	p->n_inner--;
	step(p);
}

Test(topics_model, agrees_whatever_is_done_in_ready)
{
	static struct play p;

	start(&p, 8, 0);
	for (unsigned i = 0; i < READERS; i++)
		p.readers[i].reader.then = step_inside;
	for (unsigned i = 0; i < STEPS; i++) {
		p.n_inner = 8;
		step(&p);
		assert_same(&p, &p.readers[i % READERS]);
	}
	cr_assert_eq(p.w.topics.logs.counts.delivered, p.delivered);
	cr_assert_eq(p.w.topics.logs.counts.dropped, p.dropped);
	p.n_inner = 0;
	finish(&p);
}
