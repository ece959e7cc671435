/*
 * fanout.c - several things at once, in one request.
 *
 *	curl 'http://127.0.0.1:8000/fanout?n=10'	all of them, awaited together
 *	curl http://127.0.0.1:8000/fanout/race		the fastest wins
 *	curl -N http://127.0.0.1:8000/fanout/ordered	each reported when it ends
 *
 * The tasks here only sleep; imagine a question to another service. A task
 * belongs to the block that opened its group: however the block is left, its
 * tasks have returned by then. So they may work on variables of the handler,
 * as long as these are declared before the group.
 */
#include <weir/weir.h>

#define MOST_TASKS 1000

struct question {
	int number;
	int takes_ms;
	int answer;
};

static int ask(void *arg)
{
	struct question *q = arg;
	int r;

	r = weir_sleep(q->takes_ms);
	if (r < 0)
		return r;
	q->answer = q->number * q->number;
	return 0;
}

/* ?n=, 10 if it is not there; -1 for nonsense. */
static int how_many(weir_req *req)
{
	weir_str text = weir_query_get(req, "n");
	int n = 0;

	if (!text.ptr)
		return 10;
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] < '0' || text.ptr[i] > '9' || n > MOST_TASKS)
			return -1;
		n = n * 10 + (text.ptr[i] - '0');
	}
	return n >= 1 && n <= MOST_TASKS ? n : -1;
}

/* n tasks of 100 ms each take 100 ms together. */
static int gather(weir_req *req)
{
	int64_t began_ms = weir_now_ms();
	int r, n = how_many(req);
	struct question *qs;
	long sum = 0;

	if (n < 0)
		return weir_respond(req, 400, "text/plain",
				    weir_printf(req, "n, please: 1 to %d\n", MOST_TASKS));

	qs = weir_alloc(req, (size_t)n * sizeof(*qs));
	if (!qs)
		return -ENOMEM;
	for (int i = 0; i < n; i++)
		qs[i] = (struct question){ .number = i + 1, .takes_ms = 100 };

	r = weir_gather(ask, qs, (size_t)n);
	if (r < 0)
		return r;

	for (int i = 0; i < n; i++)
		sum += qs[i].answer;
	return weir_respond(req, 200, "application/json",
			    weir_printf(req, "{\"tasks\":%d,\"sum\":%ld,\"ms\":%lld}\n", n, sum,
					(long long)(weir_now_ms() - began_ms)));
}

/* WEIR_FIRST: the first to return decides, and the others are cancelled. */
static int race(weir_req *req)
{
	struct question qs[] = {
		{ .number = 1, .takes_ms = 300 },
		{ .number = 2, .takes_ms = 50 },
		{ .number = 3, .takes_ms = 200 },
	};
	int r, winner = 0;

	WEIR_GROUP(g, WEIR_FIRST);
	for (size_t i = 0; i < sizeof(qs) / sizeof(qs[0]); i++)
		weir_spawn(g, ask, &qs[i]);
	r = weir_join(g);
	if (r < 0)
		return r;

	for (size_t i = 0; i < sizeof(qs) / sizeof(qs[0]); i++) {
		if (qs[i].answer)
			winner = qs[i].number;
	}
	return weir_respond(req, 200, "application/json",
			    weir_printf(req, "{\"winner\":%d}\n", winner));
}

/* WEIR_EACH: nobody cancels anybody; weir_next() hands them out as they end. */
static int ordered(weir_req *req)
{
	struct question qs[5];
	weir_task *task;
	int r, more;

	r = weir_start(req, 200, "text/plain");
	if (r < 0)
		return r;

	WEIR_GROUP(g, WEIR_EACH);
	for (int i = 0; i < 5; i++) {
		qs[i] = (struct question){ .number = i + 1, .takes_ms = 500 - 100 * i };
		weir_spawn(g, ask, &qs[i]);
	}
	while ((more = weir_next(g, &task)) > 0) {
		const struct question *q = weir_task_arg(task);

		r = weir_task_result(task);
		if (r < 0)
			return r;
		r = weir_writef(req, "task %d after %d ms\n", q->number, q->takes_ms);
		if (r < 0)
			return r;
	}
	return more;
}

WEIR_MODULE(.name = "fanout",
	    .handlers = WEIR_HANDLERS({ "gather", gather, "GET", "/fanout", 0 },
				      { "race", race, "GET", "/fanout/race", 0 },
				      { "ordered", ordered, "GET", "/fanout/ordered", 0 }));
