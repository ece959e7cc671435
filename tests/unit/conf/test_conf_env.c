/* test_conf_env.c - variables one by one; which source wins is test_conf.c's. */
#include "conf/conf_env.h"

#include "conf/conf_read.h"
#include "conf_fixture.h"

static void init(struct fixture *f)
{
	cr_assert_eq(unsetenv("PORT"), 0);
	cr_assert_eq(unsetenv("WEIR_LISTEN"), 0);
	cr_assert_eq(unsetenv("WEB_CONCURRENCY"), 0);
	fixture_init(f);
	f->conf = conf_new();
	cr_assert_not_null(f->conf);
	f->conf->dir = "/of-the-file";
	f->conf->cwd = "/here";
	cr_assert_eq(conf_read_defaults(f->conf, OPTION_TOP, f->conf), 0);
}

Test(conf_env, every_option_with_one_value_has_a_variable)
{
	struct fixture f;

	init(&f);
	cr_assert_eq(setenv("WEIR_HEADER_TIMEOUT", "3s", 1), 0);
	cr_assert_eq(setenv("WEIR_MAX_HEAD", "2KiB", 1), 0);
	cr_assert_eq(setenv("WEIR_LOG_LEVEL", "error", 1), 0);
	cr_assert_eq(setenv("WEIR_ACCESS_LOG", "./x.log", 1), 0);
	cr_assert_eq(conf_env_values(f.conf, &f.cli, &f.messages), 0);
	cr_assert_eq(f.messages.n_errors, 0);
	cr_expect_eq(f.conf->limits.header_timeout_ms, 3000);
	cr_expect_eq(f.conf->limits.max_head, 2048);
	cr_expect_eq(f.conf->log_level, 3);
	cr_expect_str_eq(f.conf->access_log.path, "/here/./x.log");
	fixture_done(&f);
}

Test(conf_env, an_empty_variable_is_none)
{
	struct fixture f;

	init(&f);
	cr_assert_eq(setenv("WEIR_MAX_HEAD", "", 1), 0);
	cr_assert_eq(setenv("WEIR_LISTEN", "", 1), 0);
	cr_assert_eq(conf_env_values(f.conf, &f.cli, &f.messages), 0);
	cr_assert_eq(conf_env_listen(f.conf, &f.cli, &f.messages), 0);
	cr_expect_eq(f.conf->limits.max_head, 32768);
	cr_expect_str_eq(f.conf->listen[0].address.text, "127.0.0.1:8000");
	fixture_done(&f);
}

Test(conf_env, listen_is_a_list_with_spaces_or_commas)
{
	struct fixture f;

	init(&f);
	cr_assert_eq(setenv("WEIR_LISTEN", " 127.0.0.1:1,unix:a.sock  [::1]:2 ", 1), 0);
	cr_assert_eq(conf_env_listen(f.conf, &f.cli, &f.messages), 0);
	cr_assert_eq(f.conf->n_listen, 3);
	cr_expect_str_eq(f.conf->listen[1].address.text, "unix:/here/a.sock");
	cr_expect_eq(f.conf->listen[1].mode, 0666);
	cr_expect_str_eq(f.conf->listen[1].pos.file, "WEIR_LISTEN");
	fixture_done(&f);
}

Test(conf_env, a_bad_address_is_said_with_its_source)
{
	struct fixture f;

	init(&f);
	cr_assert_eq(setenv("WEIR_LISTEN", "127.0.0.1:1 here", 1), 0);
	cr_assert_eq(conf_env_listen(f.conf, &f.cli, &f.messages), 0);
	cr_assert_eq(f.messages.n_errors, 1);
	cr_expect_str_eq(f.messages.items[0].pos.file, "WEIR_LISTEN");
	cr_expect_str_eq(
		f.messages.items[0].text,
		"\"here\" is not of the form ADDRESS:PORT, *:PORT, unix:PATH or systemd:NAME");
	fixture_done(&f);
}

Test(conf_env, more_addresses_than_there_is_room_for_are_refused)
{
	char text[CLI_MAX_LISTEN * 20 + 40] = "";
	struct fixture f;

	init(&f);
	for (int i = 0; i <= CLI_MAX_LISTEN; i++)
		(void)snprintf(text + strlen(text), 20, "127.0.0.1:%d ", i + 1);
	cr_assert_eq(setenv("WEIR_LISTEN", text, 1), 0);
	cr_assert_eq(conf_env_listen(f.conf, &f.cli, &f.messages), 0);
	cr_assert_eq(f.messages.n_errors, 1);
	cr_assert_eq(f.conf->n_listen, CLI_MAX_LISTEN);
	fixture_done(&f);
}

Test(conf_env, port_is_a_port_on_every_address)
{
	struct fixture f;

	init(&f);
	cr_assert_eq(setenv("PORT", "8123", 1), 0);
	cr_assert_eq(conf_env_listen(f.conf, &f.cli, &f.messages), 0);
	cr_expect_str_eq(f.conf->listen[0].address.text, "*:8123");
	cr_expect(f.conf->listen[0].address.is_any);
	fixture_done(&f);
}
