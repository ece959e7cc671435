/* test_conf_ctl.c - what a file says of health: and control:. */
#include "conf/conf_ctl.h"

#include "conf_fixture.h"

static void expect_said(const char *text, const char *words)
{
	struct fixture f;

	fixture_init(&f);
	fixture_load(&f, text);
	cr_expect_eq(f.r, -EINVAL, "%s", text);
	cr_expect_not_null(strstr(f.said, words), "%s", f.said);
	cr_expect_eq(f.messages.n_errors, 1, "%s", f.said);
	cr_assert_not_null(f.conf);
	cr_expect_null(f.conf->health.listen.text);
	fixture_done(&f);
}

Test(conf_ctl, without_a_word_there_is_neither)
{
	struct fixture f;

	fixture_init(&f);
	fixture_load(&f, "workers: 1\n");
	cr_expect_eq(f.r, 0, "%s", f.said);
	cr_expect_null(f.conf->health.listen.text);
	cr_expect_null(f.conf->control.socket.text);
	fixture_done(&f);
}

Test(conf_ctl, every_option_arrives)
{
	struct fixture f;
	char path[64];

	fixture_init(&f);
	fixture_load(&f, "health: {listen: 127.0.0.1:8001, stall: 2s, notice: 10s}\n"
			 "control: {socket: c.sock, mode: 0600, group: root}\n");
	cr_assert_eq(f.r, 0, "%s", f.said);
	cr_expect_str_eq(f.conf->health.listen.text, "127.0.0.1:8001");
	cr_expect_eq(f.conf->health.stall_ms, 2000);
	cr_expect_eq(f.conf->health.notice_ms, 10000);
	(void)snprintf(path, sizeof(path), "%s/c.sock", f.dir);
	cr_expect_str_eq(f.conf->control.socket.text, path);
	(void)snprintf(path, sizeof(path), "unix:%s/c.sock", f.dir);
	cr_expect_str_eq(f.conf->control.address.text, path);
	cr_expect_eq(f.conf->control.mode, 0600);
	cr_expect_str_eq(f.conf->control.group.text, "root");
	fixture_done(&f);
}

Test(conf_ctl, health_needs_an_address_of_its_own)
{
	expect_said("listen: [{address: \"*:8000\"}]\nhealth: {listen: \"*:8000\"}\n",
		    ":2:10: listen: *:8000 is where requests are served");
}

Test(conf_ctl, a_socket_is_a_path_that_the_kernel_takes)
{
	char text[300];

	(void)snprintf(text, sizeof(text), "control: {socket: /%0200d}\n", 1);
	expect_said(text, "more than 107 bytes");
	expect_said("listen: [{address: unix:/x}]\ncontrol: {socket: /x}\n",
		    "socket: /x is where requests are served");
}

Test(conf_ctl, a_group_must_be_known)
{
	expect_said("control: {socket: /x, group: no-such-group}\n",
		    "group: there is no group \"no-such-group\"");
}

Test(conf_ctl, what_is_wrong_is_said_once)
{
	expect_said("health: {listen: nowhere}\n", ":1:18: listen: \"nowhere\" is not");
	expect_said("health: {stall: 5}\n", ":1:17: stall: \"5\" is not a duration");
	expect_said("control: {socket: \"\"}\n", "socket: has no value");
	expect_said("control: {socket: /x, mode: 9}\n", "mode: \"9\" is not an octal mode");
}
