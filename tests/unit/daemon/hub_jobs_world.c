/* hub_jobs_world.c - see hub_jobs_world.h. */
#include "hub_jobs_world.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void world_turns(struct world *w)
{
	for (unsigned i = 0; i < 20; i++)
		loop_turn(w->loop, false);
}

static void do_nothing(struct timer *timer)
{
}

void world_wait_ms(struct world *w, int64_t ms)
{
	int64_t until_ms = loop_now_ms(w->loop) + ms;
	struct timer end;

	timer_init(&end, do_nothing);
	while (loop_now_ms(w->loop) < until_ms) {
		/* A fence to stop at. */
		loop_timer_start(w->loop, &end, until_ms);
		loop_turn(w->loop, true);
		loop_timer_stop(w->loop, &end);
	}
	world_turns(w);
}

void world_connect_worker(struct world *w, unsigned slot)
{
	int fds[2];

	cr_assert_eq(ipc_pair(fds), 0);
	w->workers[slot] = fds[0];
	hub_jobs_connect(&w->jobs, slot, fds[1]);
}

void world_meet(struct world *w, unsigned child, bool is_old)
{
	struct control_job_process what = { .is_old = is_old, .pid = 100 + (int32_t)child };
	int fds[2];

	cr_assert_eq(ipc_pair(fds), 0);
	w->children[child] = fds[0];
	hub_jobs_meet(&w->jobs, child, &what, fds[1]);
}

void world_say(struct world *w, int fd, const struct job_packet *packet)
{
	cr_assert_eq(job_wire_send(fd, packet), 0);
	world_turns(w);
}

void world_add_idle(struct world *w, unsigned child)
{
	world_meet(w, child, false);
	world_say(w, w->children[child],
		  &(struct job_packet){ .word = JOB_IDLE, .id = 100 + child });
}

void world_begin(struct world *w)
{
	int fds[2];

	memset(w, 0, sizeof(*w));
	memset(w->children, -1, sizeof(w->children));
	cr_assert_eq(loop_new_virtual(&w->loop), 0);
	cr_assert_eq(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	w->log_fd = fds[0];
	log_init(&w->log, fds[1], LOG_AT_INFO);
	w->log.has_time = false;
	cr_assert_eq(ipc_pair(fds), 0);
	w->control = fds[0];
	w->hub_control = fds[1];
	w->plan.pools[0] = (struct job_plan_pool){ .name = "default",
						   .state = JOB_PLAN_SERVES,
						   .processes = 2,
						   .queue = 2,
						   .grace_ms = GRACE_MS };
	w->buf = malloc(JOB_PACKET_MAX);
	cr_assert_eq(job_counts_init(&w->counts), 0);
	cr_assert_eq(hub_jobs_init(&w->jobs, &(struct hub_jobs_setup){ .loop = w->loop,
								       .log = &w->log,
								       .plan = &w->plan,
								       .counts = &w->counts,
								       .n_workers = N_WORKERS,
								       .control_fd = fds[1] }),
		     0);
	world_connect_worker(w, 0);
	world_connect_worker(w, 1);
}

void world_set(struct world *w, unsigned place)
{
	hub_jobs_set_pool(&w->jobs, place, &w->plan.pools[place]);
}

void world_done(struct world *w)
{
	hub_jobs_done(&w->jobs);
	hub_jobs_done(&w->jobs);
	job_counts_done(&w->counts);
	for (unsigned i = 0; i < N_WORKERS; i++)
		close_fdp(&w->workers[i]);
	for (unsigned i = 0; i < N_CHILDREN; i++)
		close_fdp(&w->children[i]);
	close_fdp(&w->control);
	close_fdp(&w->hub_control);
	close_fdp(&w->log.fd);
	close_fdp(&w->log_fd);
	w->loop = loop_free(w->loop);
	free(w->buf);
}

/* What was logged since the last time. */
const char *world_said(struct world *w)
{
	ssize_t n = read(w->log_fd, w->said, sizeof(w->said) - 1);

	w->said[n > 0 ? n : 0] = '\0';
	return w->said;
}

/* The next packet, which must be there. */
struct job_packet world_take(struct world *w, int fd, enum job_word word)
{
	struct job_packet packet = { 0 };

	world_turns(w);
	cr_assert_eq(job_wire_receive(fd, w->buf, &packet), 1, "no %d", word);
	cr_assert_eq(packet.word, word, "%d is not %d", packet.word, word);
	return packet;
}

void world_expect_nothing(struct world *w, int fd)
{
	struct job_packet packet;

	world_turns(w);
	cr_assert_eq(job_wire_receive(fd, w->buf, &packet), -EAGAIN);
}

struct job_packet world_submit_packet(uint64_t id)
{
	return (struct job_packet){ .word = JOB_SUBMIT,
				    .id = id,
				    .deadline_ms = INT64_MAX,
				    .module = WEIR_STR("primes"),
				    .name = WEIR_STR("count"),
				    .bytes = WEIR_STR("12") };
}

void world_submit(struct world *w, unsigned slot, uint64_t id)
{
	struct job_packet packet = world_submit_packet(id);

	world_say(w, w->workers[slot], &packet);
}

/* A job of worker 0 that runs on child 0; the hub's number of it. */
uint64_t world_run_one(struct world *w, uint64_t id)
{
	world_add_idle(w, 0);
	world_submit(w, 0, id);
	cr_assert_eq(world_take(w, w->workers[0], JOB_STARTED).id, id);
	return world_take(w, w->children[0], JOB_RUN).id;
}

void world_expect_control(struct world *w, enum control_type type, unsigned child)
{
	struct ipc_message message;

	world_turns(w);
	cr_assert_eq(control_receive(w->control, &message), 1);
	cr_assert_eq(message.type, (uint32_t)type);
	cr_assert_eq(message.number, child);
}

void world_expect_no_control(struct world *w)
{
	struct ipc_message message;

	world_turns(w);
	cr_assert_eq(control_receive(w->control, &message), -EAGAIN);
}

unsigned world_n_lines(const char *text)
{
	unsigned n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}
