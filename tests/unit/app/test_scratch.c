/* test_scratch.c - memory that a long session does not keep. */
#include "app/scratch.h"

#include <criterion/criterion.h>
#include <string.h>
#include <weir/http.h>

#include "app/req.h"
#include "app_world.h"
#include "oom.h"

static size_t used[8];
static int seen;

static size_t used_now(weir_req *req)
{
	return req_of(req)->arena->budget->used;
}

static void ask(weir_handler *fn)
{
	struct app_world *a = app_world_new();

	app_world_route(a, "/x", fn)->request_memory = 200000;
	cr_assert(strstr(app_world_ask(a, "/x"), "\r\n\r\nok"), "%s", h1_world_log(a->w));
	app_world_free(a);
}

static int answer(weir_req *req)
{
	return weir_respond(req, 200, NULL, WEIR_STR("ok"));
}

static int loop_long(weir_req *req)
{
	used[0] = used_now(req);
	for (int i = 0; i < 10000; i++) {
		WEIR_SCRATCH(req);

		if (!weir_alloc(req, 5000))
			return -ENOMEM;
	}
	used[1] = used_now(req);
	return answer(req);
}

Test(scratch, gives_back_what_its_block_took)
{
	ask(loop_long);
	cr_assert_eq(used[0], used[1]);
}

static int take_too_much(weir_req *req)
{
	WEIR_SCRATCH(req);

	seen = 0;
	while (weir_alloc(req, 10000))
		seen++;
	used[0] = used_now(req);
	return weir_respond(req, 200, NULL, WEIR_STR("x")) == -ENOMEM ? answer(req) : -EIO;
}

Test(scratch, spends_from_the_requests_budget)
{
	ask(take_too_much);
	cr_assert_gt(seen, 10);
	cr_assert_leq(used[0], 200000);
}

static int nest(weir_req *req)
{
	char *outside = weir_alloc(req, 100), *outer, *inner;

	memset(outside, 'o', 100);
	{
		WEIR_SCRATCH(req);

		outer = weir_alloc(req, 100);
		memset(outer, 'p', 100);
		{
			WEIR_SCRATCH(req);

			inner = weir_alloc(req, 100);
			memset(inner, 'q', 100);
		}
		/* Still the outer one's. */
		memset(weir_alloc(req, 100), 'r', 100);
		seen = outer[99] == 'p';
	}
	seen += outside[99] == 'o';
	return answer(req);
}

Test(scratch, may_stand_in_another)
{
	ask(nest);
	cr_assert_eq(seen, 2);
}

static int in_task(void *arg)
{
	int r;

	if (!weir_alloc(arg, 10000))
		return -ENOMEM;
	r = weir_yield();
	return r < 0 ? r : weir_alloc(arg, 10000) ? 0 : -ENOMEM;
}

static int spawn_inside(weir_req *req)
{
	used[0] = used_now(req);
	{
		WEIR_SCRATCH(req);
		WEIR_GROUP(g, WEIR_ALL);

		(void)weir_spawn(g, in_task, req);
		(void)weir_spawn(g, in_task, req);
		seen = weir_join(g);
		used[1] = used_now(req);
	}
	used[2] = used_now(req);
	return answer(req);
}

Test(scratch, is_inherited_by_tasks_spawned_inside)
{
	ask(spawn_inside);
	cr_assert_eq(seen, 0);
	cr_assert_gt(used[1], used[0] + 40000);
	cr_assert_eq(used[2], used[0]);
}

static int without_memory(weir_req *req)
{
	oom_fail_at(1);
	{
		WEIR_SCRATCH(req);

		seen = oom_has_failed();
		used[0] = used_now(req);
		if (!weir_alloc(req, 10000))
			return -ENOMEM;
		used[1] = used_now(req);
	}
	used[2] = used_now(req);
	return answer(req);
}

Test(scratch, takes_from_around_it_when_there_is_no_memory_for_itself)
{
	ask(without_memory);
	cr_assert(seen);
	cr_assert_gt(used[1], used[0]);
	cr_assert_eq(used[2], used[1]);
}

static int copy_nothing(weir_req *req)
{
	WEIR_SCRATCH(req);

	seen = weir_copy(req, WEIR_STR("")).ptr != NULL;
	return answer(req);
}

Test(scratch, has_room_for_nothing)
{
	ask(copy_nothing);
	cr_assert(seen);
}
