/* test_control.c - both ends held by one process. */
#include "daemon/control.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "daemon/job_plan.h"

struct ends {
	int master, worker;
};

static struct ends make_ends(void)
{
	int fds[2];

	cr_assert_eq(ipc_pair(fds), 0);
	return (struct ends){ fds[0], fds[1] };
}

Test(control, a_worker_says_that_it_is_ready)
{
	struct ends ends = make_ends();
	struct ipc_message message;

	cr_assert_eq(control_send_ready(ends.worker), 0);
	cr_assert_eq(control_receive(ends.master, &message), 1);
	cr_assert_eq(message.type, CONTROL_READY);
}

Test(control, a_worker_says_that_it_leaves)
{
	struct ends ends = make_ends();
	struct ipc_message message;

	cr_assert_eq(control_send_leaving(ends.worker), 0);
	cr_assert_eq(control_receive(ends.master, &message), 1);
	cr_assert_eq(message.type, CONTROL_LEAVING);
}

Test(control, a_worker_says_that_its_loop_is_stuck)
{
	struct ends ends = make_ends();
	struct ipc_message message;

	cr_assert_eq(control_send_stalled(ends.worker), 0);
	cr_assert_eq(control_receive(ends.master, &message), 1);
	cr_assert_eq(message.type, CONTROL_STALLED);
}

Test(control, a_worker_says_why_it_failed)
{
	struct ends ends = make_ends();
	struct ipc_message message;

	cr_assert_eq(control_send_failed(ends.worker, "shop: no database"), 0);
	cr_assert_eq(control_receive(ends.master, &message), 1);
	cr_assert_eq(message.type, CONTROL_FAILED);
	cr_assert_str_eq(message.text, "shop: no database");
}

Test(control, a_reason_that_is_too_long_is_cut)
{
	struct ends ends = make_ends();
	char why[IPC_TEXT_MAX * 2];
	struct ipc_message message;

	memset(why, 'w', sizeof(why));
	why[sizeof(why) - 1] = '\0';
	cr_assert_eq(control_send_failed(ends.worker, why), 0);
	cr_assert_eq(control_receive(ends.master, &message), 1);
	cr_assert_eq(strlen(message.text), IPC_TEXT_MAX - 1u);
}

Test(control, a_master_asks_to_drain)
{
	struct ends ends = make_ends();
	struct ipc_message message;

	cr_assert_eq(control_send_drain(ends.master), 0);
	cr_assert_eq(control_receive(ends.worker, &message), 1);
	cr_assert_eq(message.type, CONTROL_DRAIN);
}

Test(control, an_orphan_comes_with_its_sockets_and_goes_again)
{
	struct ends ends = make_ends();
	int fds[2] = { ends.master, ends.worker };
	struct ipc_message message;

	cr_assert_eq(control_send_adopt(ends.master, 5, fds, 2), 0);
	cr_assert_eq(control_send_return(ends.master, 5), 0);
	cr_assert_eq(control_receive(ends.worker, &message), 1);
	cr_assert_eq(message.type, CONTROL_ADOPT);
	cr_assert_eq(message.number, 5u);
	cr_assert_eq(message.n_fds, 2u);
	cr_assert_eq(control_receive(ends.worker, &message), 1);
	cr_assert_eq(message.type, CONTROL_RETURN);
	cr_assert_eq(message.number, 5u);
}

Test(control, an_orphan_with_too_many_sockets_is_refused)
{
	struct ends ends = make_ends();
	int fds[IPC_FDS_MAX + 1] = { 0 };

	cr_assert_eq(control_send_adopt(ends.master, 5, fds, IPC_FDS_MAX + 1), -EMSGSIZE);
}

Test(control, the_others_death_is_end_of_file)
{
	struct ends ends = make_ends();
	struct ipc_message message;

	cr_assert_eq(control_receive(ends.worker, &message), -EAGAIN);
	close(ends.master);
	cr_assert_eq(control_receive(ends.worker, &message), 0);
}

Test(control, an_unknown_word_is_refused)
{
	struct ipc_message message = { .type = 99 };
	struct ends ends = make_ends();

	cr_assert_eq(ipc_send(ends.worker, &message), 0);
	cr_assert_eq(control_receive(ends.master, &message), -EBADMSG);
}

Test(control, a_text_without_room_for_its_end_is_refused)
{
	struct ipc_message message = { .type = CONTROL_FAILED, .text_len = IPC_TEXT_MAX };
	struct ends ends = make_ends();

	cr_assert_eq(ipc_send(ends.worker, &message), 0);
	cr_assert_eq(control_receive(ends.master, &message), -EBADMSG);
}

Test(control, a_master_introduces_worker_and_hub)
{
	struct ends ends = make_ends();
	struct ipc_message message;
	int pipe_fds[2];

	cr_assert_eq(pipe(pipe_fds), 0);
	cr_assert_eq(control_send_hub(ends.master, 3, &pipe_fds[1], 1), 0);
	cr_assert_eq(control_receive(ends.worker, &message), 1);
	cr_assert_eq(message.type, CONTROL_HUB);
	cr_assert_eq(message.number, 3u);
	cr_assert_eq(message.n_fds, 1u);
	cr_assert_eq(write(message.fds[0], "x", 1), 1);
}

Test(control, a_master_introduces_a_job_process)
{
	const struct control_job_process what = { .pool = 2, .is_old = 1, .pid = 4711 };
	struct control_job_process read_back = { 0 };
	struct ends ends = make_ends();
	struct ipc_message message;
	int pipe_fds[2], status;

	cr_assert_eq(pipe(pipe_fds), 0);
	cr_assert_eq(control_send_job_process(ends.master, 7, &what, pipe_fds[1]), 0);
	cr_assert_eq(control_receive(ends.worker, &message), 1);
	cr_assert_eq(message.type, CONTROL_JOB_PROCESS);
	cr_assert_eq(message.number, 7u);
	cr_assert_eq(message.n_fds, 1u);
	cr_assert_eq(write(message.fds[0], "x", 1), 1);
	cr_assert_eq(control_read_job_process(&message, &read_back), 0);
	cr_assert_eq(read_back.pool, 2u);
	cr_assert_eq(read_back.is_old, 1u);
	cr_assert_eq(read_back.pid, 4711);
	cr_assert_eq(control_read_job_ended(&message, &status), -EBADMSG);
	message.text_len--;
	cr_assert_eq(control_read_job_process(&message, &read_back), -EBADMSG);
}

Test(control, a_master_says_how_a_job_process_ended)
{
	struct ends ends = make_ends();
	struct ipc_message message;
	int status = 0;

	cr_assert_eq(control_send_job_ended(ends.master, 7, SIGKILL), 0);
	cr_assert_eq(control_receive(ends.worker, &message), 1);
	cr_assert_eq(message.type, CONTROL_JOB_ENDED);
	cr_assert_eq(message.number, 7u);
	cr_assert_eq(control_read_job_ended(&message, &status), 0);
	cr_assert_eq(status, SIGKILL);
	message.text_len--;
	cr_assert_eq(control_read_job_ended(&message, &status), -EBADMSG);
}

Test(control, a_hub_has_job_processes_killed_and_retired)
{
	struct ends ends = make_ends();
	struct ipc_message message;

	cr_assert_eq(control_send_job_kill(ends.worker, 7), 0);
	cr_assert_eq(control_send_job_retire(ends.worker, 8), 0);
	cr_assert_eq(control_receive(ends.master, &message), 1);
	cr_assert_eq(message.type, CONTROL_JOB_KILL);
	cr_assert_eq(message.number, 7u);
	cr_assert_eq(control_receive(ends.master, &message), 1);
	cr_assert_eq(message.type, CONTROL_JOB_RETIRE);
	cr_assert_eq(message.number, 8u);
}

/* ---- pools */

static const struct job_plan_pool pool = {
	.name = "slow", .state = JOB_PLAN_LEAVES, .processes = 3, .queue = 7, .grace_ms = 400
};

Test(control, a_master_tells_the_hub_of_a_pool)
{
	struct ends ends = make_ends();
	struct ipc_message message;
	struct job_plan_pool told;

	cr_assert_eq(control_send_job_pool(ends.master, JOB_PLAN_MAX - 1, &pool), 0);
	cr_assert_eq(control_receive(ends.worker, &message), 1);
	cr_assert_eq(message.type, CONTROL_JOB_POOL);
	cr_assert_eq(message.number, JOB_PLAN_MAX - 1u);
	cr_assert_eq(control_read_job_pool(&message, &told), 0);
	cr_assert_arr_eq(&told, &pool, sizeof(told));
}

Test(control, a_pool_that_makes_no_sense_is_none)
{
	struct job_plan_pool bad = pool, told = { .processes = 99 };
	struct ends ends = make_ends();
	struct ipc_message message;

	cr_assert_eq(control_send_job_renew(ends.master), 0);
	cr_assert_eq(control_receive(ends.worker, &message), 1);
	cr_assert_eq(control_read_job_pool(&message, &told), -EBADMSG);
	cr_assert_eq(control_send_job_pool(ends.master, JOB_PLAN_MAX, &pool), 0);
	cr_assert_eq(control_receive(ends.worker, &message), 1);
	cr_assert_eq(control_read_job_pool(&message, &told), -EBADMSG);
	memset(bad.name, 'n', sizeof(bad.name));
	cr_assert_eq(control_send_job_pool(ends.master, 1, &bad), 0);
	cr_assert_eq(control_receive(ends.worker, &message), 1);
	cr_assert_eq(control_read_job_pool(&message, &told), -EBADMSG);
	cr_assert_eq(control_send_job_pool(ends.master, 1, &pool), 0);
	cr_assert_eq(control_receive(ends.worker, &message), 1);
	message.text_len--;
	cr_assert_eq(control_read_job_pool(&message, &told), -EBADMSG);
	cr_assert_eq(told.processes, 99u);
}
