/* test_ctl_clients.c - clients at a real socket, which turn the loop while they wait. */
#include "daemon/ctl_clients.h"

#include <sys/socket.h>
#include <sys/un.h>

#include "ctl_world.h"

static struct ctl_test t;
static struct ctl_clients clients;
static struct sockaddr_un at = { .sun_family = AF_UNIX };
static int listen_fd;
static char text[20000];

static void begin(void)
{
	ctl_test_begin(&t);
	(void)snprintf(at.sun_path + 1, sizeof(at.sun_path) - 1, "weir-ctl-clients-%d",
		       (int)getpid());
	listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	cr_assert_eq(bind(listen_fd, (struct sockaddr *)&at, sizeof(at)), 0);
	cr_assert_eq(listen(listen_fd, 100), 0);
	ctl_clients_init(&clients, &t.world, listen_fd);
}

static void end(void)
{
	ctl_clients_done(&clients);
	(void)close(listen_fd);
	ctl_test_end(&t);
}

static void turn(void)
{
	for (int i = 0; i < 5; i++)
		loop_turn(t.loop, false);
}

static int knock(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	cr_assert_eq(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	turn();
	return fd;
}

static void say(int fd, const char *words)
{
	(void)!send(fd, words, strlen(words), MSG_NOSIGNAL);
	turn();
}

/* All there is; false: the connection is closed. */
static bool hear(int fd)
{
	size_t len = 0;
	ssize_t n;

	turn();
	while ((n = recv(fd, text + len, sizeof(text) - 1 - len, MSG_DONTWAIT)) > 0)
		len += (size_t)n;
	text[len] = '\0';
	return n < 0 && errno == EAGAIN;
}

#define LEVEL "T\tresult\tsaid:s\nR\terror\n.\n"

Test(ctl_clients, answers_a_line, .init = begin, .fini = end)
{
	int fd = knock();

	say(fd, "loglevel\n");
	cr_assert(hear(fd));
	cr_assert_str_eq(text, LEVEL);
	say(fd, "loglevel\r\n");
	cr_assert(hear(fd));
	cr_assert_str_eq(text, LEVEL);
	(void)close(fd);
	turn();
	cr_assert_eq(clients.n, 0);
}

Test(ctl_clients, a_line_may_come_byte_by_byte, .init = begin, .fini = end)
{
	const char *line = "loglevel\n";
	int fd = knock();

	for (char one[2] = ""; *line; line++) {
		cr_assert(hear(fd));
		cr_assert_str_eq(text, "");
		one[0] = *line;
		say(fd, one);
	}
	cr_assert(hear(fd));
	cr_assert_str_eq(text, LEVEL);
	(void)close(fd);
}

Test(ctl_clients, lines_are_answered_in_order_and_the_last_before_the_end, .init = begin,
     .fini = end)
{
	int fd = knock();

	say(fd, "loglevel\nfoo\nps\nlogl");
	(void)shutdown(fd, SHUT_WR);
	cr_assert(hear(fd));
	cr_assert_eq(strncmp(text, LEVEL "E\tcommands are", strlen(LEVEL) + 14), 0, "%s", text);
	ctl_test_answer(&t, 0, CTL_ASK_TASKS, "R\tx\n");
	ctl_test_answer(&t, 1, CTL_ASK_TASKS, "");
	cr_assert_not(hear(fd));
	cr_assert_not_null(strstr(text, "\nR\tx\n.\n"), "%s", text);
	(void)close(fd);
}

Test(ctl_clients, who_sends_no_line_is_closed, .init = begin, .fini = end)
{
	char many[1000];
	int fd = knock();

	memset(many, 'x', sizeof(many));
	many[sizeof(many) - 1] = '\0';
	say(fd, many);
	(void)hear(fd);
	cr_assert_str_eq(text, "");
	cr_assert_eq(clients.n, 0);
	(void)close(fd);
}

Test(ctl_clients, who_leaves_while_it_is_answered_harms_nobody, .init = begin, .fini = end)
{
	int fd = knock(), other = knock();

	say(fd, "ps\n");
	(void)close(fd);
	turn();
	ctl_test_answer(&t, 0, CTL_ASK_TASKS, "R\tx\n");
	ctl_test_answer(&t, 1, CTL_ASK_TASKS, "");
	turn();
	say(other, "loglevel\n");
	cr_assert(hear(other));
	cr_assert_str_eq(text, LEVEL);
	(void)close(other);
	turn();
	cr_assert_eq(clients.n, 0);
}

Test(ctl_clients, the_idle_make_way_for_those_who_come, .init = begin, .fini = end)
{
	int fds[CTL_CLIENTS_MAX + 5];

	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		fds[i] = knock();
	cr_assert_lt(clients.n, CTL_CLIENTS_MAX);
	say(fds[ARRAY_LEN(fds) - 1], "loglevel\n");
	cr_assert(hear(fds[ARRAY_LEN(fds) - 1]));
	cr_assert_str_eq(text, LEVEL);
	cr_assert_not(hear(fds[0]));
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		(void)close(fds[i]);
}

/* One more than there may be: all but the last ask for something. */
static void crowd(int fds[CTL_CLIENTS_MAX + 1])
{
	for (size_t i = 0; i < CTL_CLIENTS_MAX; i++) {
		fds[i] = knock();
		if (i + 1 < CTL_CLIENTS_MAX)
			say(fds[i], "ps\n");
	}
	fds[CTL_CLIENTS_MAX] = knock();
	cr_assert_eq(clients.n, CTL_CLIENTS_MAX, "the last one waits");
}

Test(ctl_clients, while_all_are_busy_who_comes_waits, .init = begin, .fini = end)
{
	int fds[CTL_CLIENTS_MAX + 1];

	crowd(fds);
	say(fds[CTL_CLIENTS_MAX - 1], "loglevel\n");
	cr_assert(hear(fds[CTL_CLIENTS_MAX - 1]), "the newest is not sent away");
	cr_assert_str_eq(text, LEVEL);
	say(fds[CTL_CLIENTS_MAX], "loglevel\n");
	cr_assert(hear(fds[CTL_CLIENTS_MAX]));
	cr_assert_str_eq(text, "");
	/* One of them has been served, and wants nothing more for now. */
	ctl_test_answer(&t, 0, CTL_ASK_TASKS, "");
	ctl_test_answer(&t, 1, CTL_ASK_TASKS, "");
	turn();
	cr_assert(hear(fds[CTL_CLIENTS_MAX]));
	cr_assert_str_eq(text, LEVEL);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		(void)close(fds[i]);
}

Test(ctl_clients, who_does_not_read_its_answer_makes_way, .init = begin, .fini = end)
{
	static char rows[1000 * 1000];
	int fds[CTL_CLIENTS_MAX];

	for (size_t len = 0; len + 20 < sizeof(rows);)
		len += (size_t)snprintf(rows + len, sizeof(rows) - len, "R\tx\n");
	for (size_t i = 0; i + 1 < ARRAY_LEN(fds); i++) {
		fds[i] = knock();
		say(fds[i], "ps\n");
		if (i > 0)
			continue;
		ctl_test_answer(&t, 0, CTL_ASK_TASKS, rows);
		ctl_test_answer(&t, 1, CTL_ASK_TASKS, "");
		turn();
	}
	fds[ARRAY_LEN(fds) - 1] = knock();
	cr_expect_eq(clients.n, CTL_CLIENTS_MAX - 1);
	say(fds[ARRAY_LEN(fds) - 1], "loglevel\n");
	cr_assert(hear(fds[ARRAY_LEN(fds) - 1]));
	cr_assert_str_eq(text, LEVEL);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		(void)close(fds[i]);
}

Test(ctl_clients, a_long_answer_arrives_whole, .init = begin, .fini = end)
{
	static char rows[1000 * 1000];
	int fd = knock();
	size_t len = 0, n_rows = 0;
	ssize_t n = 1;

	while (len + 20 < sizeof(rows))
		len += (size_t)snprintf(rows + len, sizeof(rows) - len, "R\t%zu\n", n_rows++);
	say(fd, "ps\n");
	ctl_test_answer(&t, 0, CTL_ASK_TASKS, rows);
	ctl_test_answer(&t, 1, CTL_ASK_TASKS, "");
	len = 0;
	while (n != 0 && (len < 2 || strcmp(text + len - 2, ".\n") != 0)) {
		turn();
		n = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);
		len = n > 0 ? (size_t)n : len;
		for (ssize_t i = 0; i < n; i++)
			n_rows -= text[i] == 'R';
		text[len] = '\0';
	}
	cr_assert_eq(n_rows, 0);
	(void)close(fd);
}
