#include "daemon/ctl_commands.h"

#include "ctl_world.h"

static struct ctl_test t;
static struct ctl_call call;
static bool is_done;

static void on_done(struct ctl_call *c)
{
	is_done = true;
	loop_stop(t.loop);
}

static void begin(void)
{
	ctl_test_begin(&t);
	ctl_commands_init(&call, &t.world, on_done);
}

static void end(void)
{
	ctl_commands_end(&call);
	ctl_test_end(&t);
}

static void ask(const char *line)
{
	is_done = ctl_commands_begin(&call, weir_strz(line));
}

static const char *answer(void)
{
	if (!is_done)
		loop_run(t.loop);
	cr_assert(is_done);
	cr_assert_eq(buf_append(&call.out, "", 1), 0);
	return call.out.data;
}

static void expect_word(enum control_type type, unsigned number)
{
	struct ipc_message message;

	cr_assert_eq(control_receive(t.master_fd, &message), 1);
	cr_assert_eq(message.type, type);
	cr_assert_eq(message.number, number);
}

Test(ctl_commands, status_has_a_row_for_each_worker, .init = begin, .fini = end)
{
	const char *text;

	ask("status");
	ctl_test_answer(&t, 0, CTL_ASK_COUNTS, "\t1\t2\t3\t4\t5\t6");
	ctl_test_answer(&t, 1, CTL_ASK_COUNTS, "\t1\tevil\n\t3\t4\t5\t6");
	text = answer();
	cr_expect_not_null(strstr(text, "\trunning\t"), "%s", text);
	cr_expect_not_null(strstr(text, "\nR\t0\t100\tready\t"), "%s", text);
	cr_expect_not_null(strstr(text, "\t1\t2\t3\t4\t5\t6\n"), "%s", text);
	cr_expect_not_null(strstr(text, "\nR\t1\t101\tready\t"), "%s", text);
	cr_expect_not_null(strstr(text, "\t\t\t\t\t\t\n.\n"), "%s", text);
	cr_expect_null(strstr(text, "evil"));
}

Test(ctl_commands, rows_of_workers_are_put_together_and_nothing_else, .init = begin, .fini = end)
{
	ask("ps");
	ctl_test_answer(&t, 0, CTL_ASK_TASKS, "R\ta\nE\tevil\nR\tb\nR\thalf");
	ctl_test_answer(&t, 1, CTL_ASK_TASKS, "");
	cr_assert_eq(strncmp(answer(), "T\ttasks\tid:s\t", 13), 0);
	cr_assert_not_null(strstr(call.out.data, "\nR\ta\nR\tb\n.\n"), "%s", call.out.data);
}

Test(ctl_commands, rows_that_would_steer_a_terminal_are_not_believed, .init = begin, .fini = end)
{
	ask("ps");
	ctl_test_answer(&t, 0, CTL_ASK_TASKS, "R\ta\nR\t\033]0;evil\007\nR\tevil\r\nR\tb\n");
	ctl_test_answer(&t, 1, CTL_ASK_TASKS, "");
	cr_assert_not_null(strstr(answer(), "\nR\ta\nR\tb\n.\n"), "%s", call.out.data);
}

Test(ctl_commands, who_is_stuck_is_said, .init = begin, .fini = end, .timeout = 20)
{
	beat_init(&worker_lags_at(&t.lags, 1)->beat, NULL);
	beat_begin(&worker_lags_at(&t.lags, 1)->beat, 1);
	ask("conns");
	ctl_test_answer(&t, 0, CTL_ASK_CONNS, "R\ta\n");
	cr_assert_not_null(strstr(answer(),
				  "\nR\ta\nN\tworker 1 (pid 101) did not answer: its loop "
				  "has not turned for "),
			   "%s", call.out.data);
}

Test(ctl_commands, kill_asks_the_one_worker, .init = begin, .fini = end)
{
	ask("kill 1-0000abcd");
	ctl_test_answer(&t, 1, CTL_ASK_KILL, "closed");
	cr_assert_str_eq(answer(), "T\tresult\tsaid:s\nR\tclosed\n.\n");
}

Test(ctl_commands, an_id_that_is_gone_is_an_error, .init = begin, .fini = end)
{
	ask("kill 1-0000abcd");
	ctl_test_answer(&t, 1, CTL_ASK_KILL, "");
	cr_assert_str_eq(answer(), "E\tthere is no 1-0000abcd any more\n.\n");
}

Test(ctl_commands, there_may_be_no_such_worker, .init = begin, .fini = end)
{
	ask("bt 3-0000abcd");
	cr_assert_str_eq(answer(), "E\tthere is no 3-0000abcd any more\n.\n");
}

Test(ctl_commands, a_backtrace_of_nonsense_is_an_error, .init = begin, .fini = end)
{
	ask("bt 0-0000abcd");
	ctl_test_answer(&t, 0, CTL_ASK_BACKTRACE, "what?");
	cr_assert_eq(strncmp(answer(), "E\tno backtrace: ", 15), 0, "%s", call.out.data);
}

Test(ctl_commands, reload_and_drain_are_the_masters, .init = begin, .fini = end)
{
	ask("reload");
	cr_assert_not_null(strstr(answer(), "told to reload"));
	expect_word(CONTROL_ASK_RELOAD, 0);
	ctl_commands_end(&call);
	ctl_commands_init(&call, &t.world, on_done);
	ask("drain");
	(void)answer();
	expect_word(CONTROL_ASK_DRAIN, 0);
	ctl_commands_end(&call);
	ctl_commands_init(&call, &t.world, on_done);
	ask("drain 1");
	(void)answer();
	expect_word(CONTROL_ASK_DRAIN, 2);
	ctl_commands_end(&call);
	ctl_commands_init(&call, &t.world, on_done);
	ask("drain 2");
	cr_assert_str_eq(answer(), "E\tthere is no such slot\n.\n");
}

Test(ctl_commands, the_level_of_the_log_goes_to_all, .init = begin, .fini = end)
{
	ask("loglevel debug");
	expect_word(CONTROL_ASK_LOG_LEVEL, LOG_AT_DEBUG);
	ctl_test_answer(&t, 0, CTL_ASK_LEVEL, "");
	ctl_test_answer(&t, 1, CTL_ASK_LEVEL, "");
	cr_assert_str_eq(answer(), "T\tresult\tsaid:s\nR\tdebug\n.\n");
	cr_assert_eq(t.log.level, LOG_AT_DEBUG);
}

Test(ctl_commands, without_a_master_nothing_can_be_told, .init = begin, .fini = end)
{
	(void)close(t.master_fd);
	t.master_fd = -1;
	ask("drain");
	cr_assert_str_eq(answer(), "E\tthe master does not listen\n.\n");
}
