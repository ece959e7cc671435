#include "daemon/culprit.h"

#include <criterion/criterion.h>
#include <string.h>

#include "app/req.h"
#include "base/log.h"
#include "coro/sched.h"
#include "coro/task.h"
#include "io/loop.h"

static struct culprit culprit;
static char words[CULPRIT_WORDS_MAX];
static char *on_stack;

static int look(void *arg)
{
	char here;

	on_stack = &here;
	culprit_find(sched_here, &culprit);
	return 0;
}

static void on_done(struct task_spec *spec, int result)
{
}

/* Looks from within a task; what it found is in culprit and words. */
static void find_in_task(const char *name, void *user)
{
	struct task_spec spec = { .fn = look, .name = name, .done = on_done, .user = user };
	struct sched_opts opts = { 0 };
	struct sched *sched;
	struct loop *loop;
	struct task *task;

	cr_assert_eq(loop_new_virtual(&loop), 0);
	cr_assert_eq(sched_new(loop, &opts, &sched), 0);
	cr_assert_eq(task_start(sched, &spec, &task), 0);
	(void)sched_free(sched);
	(void)loop_free(loop);
	culprit_describe(&culprit, words);
}

Test(culprit, is_the_task_with_its_request)
{
	struct req req = { .name = "shop.user",
			   .scope = { .method = WEIR_STR("GET"),
				      .raw_path = WEIR_STR("/users/7") } };

	memcpy(req.id, "0123456789abcdef", SITE_ID_LEN);
	find_in_task("shop.user", &req);
	cr_assert_str_eq(words, "shop.user (GET /users/7, request 0123456789abcdef)");
	cr_assert((uintptr_t)on_stack >= culprit.low && (uintptr_t)on_stack < culprit.high);
}

Test(culprit, has_the_route_and_its_place)
{
	struct route route = { .name = "shop.user", .path = "/users/{id}", .index = 7 };
	struct req req = { .name = "shop.user",
			   .route = &route,
			   .scope = { .method = WEIR_STR("GET"),
				      .raw_path = WEIR_STR("/users/7") } };

	memcpy(req.id, "0123456789abcdef", SITE_ID_LEN);
	find_in_task("shop.user", &req);
	cr_assert_str_eq(words, "shop.user (GET /users/7, route /users/{id}, "
				"request 0123456789abcdef)");
	cr_assert(culprit.has_route);
	cr_assert_eq(culprit.route_index, 7);
	cr_assert_str_eq(culprit.path, "/users/{id}");
}

Test(culprit, may_have_a_route_that_is_nowhere)
{
	struct req req = { .name = "shop.user", .route = (const struct route *)16 };

	find_in_task("shop.user", &req);
	cr_assert_not(culprit.has_route);
}

Test(culprit, is_a_spawned_task_of_a_handler)
{
	struct req req = { .name = "shop.user",
			   .scope = { .method = WEIR_STR("GET"), .raw_path = WEIR_STR("/") } };

	memcpy(req.id, "0123456789abcdef", SITE_ID_LEN);
	find_in_task("price_of (shop.c:12)", &req);
	cr_assert_str_eq(words,
			 "price_of (shop.c:12) of shop.user (GET /, request 0123456789abcdef)");
}

Test(culprit, may_have_no_client)
{
	struct req req = { .name = "shop.startup", .scope = { .type = WEIR_SCOPE_TASK } };

	memcpy(req.id, "0123456789abcdef", SITE_ID_LEN);
	find_in_task("shop.startup", &req);
	cr_assert_str_eq(words, "shop.startup (request 0123456789abcdef)");
}

Test(culprit, may_have_no_request)
{
	find_in_task("nobody's", NULL);
	cr_assert_str_eq(words, "nobody's");
}

Test(culprit, may_point_to_nothing)
{
	find_in_task("lost", (void *)16);
	cr_assert_str_eq(words, "lost");
	find_in_task((const char *)24, NULL);
	cr_assert_str_eq(words, "a nameless task");
}

Test(culprit, is_none_without_a_task)
{
	struct sched_opts opts = { 0 };
	struct sched *sched;
	struct loop *loop;

	culprit_find(NULL, &culprit);
	cr_assert_not(culprit.is_task);
	culprit_find((const struct sched *)16, &culprit);
	cr_assert_not(culprit.is_task);
	cr_assert_eq(loop_new_virtual(&loop), 0);
	cr_assert_eq(sched_new(loop, &opts, &sched), 0);
	culprit_find(sched, &culprit);
	cr_assert_not(culprit.is_task);
	culprit_describe(&culprit, words);
	cr_assert_str_eq(words, "no task");
	(void)sched_free(sched);
	(void)loop_free(loop);
}

Test(culprit, with_words_that_do_not_end_is_cut)
{
	memset(&culprit, 'x', sizeof(culprit));
	culprit.is_task = true;
	culprit.route[0] = 'y';
	culprit_describe(&culprit, words);
	cr_assert_lt(strlen(words), sizeof(words));
}
