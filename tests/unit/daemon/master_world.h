#ifndef WEIR_TESTS_MASTER_WORLD_H
#define WEIR_TESTS_MASTER_WORLD_H
/* master_world.h - a real master for test_master*.c, and what its workers begin with. */
#include "daemon/master.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "conf/conf.h"
#include "conf/exit_code.h"
#include "daemon/control.h"
#include "daemon/generation.h"
#include "daemon/hub_process.h"
#include "daemon/listeners.h"
#include "daemon/worker_notes.h"
#include "io/sock.h"

#define PATIENCE_MS 30000

struct world {
	struct log log;
	int log_fd; /* what master and workers say */
	char text[20000];
	size_t len, read_to; /* of text: what has come, and what was looked at */
	struct listeners *listeners;
	struct sock_addr address;
	pid_t master;
};

static inline void open_listeners(struct world *world, unsigned n_workers)
{
	struct conf_listen listen = { .address = { .type = CONF_ADDRESS_TCP,
						   .len = sizeof(struct sockaddr_in),
						   .text = "" } };
	struct sockaddr_in *in = (struct sockaddr_in *)&listen.address.sockaddr;
	char words[LISTENERS_WORDS_MAX];

	in->sin_family = AF_INET;
	in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	cr_assert_eq(listeners_open(&listen, 1, n_workers, 64, &world->listeners, words), 0);
	cr_assert_eq(sock_local(listeners_fd(world->listeners, 0, 0), &world->address), 0);
}

/* How its processes live. */
struct lives {
	unsigned n_workers;
	int64_t graceful_ms;
	worker_main_fn *worker_main;
	hub_main_fn *hub_main;
	const struct conf_jobs *jobs; /* NULL: none */
	job_main_fn *job_main;
	const struct ctl_doors *ctl_doors; /* NULL: no ctl process */
	ctl_main_fn *ctl_main;
	int64_t notice_ms;
	const struct generation_ops *ops; /* NULL: it cannot be reloaded */
	void *ops_arg;
	const char *program; /* for SIGUSR2; NULL: none */
	char *const *arguments;
};

/* A daemon whose processes live as given. */
static inline void begin_with_jobs(struct world *world, const struct lives *lives)
{
	int fds[2];

	memset(world, 0, sizeof(*world));
	cr_assert_eq(pipe2(fds, O_CLOEXEC), 0);
	world->log_fd = fds[0];
	log_init(&world->log, fds[1], LOG_AT_DEBUG);
	world->log.has_time = false;
	open_listeners(world, lives->n_workers);

	world->master = fork();
	cr_assert_geq(world->master, 0);
	if (world->master == 0) {
		struct hub_setup hub = { .access_log_fd = -1, .max_publication = 1024 };
		struct generation first = { .listeners = world->listeners,
					    .n_workers = lives->n_workers,
					    .graceful_ms = lives->graceful_ms,
					    .jobs = lives->jobs,
					    .has_jobs = lives->jobs,
					    .notice_ms = lives->notice_ms,
					    .hub_arg = &hub };
		struct master_setup setup = { .log = &world->log,
					      .first = &first,
					      .ops = lives->ops,
					      .ops_arg = lives->ops_arg,
					      .program = lives->program,
					      .arguments = lives->arguments,
					      .worker_main = lives->worker_main,
					      .hub_main = lives->hub_main,
					      .job_main = lives->job_main,
					      .ctl_main = lives->ctl_main,
					      .ctl_doors = lives->ctl_doors };

		/* A test that fails leaves nobody behind. */
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		log_set_who(&world->log, "master");
		close(world->log_fd);
		_exit(master_run(&setup));
	}
	/* From now on the log ends when master and workers are gone, and so does the port. */
	close(fds[1]);
	world->listeners = listeners_close(world->listeners);
}

/* The same without jobs. */
static inline void begin_with_hub(struct world *world, unsigned n_workers,
				  worker_main_fn *worker_main, hub_main_fn *hub_main,
				  int64_t graceful_ms)
{
	begin_with_jobs(world, &(struct lives){ .n_workers = n_workers,
						.graceful_ms = graceful_ms,
						.worker_main = worker_main,
						.hub_main = hub_main });
}

/* LeakSanitizer does not know its way about in a child of a child. */
__attribute__((noreturn)) static inline int real_hub(const struct hub_args *args)
{
	_exit(hub_process_main(args));
}

/* With the real hub. */
static inline void begin(struct world *world, unsigned n_workers, int64_t graceful_ms,
			 worker_main_fn *worker_main)
{
	begin_with_hub(world, n_workers, worker_main, real_hub, graceful_ms);
}

/* One more piece of the log; false at its end. */
static inline bool read_more(struct world *world)
{
	struct pollfd polled = { .fd = world->log_fd, .events = POLLIN };
	ssize_t n;

	cr_assert_eq(poll(&polled, 1, PATIENCE_MS), 1, "nothing more came after: %s", world->text);
	n = read(world->log_fd, world->text + world->len, sizeof(world->text) - 1 - world->len);
	cr_assert_geq(n, 0);
	world->len += (size_t)n;
	return n > 0;
}

/* Waits for a line with these words after the last one; returns what follows the words. */
static inline const char *expect(struct world *world, const char *words)
{
	for (;;) {
		const char *at = strstr(world->text + world->read_to, words);
		const char *end = at ? strchr(at, '\n') : NULL;

		if (end) {
			world->read_to = (size_t)(end - world->text);
			return at + strlen(words);
		}
		cr_assert(read_more(world), "\"%s\" was never said, but: %s", words, world->text);
	}
}

static inline void expect_end_of_all(struct world *world)
{
	while (read_more(world))
		;
}

/* A signal for the master, and what comes of it. */
static inline const char *tell(struct world *world, int sig, const char *words)
{
	kill(world->master, sig);
	return expect(world, words);
}

/* As begin(), until it is ready. */
static inline void begin_ready(struct world *world, unsigned n_workers, int64_t graceful_ms,
			       worker_main_fn *worker_main)
{
	begin(world, n_workers, graceful_ms, worker_main);
	expect(world, "ready: ");
}

static inline int count(const struct world *world, const char *words)
{
	int n = 0;

	for (const char *p = world->text; (p = strstr(p, words)); p++)
		n++;
	return n;
}

static inline int exit_code(struct world *world)
{
	int status = 0;

	expect_end_of_all(world);
	cr_assert_eq(waitpid(world->master, &status, 0), world->master);
	cr_assert(WIFEXITED(status), "%d: %s", status, world->text);
	return WEXITSTATUS(status);
}

/* It is told to stop, and does so in good order. */
static inline void stop_well(struct world *world)
{
	kill(world->master, SIGTERM);
	cr_assert_eq(exit_code(world), EXIT_CODE_OK);
}

/* The pid in "worker 1: begins, pid 123". */
static inline pid_t expect_worker(struct world *world, const char *slot)
{
	char words[64];

	(void)snprintf(words, sizeof(words), "worker %s: begins, pid ", slot);
	return (pid_t)atoi(expect(world, words));
}

static inline void say_begin(const struct worker_args *args)
{
	log_write(args->log, LOG_AT_NOTICE, "begins, pid %d", (int)getpid());
}

static inline void be_ready(const struct worker_args *args)
{
	if (control_send_ready(args->control_fd) < 0)
		_exit(99);
}

/* Does what the master says until it says drain. */
static inline void obey(const struct worker_args *args)
{
	struct pollfd polled = { .fd = args->control_fd, .events = POLLIN };
	struct ipc_message message;

	for (;;) {
		int r;

		(void)poll(&polled, 1, -1);
		r = control_receive(args->control_fd, &message);
		if (r == -EAGAIN)
			continue;
		if (r <= 0 || message.type == CONTROL_DRAIN)
			return;
		if (message.type == CONTROL_ADOPT)
			log_write(args->log, LOG_AT_NOTICE, "adopts slot %u with %zu sockets",
				  message.number, message.n_fds);
		if (message.type == CONTROL_RETURN)
			log_write(args->log, LOG_AT_NOTICE, "returns slot %u", message.number);
	}
}

/* As the most are. */
static inline int good_worker(const struct worker_args *args)
{
	say_begin(args);
	be_ready(args);
	obey(args);
	log_write(args->log, LOG_AT_NOTICE, "drained");
	_exit(0);
}

/* What the service manager is told next, but for how things stand. */
static inline ssize_t hear(int fd, char *text, size_t size)
{
	ssize_t n;

	do {
		memset(text, 0, size);
		n = recv(fd, text, size, 0);
	} while (n > 0 && !strncmp(text, "STATUS=", 7));
	return n;
}

#endif
