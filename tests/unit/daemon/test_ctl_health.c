/* test_ctl_health.c - the real server on a real socket, asked by a client that waits for each answer. */
#include "daemon/ctl_health.h"

#include <criterion/criterion.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "conf/conf.h"
#include "daemon/listeners.h"
#include "daemon/worker_board.h"
#include "daemon/worker_lags.h"
#include "io/loop.h"
#include "io/sock.h"

static struct loop *loop;
static struct log logger;
static struct listeners *listeners;
static struct worker_board *board;
static struct worker_lags lags;
static struct ctl_health health;
static char text[4096];

static void begin(void)
{
	struct conf_listen listen = { .address = { .len = sizeof(struct sockaddr_in),
						   .text = "" } };
	struct sockaddr_in *in = (struct sockaddr_in *)&listen.address.sockaddr;
	char words[LISTENERS_WORDS_MAX];

	in->sin_family = AF_INET;
	in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	log_init(&logger, 2, LOG_AT_ERROR);
	cr_assert_eq(loop_new(&loop), 0);
	cr_assert_eq(listeners_open(&listen, 1, 1, 64, &listeners, words), 0);
	cr_assert_eq(worker_board_new(1, 0, &board), 0);
	cr_assert_eq(worker_lags_init(&lags, 1), 0);
	cr_assert_eq(ctl_health_init(&health, loop, &logger, listeners,
				     &(struct health_view){ .board = board, .lags = &lags }),
		     0);
}

static void end(void)
{
	ctl_health_done(&health);
	(void)loop_free(loop);
	(void)listeners_close(listeners);
	(void)worker_board_free(board);
	worker_lags_done(&lags);
}

static void set_phase(enum board_phase phase)
{
	atomic_store(&board->phase, phase);
}

static void expect(const char *request, const char *status, const char *rest)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sock_addr address;
	size_t len = 0;
	ssize_t n;

	cr_assert_eq(sock_local(listeners_fd(listeners, 0, 0), &address), 0);
	cr_assert_eq(connect(fd, (struct sockaddr *)&address.ss, address.len), 0);
	cr_assert_gt(send(fd, request, strlen(request), 0), 0);
	/* The loop's turn only when there is nothing: it may wait for a client who waits for nothing. */
	while ((n = recv(fd, text + len, sizeof(text) - 1 - len, MSG_DONTWAIT)) != 0) {
		if (n > 0)
			len += (size_t)n;
		else
			loop_turn(loop, true);
	}
	text[len] = '\0';
	cr_expect_eq(strncmp(text, status, strlen(status)), 0, "%s", text);
	cr_expect_not_null(strstr(text, rest), "%s", text);
	(void)close(fd);
}

#define END " HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"

Test(ctl_health, says_ok_or_why_not, .init = begin, .fini = end)
{
	set_phase(BOARD_RUNNING);
	expect("GET /readyz" END, "HTTP/1.1 200 OK\r\n", "\r\n\r\nok\n");
	set_phase(BOARD_LEAVING);
	expect("GET /readyz" END, "HTTP/1.1 503 ", "\r\n\r\nthe daemon is leaving\n");
	expect("GET /healthz" END, "HTTP/1.1 200 OK\r\n", "cache-control: no-store\r\n");
}

Test(ctl_health, a_head_has_no_body, .init = begin, .fini = end)
{
	set_phase(BOARD_RUNNING);
	expect("HEAD /readyz" END, "HTTP/1.1 200 OK\r\n", "content-length: 3\r\n");
	cr_expect_null(strstr(text, "ok\n"));
}

Test(ctl_health, nothing_else_is_there, .init = begin, .fini = end)
{
	set_phase(BOARD_RUNNING);
	expect("GET /hello" END, "HTTP/1.1 404 ", "/healthz");
	expect("DELETE /readyz" END, "HTTP/1.1 405 ", "allow: GET, HEAD\r\n");
	expect("GET /readyz\r\n\r\n", "HTTP/1.1 400 ", "connection: close");
}
