/*
 * test_inherited.c - sockets as a service manager hands them over: at descriptors from 3 on. Those
 * are Criterion's here, so a child does the work, and leaves what it has found in shared memory.
 */
#include "daemon/inherited.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "conf_fixture.h"

#define N_TEXTS 4

struct found {
	int r;
	size_t n_listen;
	char texts[N_TEXTS][120];
	int fds[N_TEXTS];
	bool is_nonblocking, is_cloexec;
	bool stays_open; /* lent: in the program to come */
	char said[2000];
};

struct scene {
	const char *config;
	const char *names;  /* LISTEN_FDNAMES */
	int types[N_TEXTS]; /* of sockets from 3 on; 0: no more; negative: it does not listen */
	bool is_other_pid;
	bool is_lent; /* and then lent to this one */
};

static void open_at(int fd, int type)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int made = socket(AF_INET, type < 0 ? -type : type, 0);

	if (bind(made, (struct sockaddr *)&in, sizeof(in)) < 0 ||
	    (type == SOCK_STREAM && listen(made, 8) < 0) || dup2(made, fd) < 0)
		_exit(2);
	if (made != fd)
		(void)close(made);
}

static void look(const struct scene *scene, struct fixture *f, struct found *found)
{
	char number[16];
	struct buf said;
	int n = 0;

	for (; n < N_TEXTS && scene->types[n]; n++)
		open_at(3 + n, scene->types[n]);
	(void)snprintf(number, sizeof(number), "%d", (int)getpid() + scene->is_other_pid);
	setenv("LISTEN_PID", number, 1);
	(void)snprintf(number, sizeof(number), "%d", n);
	setenv("LISTEN_FDS", number, 1);
	if (scene->names)
		setenv("LISTEN_FDNAMES", scene->names, 1);
	if (scene->is_lent) {
		(void)fcntl(3, F_SETFD, FD_CLOEXEC);
		inherited_lend((unsigned)n);
		found->stays_open = !(fcntl(3, F_GETFD) & FD_CLOEXEC);
	}
	found->r = inherited_resolve(f->conf, &f->messages);
	found->n_listen = f->conf->n_listen;
	for (size_t i = 0; i < f->conf->n_listen && i < N_TEXTS; i++) {
		const struct conf_address *address = &f->conf->listen[i].address;

		(void)snprintf(found->texts[i], sizeof(found->texts[i]), "%s", address->text);
		found->fds[i] = address->type == CONF_ADDRESS_INHERITED ? address->inherited : -1;
	}
	found->is_nonblocking = fcntl(3, F_GETFL) & O_NONBLOCK;
	found->is_cloexec = fcntl(3, F_GETFD) & FD_CLOEXEC;
	buf_init(&said, 0);
	if (messages_format(&f->messages, &said) >= 0)
		(void)snprintf(found->said, sizeof(found->said), "%.*s", (int)said.len, said.data);
	buf_done(&said);
}

static struct found *play(const struct scene *scene)
{
	struct found *found = mmap(NULL, sizeof(*found), PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct fixture f;
	int status = 0;
	pid_t pid;

	fixture_init(&f);
	fixture_load(&f, scene->config);
	cr_assert_eq(f.r, 0, "%s", f.said);
	pid = fork();
	if (pid == 0) {
		look(scene, &f, found);
		_exit(0);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert_eq(status, 0);
	fixture_done(&f);
	return found;
}

#define ROUTELESS "access_log: off\n"

Test(inherited, a_socket_is_found_by_its_name_and_made_like_ours)
{
	const struct scene scene = { .config = ROUTELESS "listen:\n"
							 "  - address: systemd:http\n"
							 "  - address: systemd:https\n",
				     .names = "https:http",
				     .types = { SOCK_STREAM, SOCK_STREAM } };
	const struct found *found = play(&scene);

	cr_assert_eq(found->r, 0, "%s", found->said);
	cr_assert_eq(found->n_listen, 2);
	cr_assert_eq(strncmp(found->texts[0], "systemd:http (127.0.0.1:", 24), 0, "%s",
		     found->texts[0]);
	cr_assert_eq(found->fds[0], 4);
	cr_assert_eq(found->fds[1], 3);
	cr_assert(found->is_nonblocking);
	cr_assert(found->is_cloexec);
}

Test(inherited, all_sockets_of_a_name_are_listened_on)
{
	const struct scene scene = { .config = ROUTELESS "listen: [{address: \"127.0.0.1:1\"}, "
							 "{address: \"systemd:http\"}]\n",
				     .names = "http:other:http",
				     .types = { SOCK_STREAM, SOCK_STREAM, SOCK_STREAM } };
	const struct found *found = play(&scene);

	cr_assert_eq(found->r, 0, "%s", found->said);
	cr_assert_eq(found->n_listen, 3);
	cr_assert_str_eq(found->texts[0], "127.0.0.1:1");
	cr_assert_eq(found->fds[1], 3);
	cr_assert_eq(found->fds[2], 5);
	cr_assert_not_null(
		strstr(found->said, "warning: the service manager has given a socket \"other\""),
		"%s", found->said);
}

Test(inherited, one_without_a_name_is_called_unknown)
{
	const struct scene scene = { .config = ROUTELESS
				     "listen: [{address: \"systemd:unknown\"}]\n",
				     .types = { SOCK_STREAM } };
	const struct found *found = play(&scene);

	cr_assert_eq(found->r, 0, "%s", found->said);
	cr_assert_eq(found->fds[0], 3);
}

Test(inherited, a_missing_one_is_said_with_its_line_and_with_those_there_are)
{
	const struct scene scene = { .config = ROUTELESS "listen:\n  - address: systemd:web\n",
				     .names = "http",
				     .types = { SOCK_STREAM } };
	const struct found *found = play(&scene);

	cr_assert_eq(found->r, -EINVAL);
	cr_assert_not_null(strstr(found->said, "test.yaml:3:"), "%s", found->said);
	cr_assert_not_null(strstr(found->said, "systemd:web: no socket has that name, only "
					       "\"http\""),
			   "%s", found->said);
}

Test(inherited, sockets_of_another_process_are_not_ours)
{
	const struct scene scene = { .config = ROUTELESS "listen: [{address: \"systemd:http\"}]\n",
				     .names = "http",
				     .types = { SOCK_STREAM },
				     .is_other_pid = true };
	const struct found *found = play(&scene);

	cr_assert_eq(found->r, -EINVAL);
	cr_assert_not_null(strstr(found->said, "FileDescriptorName=http"), "%s", found->said);
}

Test(inherited, but_can_be_lent)
{
	const struct scene scene = { .config = ROUTELESS "listen: [{address: \"systemd:http\"}]\n",
				     .names = "http",
				     .types = { SOCK_STREAM },
				     .is_other_pid = true,
				     .is_lent = true };
	const struct found *found = play(&scene);

	cr_assert(found->stays_open);
	cr_assert_eq(found->r, 0, "%s", found->said);
	cr_assert_eq(found->fds[0], 3);
}

Test(inherited, one_for_datagrams_is_refused)
{
	const struct scene scene = { .config = ROUTELESS "listen: [{address: \"systemd:http\"}]\n",
				     .names = "http",
				     .types = { SOCK_DGRAM } };
	const struct found *found = play(&scene);

	cr_assert_eq(found->r, -EINVAL);
	cr_assert_not_null(strstr(found->said, "it is no stream socket"), "%s", found->said);
}

Test(inherited, one_that_does_not_listen_is_refused)
{
	const struct scene scene = { .config = ROUTELESS "listen: [{address: \"systemd:http\"}]\n",
				     .names = "http",
				     .types = { -SOCK_STREAM } };
	const struct found *found = play(&scene);

	cr_assert_eq(found->r, -EINVAL);
	cr_assert_not_null(strstr(found->said, "the unit needs Accept=no"), "%s", found->said);
}
